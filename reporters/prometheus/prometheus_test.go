package prometheus

import (
	"flag"
	"fmt"
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

func written(t *testing.T, r *audit.Report) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "segproof.prom")
	if err := (Textfile{path}).Report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v %v", left, err)
	}
	return string(b)
}

func TestTheMetricsAreTheGoldenFile(t *testing.T) {
	got := written(t, canonical(t))
	golden := filepath.Join("testdata", "report.prom")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if again := written(t, canonical(t)); again != got {
		t.Error("the same report gives other bytes")
	}
}

func TestWhatIsAcceptedIsNotOpen(t *testing.T) {
	r := canonical(t)
	open, accepted := 0, 0
	for v := range findings(r, newPage(r)) {
		switch v[3] {
		case "open":
			open++
		case "suppressed":
			accepted++
		}
	}
	for i := range r.Findings {
		if r.Findings[i].Kind == audit.Fails {
			r.Findings[i].Suppressed = &audit.Suppression{Reason: "known"}
		}
	}
	if open == 0 || accepted == 0 {
		t.Fatalf("%d open, %d accepted: the report proves nothing", open, accepted)
	}
	if got := written(t, r); strings.Contains(got, `state="open"`) {
		t.Errorf("open although accepted:\n%s", got)
	}
}

func TestWhatIsGoneHasNoSeriesAnyMore(t *testing.T) {
	var p Reporter
	r := canonical(t)
	if err := p.Report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	before := len(p.metrics)
	r.Findings = nil
	if err := p.Report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if after := len(p.metrics); after >= before || after == 0 {
		t.Errorf("%d series before, %d after", before, after)
	}
}

func TestNamespacesBeyondTheBoundAreAddedUpAndThoseWithOpenFindingsKept(t *testing.T) {
	r := &audit.Report{}
	for i := range maxNamespaces + 500 {
		r.ScoreCard = append(r.ScoreCard, audit.Score{Namespace: fmt.Sprintf("ns-%05d", i), Network: audit.Layer{State: audit.DeclaredOK}})
	}
	worst := r.ScoreCard[len(r.ScoreCard)-1].Namespace
	r.Findings = []audit.Finding{{Rule: "flow-drop-gap", Severity: audit.High, Kind: audit.Fails, Subject: audit.Ref{Kind: "Pod", Namespace: worst, Name: "p"}}}
	p := newPage(r)
	if p.folded != 500 {
		t.Errorf("%d folded, expected 500", p.folded)
	}
	card := scorecard(r, p)
	if n := card[series{other, "network", string(audit.DeclaredOK)}]; n != 500 {
		t.Errorf("other counts %v, expected 500", n)
	}
	if findings(r, p)[series{"flow-drop-gap", "high", worst, "open"}] != 1 {
		t.Errorf("the namespace with a finding has no series")
	}
	total := 0.0
	for s, n := range card {
		if s[1] == "network" {
			total += n
		}
	}
	if total != float64(len(r.ScoreCard)) {
		t.Errorf("%v namespaces are counted, of %d", total, len(r.ScoreCard))
	}
}

func TestNamesThatAreNotTextAreStillMetrics(t *testing.T) {
	r := &audit.Report{Findings: []audit.Finding{{
		Rule: "r\xff\"", Severity: "\n", Kind: audit.Fails, Subject: audit.Ref{Kind: "Namespace", Name: "a\xfe\nb"},
	}}}
	if got := written(t, r); !strings.Contains(got, `severity="unknown"`) || strings.Contains(got, "\xfe") {
		t.Errorf("got\n%s", got)
	}
}

func TestAFolderIsNotReplaced(t *testing.T) {
	err := Textfile{t.TempDir()}.Report(t.Context(), canonical(t))
	if err == nil || !strings.Contains(err.Error(), "\nname a plain file") {
		t.Errorf("got %v", err)
	}
}
