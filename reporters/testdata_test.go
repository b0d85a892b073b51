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
		has["suppressed"] = has["suppressed"] || f.Suppressed != nil
		has["suggestion"] = has["suggestion"] || f.Suggestion != nil
		has["hidden characters"] = has["hidden characters"] || audit.Clean(f.Subject.Name) != f.Subject.Name
	}
	for _, score := range r.ScoreCard {
		for _, l := range []audit.Layer{score.Admission, score.Network, score.L7, score.Observability} {
			has["layer "+string(l.State)] = true
		}
	}
	for _, e := range r.Edges {
		has["edge "+string(e.State)] = true
		for _, f := range e.Findings {
			if !prints[f] {
				t.Errorf("edge %s → %s names finding %s, which there is not", e.From, e.To, f)
			}
		}
	}
	for _, x := range r.PolicyCoverage {
		has["rule "+string(x.Effect)] = true
		has["rule exercised"] = has["rule exercised"] || x.Exercised
		has["policy without effect"] = has["policy without effect"] || x.NoEffect
	}
	for _, what := range []string{
		"critical", "high", "medium", "low", "info", "fail", "pass", "new", "unchanged",
		"ICMP type 0", "no owner", "file", "no file", "hidden characters", "suppressed", "suggestion",
		"layer not covered", "layer declared", "layer enforced", "layer proven", "layer contradicted",
		"edge carried", "edge refused", "edge contradicted", "edge unjudged", "edge unseen",
		"rule allow", "rule deny", "rule isolate", "rule exercised", "policy without effect",
	} {
		if !has[what] {
			t.Errorf("no finding with: %s", what)
		}
	}
}
