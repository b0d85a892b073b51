package sarif

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
)

var update = flag.Bool("update", false, "rewrite the golden file")

func canonical(t *testing.T) *audit.Report {
	t.Helper()
	f, err := os.Open("../testdata/report.json")
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

// written is the document, as written to W.
func written(t *testing.T, s Reporter, r *audit.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	s.Path, s.W = "-", &b
	if err := s.Report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTheCanonicalReportIsAcceptedAndIsTheGoldenFile(t *testing.T) {
	r := canonical(t)
	got := written(t, Reporter{Baseline: true}, r)
	d := accept(t, got)
	fails := 0
	for _, f := range r.Findings {
		if f.Kind == audit.Fails && f.Suppressed == nil {
			fails++
		}
	}
	if n := shown(d); n != fails || n == 0 {
		t.Errorf("%d findings are shown, want %d", n, fails)
	}
	if n := len(d.Runs[0].Tool.Driver.Rules); n != len(r.Rules) {
		t.Errorf("%d rules, want all %d", n, len(r.Rules))
	}
	path := filepath.Join("testdata", "report.sarif")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s differs (-want +got); go test -update rewrites it:\n%s", path, d)
	}
}

func TestTheOrderOfFindingsAndRulesDoesNotMatter(t *testing.T) {
	r := canonical(t)
	want := written(t, Reporter{}, r)
	for range 5 {
		rand.Shuffle(len(r.Findings), func(i, j int) { r.Findings[i], r.Findings[j] = r.Findings[j], r.Findings[i] })
		rand.Shuffle(len(r.Rules), func(i, j int) { r.Rules[i], r.Rules[j] = r.Rules[j], r.Rules[i] })
		if !bytes.Equal(want, written(t, Reporter{}, r)) {
			t.Fatal("another order gives another document")
		}
	}
}

func TestNoFindingsIsAnEmptyListUnderAllRules(t *testing.T) {
	r := canonical(t)
	r.Findings = nil
	b := written(t, Reporter{}, r)
	d := accept(t, b)
	if !bytes.Contains(b, []byte(`"results":[]`)) || len(d.Runs[0].Tool.Driver.Rules) != len(r.Rules) {
		t.Error("GitHub closes alerts only for results: [] with the rules present")
	}
	accept(t, written(t, Reporter{}, &audit.Report{}))
}

func TestSeverityIsWrittenInAllThreeWays(t *testing.T) {
	want := map[audit.Severity]string{
		audit.Critical: "error 93 9.3", audit.High: "error 75 7.5", audit.Medium: "warning 50 5.0",
		audit.Low: "note 20 2.0", audit.Info: "note 0 0.0", "dire": "warning 50 5.0",
	}
	r := &audit.Report{}
	for s := range want {
		r.Findings = append(r.Findings, finding("SEG1"+string(s), s))
	}
	d := accept(t, written(t, Reporter{}, r))
	for _, x := range d.Runs[0].Results {
		rule := d.Runs[0].Tool.Driver.Rules[x.RuleIndex]
		got := fmt.Sprintf("%s %v %s", x.Level, x.Rank, rule.Properties.Security)
		if s := audit.Severity(x.RuleID[4:]); got != want[s] {
			t.Errorf("%s is written as %s, want %s", s, got, want[s])
		}
	}
}

func finding(id string, s audit.Severity) audit.Finding {
	return audit.Finding{
		ID: id, Rule: "some-rule", Severity: s, Kind: audit.Fails, State: audit.New, Message: "m",
		Subject: audit.Ref{Kind: "Pod", Namespace: "n", Name: "p"}, Fingerprint: fmt.Sprintf("%032x", len(id)),
	}
}

func TestHostileTextMakesAGoodDocumentAllTheSame(t *testing.T) {
	for i, name := range []string{
		"..", ".", "", "/", "a/../../b", `..\..\c`, "%2e%2e", "x\x00y", "\xff\xfe", "pay\u202eipa", "<script>alert(1)</script>",
		"[click](https://evil.example)", strings.Repeat("n", 253), strings.Repeat("日", 9000), "C:", "file:///etc/passwd", "null", "{0}",
	} {
		f := finding("SEG101", audit.High)
		f.Subject, f.Peer = audit.Ref{Kind: name, Namespace: name, Name: name}, &audit.Ref{Kind: name, Name: name}
		f.Message, f.Fix, f.Owner, f.Direction, f.Severity = name, name, name, audit.Direction(name), audit.Severity(name)
		f.Evidence = []audit.Evidence{{What: name}}
		f.Policies = []audit.PolicyRef{{Ref: f.Subject, Rule: name, Location: audit.Source{File: name, Line: -3}}}
		in := f
		in.Fingerprint = strings.Repeat("f", 32)
		in.Location, in.LocatedBy = audit.Source{File: name, Line: -i}, name
		r := &audit.Report{Cluster: name, Run: audit.Run{ID: name, Version: name}, Findings: []audit.Finding{f, in}}
		r.Rules = []audit.RuleInfo{{ID: "SEG101", Name: name, Title: name, Why: name, Fix: name, Blind: name}}
		c := &r.Coverage
		c.SilentNodes, c.Unreadable, c.Problems, c.Skipped = []string{name}, []string{name}, []string{name}, map[string]string{name: name}
		d := accept(t, written(t, Reporter{}, r))
		if n := shown(d); n != 2 {
			t.Errorf("%.20q: %d findings are shown, want 2", name, n)
		}
		if id := d.Runs[0].AutomationDetails.ID; strings.Count(id, "/") != 2 {
			t.Errorf("%.20q: automation id %q has other parts than tool, cluster and run", name, id)
		}
		for _, c := range []string{"\u202e", "\x00"} {
			if strings.Contains(fmt.Sprint(d), c) {
				t.Errorf("%.20q: %+q is in the document", name, c)
			}
		}
	}
}

func TestEverythingThatWasNotSeenIsANotification(t *testing.T) {
	names := []string{"x-y"}
	for id, blind := range map[string]func(*audit.Coverage){
		"":                  func(*audit.Coverage) {},
		"no-flows":          func(c *audit.Coverage) { c.Flows = 0 },
		"lost-flows":        func(c *audit.Coverage) { c.Lost = 1 },
		"silent-nodes":      func(c *audit.Coverage) { c.SilentNodes = names },
		"silent-workloads":  func(c *audit.Coverage) { c.Unheard = slices.Repeat(names, 60_000) },
		"unreadable-kinds":  func(c *audit.Coverage) { c.Unreadable = names },
		"partly-understood": func(c *audit.Coverage) { c.PartlyUnderstood = names },
		"rejected-policies": func(c *audit.Coverage) { c.Rejected = names },
		"unreadable-input":  func(c *audit.Coverage) { c.Problems = names },
		"bad-records":       func(c *audit.Coverage) { c.BadRecords = 2 },
		"folded-flows":      func(c *audit.Coverage) { c.Folded = 3 },
		"unjudged-flows":    func(c *audit.Coverage) { c.Unjudged = map[string]uint64{"x": 5} },
		"withheld-findings": func(c *audit.Coverage) { c.Withheld = map[string]int{"x-y": 1} },
		"skipped-rule":      func(c *audit.Coverage) { c.Skipped = map[string]string{"x-y": "z"} },
	} {
		r := &audit.Report{Rules: []audit.RuleInfo{{ID: "SEG100", Name: "a-b"}, {ID: "SEG200", Name: "x-y"}}}
		r.Coverage = audit.Coverage{Flows: 5}
		blind(&r.Coverage)
		d := accept(t, written(t, Reporter{}, r))
		var got []string
		for _, n := range d.Runs[0].Invocations[0].ToolExecutionNotifications {
			got = append(got, n.Descriptor.ID)
			if (n.AssociatedRule != nil) != (id == "skipped-rule") {
				t.Errorf("%s: associated rule is %v", id, n.AssociatedRule)
			}
			if len(n.Message.Text) > 12_000 {
				t.Errorf("%s: a text of %d bytes", id, len(n.Message.Text))
			}
		}
		if strings.Join(got, ",") != id {
			t.Errorf("notifications are %v, want %q", got, id)
		}
	}
}

func TestBaselineStateIsWrittenOnlyIfABaselineWasCompared(t *testing.T) {
	r := &audit.Report{Findings: []audit.Finding{finding("SEG101", audit.High), finding("SEG1010", audit.High)}}
	r.Findings[1].State = audit.Unchanged
	r.Gone = []audit.Finding{finding("SEG102", audit.High)}
	for baseline, want := range map[bool][]string{false: {"", ""}, true: {"new", "unchanged"}} {
		var got []string
		for _, x := range accept(t, written(t, Reporter{Baseline: baseline}, r)).Runs[0].Results {
			got = append(got, x.BaselineState)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("baseline %v (-want +got):\n%s", baseline, d)
		}
	}
}

func TestAMessageNamesTheObjectAndWhatToDo(t *testing.T) {
	port := uint16(53)
	f := finding("SEG402", audit.High)
	f.Message, f.Fix = "queries are dropped", "Allow them:\n  egress: []"
	f.Peer, f.Direction, f.Protocol, f.Port = &audit.Ref{Kind: "Deployment", Namespace: "kube-system", Name: "coredns"}, audit.Egress, audit.UDP, &port
	want := "Pod n/p: queries are dropped (egress with Deployment kube-system/coredns UDP 53). What to do: Allow them:\n  egress: []"
	if got := message([]*audit.Finding{&f}); got != want {
		t.Errorf("message is %q, want %q", got, want)
	}
	f.Message, f.Fix = "Pod n/p can't ask coredns", ""
	if got, want := message([]*audit.Finding{&f}), "Pod n/p can't ask coredns."; got != want {
		t.Errorf("message is %q, want %q", got, want)
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("closed") }

func TestAnErrorOfTheWriterIsTold(t *testing.T) {
	err := Reporter{Path: "-", W: closed{}}.Report(t.Context(), canonical(t))
	if err == nil || err.Error() != "write sarif: closed" {
		t.Errorf("error is %v", err)
	}
}
