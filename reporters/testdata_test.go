package reporters

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
)

// The canonical report is what every reporter renders in its tests, so it must
// hold whatever a reporter may meet.
func TestTheCanonicalReportIsARecordThatHoldsEverything(t *testing.T) {
	file, err := os.Open("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := audit.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := audit.Encode(&b, r); err != nil {
		t.Fatal(err)
	}
	again, err := audit.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, again); d != "" {
		t.Errorf("written and read again it differs (-before +after):\n%s", d)
	}
	has := map[string]bool{}
	known := map[string]bool{}
	for _, i := range r.Rules {
		known[i.ID] = true
	}
	prints := map[string]bool{}
	for _, f := range r.Findings {
		if !known[f.ID] {
			t.Errorf("finding of rule %s, which is not among the rules", f.ID)
		}
		if len(f.Fingerprint) != 32 || prints[f.Fingerprint] {
			t.Errorf("fingerprint %q of %s %s is taken or not 32 digits", f.Fingerprint, f.ID, f.Subject)
		}
		prints[f.Fingerprint] = true
		has[string(f.Severity)], has[string(f.Kind)], has[string(f.State)] = true, true, true
		has["ICMP type 0"] = has["ICMP type 0"] || f.Port != nil && *f.Port == 0
		has["no owner"] = has["no owner"] || f.Owner == ""
		has["file"] = has["file"] || f.Location.File != ""
		has["no file"] = has["no file"] || f.Location.File == ""
		has["hidden characters"] = has["hidden characters"] || audit.Clean(f.Subject.Name) != f.Subject.Name
	}
	for _, what := range []string{
		"critical", "high", "medium", "low", "info", "fail", "pass", "new", "unchanged",
		"ICMP type 0", "no owner", "file", "no file", "hidden characters",
	} {
		if !has[what] {
			t.Errorf("no finding with: %s", what)
		}
	}
}
