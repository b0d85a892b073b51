package audit_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

func finding(rule, fingerprint string) audit.Finding {
	return audit.Finding{
		ID: "SEG401", Rule: rule, Severity: audit.High, Kind: audit.Fails, State: audit.New,
		Subject: audit.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"},
		Peer:    &audit.Ref{Kind: "Entity", Name: "world"}, Direction: audit.Egress, Protocol: audit.ICMPv4, Port: new(uint16(0)),
		Message: "m", Fingerprint: fingerprint,
	}
}

func report(fs ...audit.Finding) *audit.Report {
	return &audit.Report{
		Schema: audit.Schema, Cluster: "lab", Findings: fs,
		Rules:    []audit.RuleInfo{{Name: "flow-drop-gap", References: []string{}}},
		Coverage: audit.Coverage{Flows: 1, Withheld: map[string]int{}, Skipped: map[string]string{}},
	}
}

func TestTheRecordIsReadBackAsItWasWritten(t *testing.T) {
	r := report(finding("flow-drop-gap", "a"))
	r.Run.Began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	if err := audit.Encode(&b, r); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"port": 0`) {
		t.Error("ICMP type 0 is a value, and was left out")
	}
	back, err := audit.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, back); d != "" {
		t.Error(d)
	}
}

func TestWhatIsNoRecordIsRefusedWithTheReason(t *testing.T) {
	for text, want := range map[string]string{
		`{"schema":"segproof.dev/report/v9"}`: `record of schema "segproof.dev/report/v9"; this version reads "segproof.dev/report/v1"`,
		`{"version":"2.1.0"}`:                 `not a record: schema is "", expected "segproof.dev/report/v1"`,
		`{"schema":`:                          `not a record: unexpected EOF`,
		`apiVersion: v1`:                      `not a record: invalid character 'a' looking for beginning of value at byte 1`,
	} {
		if _, err := audit.Decode(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, expected %s", text, err, want)
		}
	}
}

func TestAFindingIsGoneOnlyIfItWasLookedForAgain(t *testing.T) {
	before := report(finding("flow-drop-gap", "a"), finding("flow-drop-gap", "b"))
	for name, blind := range map[string]func(*audit.Report){
		"rule skipped":    func(r *audit.Report) { r.Coverage.Skipped["flow-drop-gap"] = "no flows" },
		"rule withheld":   func(r *audit.Report) { r.Coverage.Withheld["flow-drop-gap"] = 1 },
		"rule not in run": func(r *audit.Report) { r.Rules = nil },
		"flows lost":      func(r *audit.Report) { r.Coverage.Lost = 1 },
		"node silent":     func(r *audit.Report) { r.Coverage.SilentNodes = []string{"n"} },
		"kind unreadable": func(r *audit.Report) { r.Coverage.Unreadable = []string{"pods: forbidden"} },
		"subject unheard": func(r *audit.Report) { r.Coverage.Unheard = []string{"Deployment shop/web"} },
	} {
		now := report(finding("flow-drop-gap", "a"))
		blind(now)
		if audit.Compare(before, now); len(now.Gone) != 0 {
			t.Errorf("%s: a finding is said to be gone", name)
		}
	}
	now := report(finding("flow-drop-gap", "a"), finding("flow-drop-gap", "c"))
	audit.Compare(before, now)
	if len(now.Gone) != 1 || now.Gone[0].Fingerprint != "b" {
		t.Errorf("gone: %v, expected b", now.Gone)
	}
	if now.Findings[0].State != audit.Unchanged || now.Findings[1].State != audit.New {
		t.Errorf("states %s and %s", now.Findings[0].State, now.Findings[1].State)
	}
}

func TestAFindingIsBackOnlyIfItWasGone(t *testing.T) {
	before := report(finding("flow-drop-gap", "a"), finding("flow-drop-gap", "was proof"))
	before.Findings[1].Kind = audit.Passes
	before.Gone = []audit.Finding{finding("flow-drop-gap", "b"), finding("flow-drop-gap", "a")}
	now := report(finding("flow-drop-gap", "a"), finding("flow-drop-gap", "b"), finding("flow-drop-gap", "c"), finding("flow-drop-gap", "was proof"))
	audit.Compare(before, now)
	for i, want := range []audit.State{audit.Unchanged, audit.Back, audit.New, audit.New} {
		if now.Findings[i].State != want {
			t.Errorf("%s is %s, want %s", now.Findings[i].Fingerprint, now.Findings[i].State, want)
		}
	}
	if len(now.Gone) != 0 {
		t.Errorf("a proof, or what was gone before, is gone: %v", now.Gone)
	}
}

func TestCoverageIsTheLeastOfWhatWasSeen(t *testing.T) {
	c := audit.Coverage{Flows: 90, Lost: 10, Nodes: make([]audit.NodeCoverage, 3), SilentNodes: []string{"n"}, Workloads: 10, Unheard: []string{"a"}}
	if got := c.Percent(); got != 75 {
		t.Errorf("%d%%, expected the 75%% of the nodes", got)
	}
	if got := (&audit.Coverage{}).Percent(); got != 0 {
		t.Errorf("nothing seen is %d%%", got)
	}
}

func TestAFingerprintIsOfWhatAFindingIsAbout(t *testing.T) {
	check := func(change func(*audit.Finding)) string {
		rule := &audit.Rule{ID: "SEG401", Name: "flow-drop-gap", Severity: audit.High, Check: func(p *audit.Pass) {
			f := finding("", "")
			change(&f)
			p.Report(f)
		}}
		return audit.Check(&audit.Snapshot{}, nil, []*audit.Rule{rule}).Findings[0].Fingerprint
	}
	same := check(func(*audit.Finding) {})
	for name, change := range map[string]func(*audit.Finding){
		"wording":  func(f *audit.Finding) { f.Message = "other" },
		"line":     func(f *audit.Finding) { f.Location = audit.Source{File: "a.yaml", Line: 7} },
		"evidence": func(f *audit.Finding) { f.Evidence = []audit.Evidence{{What: "x"}} },
		"policies": func(f *audit.Finding) {
			f.Policies = []audit.PolicyRef{{Ref: audit.Ref{Kind: "NetworkPolicy", Name: "p"}}}
		},
	} {
		if check(change) != same {
			t.Errorf("another %s is another finding", name)
		}
	}
	for name, change := range map[string]func(*audit.Finding){
		"subject":   func(f *audit.Finding) { f.Subject.Name = "db" },
		"namespace": func(f *audit.Finding) { f.Subject.Namespace = "x" },
		"peer":      func(f *audit.Finding) { f.Peer = nil },
		"direction": func(f *audit.Finding) { f.Direction = audit.Ingress },
		"port":      func(f *audit.Finding) { f.Port = new(uint16(8)) },
	} {
		if check(change) == same {
			t.Errorf("another %s is the same finding", name)
		}
	}
}
