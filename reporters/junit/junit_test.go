package junit

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func canonical(t *testing.T) *audit.Report {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := audit.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func written(t *testing.T, r *audit.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := (Reporter{W: &b}).Report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read is what a CI system makes of a document: it must be XML, the counts must
// be those of the cases, and no two cases of a suite may have one name.
func read(t *testing.T, b []byte) document {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("no XML: %v", err)
		}
	}
	var doc document
	if err := xml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	var sum [3]int
	suites := map[string]bool{}
	for _, s := range doc.Suites {
		if suites[s.Name] {
			t.Errorf("two suites are named %q", s.Name)
		}
		suites[s.Name] = true
		names := map[string]bool{}
		var n [3]int
		for _, c := range s.Cases {
			if names[c.Name] {
				t.Errorf("two cases of %q are named %q", s.Name, c.Name)
			}
			names[c.Name] = true
			n[0]++
			if c.Failure != nil {
				n[1]++
			}
			if c.Skipped != nil {
				n[2]++
			}
		}
		if n != [3]int{s.Tests, s.Failures, s.Skipped} {
			t.Errorf("suite %q says %d, %d, %d and has %v", s.Name, s.Tests, s.Failures, s.Skipped, n)
		}
		for i := range sum {
			sum[i] += n[i]
		}
	}
	if sum != [3]int{doc.Tests, doc.Failures, doc.Skipped} {
		t.Errorf("the document says %d, %d, %d and has %v", doc.Tests, doc.Failures, doc.Skipped, sum)
	}
	return doc
}

func TestTheDocumentIsTheGoldenFile(t *testing.T) {
	got := written(t, canonical(t))
	golden := filepath.Join("testdata", "report.xml")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if !bytes.Equal(got, written(t, canonical(t))) {
		t.Error("the same report gives other bytes")
	}
}

func TestEachOpenFindingIsAFailureAndWhatIsAcceptedOrForInformationIsSkipped(t *testing.T) {
	r := canonical(t)
	open, accepted, info := 0, 0, 0
	for _, f := range r.Findings {
		switch {
		case f.Kind == audit.Passes:
		case f.Suppressed != nil:
			accepted++
		case f.Severity == audit.Info:
			info++
		default:
			open++
		}
	}
	doc := read(t, written(t, r))
	if doc.Failures != open {
		t.Errorf("%d failures, expected %d", doc.Failures, open)
	}
	skipped := doc.Skipped - doc.Suites[0].Skipped
	if accepted == 0 || info == 0 || skipped != accepted+info {
		t.Errorf("%d skipped, expected %d and %d", skipped, accepted, info)
	}
	said := map[string]string{}
	for _, p := range *doc.Suites[0].Properties {
		said[p.Name] = p.Value
	}
	if said["accepted"] != fmt.Sprint(accepted) || said["for-information"] != fmt.Sprint(info) {
		t.Errorf("of %d and %d that are skipped it says %v", accepted, info, said)
	}
}

func TestACleanReportOverABlindSpotIsNotAllGreen(t *testing.T) {
	r := &audit.Report{Rules: []audit.RuleInfo{{ID: "SEG401", Name: "flow-drop-gap"}, {ID: "SEG101", Name: "enforce-deny-forwarded"}}}
	r.Coverage = audit.Coverage{
		Flows: 10, Lost: 1, Withheld: map[string]int{"flow-drop-gap": 2}, Skipped: map[string]string{"l7-path-open": "no L7 flows"},
	}
	doc := read(t, written(t, r))
	if doc.Tests != 4 || doc.Skipped != 3 || doc.Failures != 0 {
		t.Errorf("%d cases, %d skipped, %d failed; expected 4, 3, 0", doc.Tests, doc.Skipped, doc.Failures)
	}
}

func TestWhateverTheNamesAreItIsXML(t *testing.T) {
	r := &audit.Report{Cluster: "]]>\x00"}
	for i := range 3 {
		hostile := "a\x00\x1b\ufffe\xff]]><failure>&\"'\n\u202e"
		r.Findings = append(r.Findings, audit.Finding{
			ID: hostile, Rule: hostile, Kind: audit.Fails, Severity: audit.Severity(hostile), Message: hostile, Owner: hostile, Fix: hostile,
			Subject: audit.Ref{Kind: "Pod", Namespace: hostile, Name: hostile}, Location: audit.Source{File: hostile},
			Evidence: []audit.Evidence{{What: hostile}}, Fingerprint: fmt.Sprint(i),
		})
	}
	r.Coverage.Problems = []string{"\x01"}
	b := written(t, r)
	doc := read(t, b)
	if doc.Failures != 3 {
		t.Errorf("%d failures, expected 3:\n%s", doc.Failures, b)
	}
	if strings.ContainsAny(string(b), "\x00\x1b\u202e\ufffe") {
		t.Error("what can't be seen is in the document")
	}
}
