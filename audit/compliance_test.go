package audit_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

// control is a report with one rule that refers to a control of each state's
// making, and what the report shows of that control.
func control(t *testing.T, framework string, with func(*audit.Report)) audit.Control {
	t.Helper()
	r := report()
	r.Rules = []audit.RuleInfo{
		{ID: "SEG101", Name: "enforce-deny-forwarded", References: []string{"CIS Kubernetes 5.3.2", "NIST 800-53 SC-7(5)", "PCI DSS 1.2.7", "ATT&CK T1210", "CIS Kubernetes 9.9.9"}},
	}
	layer := audit.Layer{State: audit.ProvenOK}
	r.ScoreCard = []audit.Score{{Namespace: "shop", Workloads: 2, Network: layer}, {Namespace: "kube-system", System: true, Workloads: 2}, {Namespace: "default"}}
	with(r)
	cs := audit.Comply(r, framework)
	if len(cs) != 1 {
		t.Fatalf("%d controls of %s: %+v", len(cs), framework, cs)
	}
	return cs[0]
}

func TestAControlIsSatisfiedOnlyByPositiveEvidenceAndNothingMissing(t *testing.T) {
	found := func(s *audit.Suppression, severity audit.Severity) func(*audit.Report) {
		return func(r *audit.Report) {
			r.Findings = append(r.Findings, audit.Finding{ID: "SEG101", Kind: audit.Fails, Severity: severity, Suppressed: s, Fingerprint: "f"})
		}
	}
	for name, c := range map[string]struct {
		with func(*audit.Report)
		want audit.ControlState
		why  string
	}{
		"proven":            {func(*audit.Report) {}, audit.Satisfied, "proven in 1 of 1 namespace"},
		"a finding":         {found(nil, audit.High), audit.Violated, "1 finding"},
		"an accepted one":   {found(&audit.Suppression{Reason: "x"}, audit.High), audit.NotShown, "accepted, which satisfies nothing"},
		"a note":            {found(nil, audit.Info), audit.NotShown, "thin"},
		"the rule skipped":  {func(r *audit.Report) { r.Coverage.Skipped["enforce-deny-forwarded"] = "no flows" }, audit.NotShown, "skipped: no flows"},
		"findings withheld": {func(r *audit.Report) { r.Coverage.Withheld["enforce-deny-forwarded"] = 2 }, audit.NotShown, "withheld 2 findings"},
		"flows lost":        {func(r *audit.Report) { r.Coverage.Lost = 1 }, audit.NotShown, "1 flow lost"},
		"a node silent":     {func(r *audit.Report) { r.Coverage.SilentNodes = []string{"n"} }, audit.NotShown, "1 node silent"},
		"a kind unreadable": {func(r *audit.Report) { r.Coverage.Unreadable = []string{"k"} }, audit.NotShown, "could not be read"},
		"a namespace bare": {func(r *audit.Report) {
			r.ScoreCard = append(r.ScoreCard, audit.Score{Namespace: "edge", Workloads: 1, Network: audit.Layer{State: audit.NotCovered}})
		}, audit.NotShown, "1 of 2 namespaces not covered or contradicted"},
		"only declared": {func(r *audit.Report) { r.ScoreCard[0].Network.State = audit.DeclaredOK }, audit.NotShown, "nothing shows that it holds"},
		"declared, and a proof": {func(r *audit.Report) {
			r.ScoreCard[0].Network.State = audit.DeclaredOK
			r.Findings = append(r.Findings, audit.Finding{ID: "SEG101", Kind: audit.Passes, Severity: audit.Info})
		}, audit.Satisfied, "1 proof"},
	} {
		got := control(t, "cis", c.with)
		if got.ID != "5.3.2" || got.State != c.want || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: %s %s because %q, want %s because %q", name, got.ID, got.State, got.Why, c.want, c.why)
		}
	}
}

func TestWhatAsksForPeopleIsNeverSatisfiedByAReport(t *testing.T) {
	if got := control(t, "pci", func(*audit.Report) {}); got.State != audit.NotShown || !strings.Contains(got.Why, "what people do; evidence for them: nothing was found; proven") {
		t.Errorf("%+v", got)
	}
}

func TestControlsComeViolatedFirstAndInTheirNaturalOrder(t *testing.T) {
	r := report()
	r.Rules = []audit.RuleInfo{
		{ID: "SEG101", References: []string{"NIST 800-53 SC-7", "NIST 800-53 SC-7(5)", "NIST 800-53 AU-11", "NIST 800-53 AU-5"}},
		{ID: "SEG401", References: []string{"NIST 800-53 SI-4"}},
	}
	r.Findings = []audit.Finding{{ID: "SEG401", Kind: audit.Fails, Severity: audit.Low}}
	var got []string
	for _, c := range audit.Comply(r, "nist") {
		got = append(got, c.ID)
	}
	if d := cmp.Diff([]string{"SI-4", "AU-5", "AU-11", "SC-7", "SC-7(5)"}, got); d != "" {
		t.Error(d)
	}
	if audit.Comply(r, "iso") != nil {
		t.Error("a framework that does not exist has controls")
	}
}
