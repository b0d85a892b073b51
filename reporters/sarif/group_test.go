package sarif

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
)

// drop is a connection that a policy in a file drops.
func drop(subject, peer string, at audit.Source) audit.Finding {
	f := finding("SEG401", audit.High)
	f.Subject.Name, f.Peer, f.Direction = subject, &audit.Ref{Kind: "Deployment", Namespace: "n", Name: peer}, audit.Egress
	f.Message, f.Location = "egress to "+peer+" is dropped", at
	f.Policies = []audit.PolicyRef{{Ref: audit.Ref{Kind: "NetworkPolicy", Namespace: "n", Name: "deny"}, Location: at}}
	f.Fingerprint = fmt.Sprintf("%-32s", subject+peer)
	return f
}

func TestFindingsOfARuleAtOnePlaceAreOneResultThatNamesThemAll(t *testing.T) {
	at := audit.Source{File: "deny.yaml", Line: 7}
	r := &audit.Report{Findings: []audit.Finding{drop("a", "x", at), drop("b", "y", at), drop("a", "z", audit.Source{File: "deny.yaml", Line: 20})}}
	d := accept(t, written(t, Reporter{}, r))
	results := d.Runs[0].Results
	if len(results) != 2 || shown(d) != 3 {
		t.Fatalf("%d results that stand for %d findings, want 2 for 3", len(results), shown(d))
	}
	want := "Pod n/a: egress to x is dropped.\nAlso: Pod n/b: egress to y is dropped."
	if got := results[0].Message.Text; got != want {
		t.Errorf("message is %q, want %q", got, want)
	}
	var names []string
	for _, l := range results[0].Locations[0].LogicalLocations {
		names = append(names, l.FullyQualifiedName)
	}
	if d := cmp.Diff([]string{"/n/Pod/a", "/n/Pod/b"}, names); d != "" {
		t.Errorf("objects (-want +got):\n%s", d)
	}
}

func TestWhatAMessageHasNoRoomForIsCounted(t *testing.T) {
	at := audit.Source{File: "deny.yaml", Line: 7}
	r := &audit.Report{}
	for i := range 500 {
		r.Findings = append(r.Findings, drop(fmt.Sprintf("workload-%03d", i), strings.Repeat("p", 50), at))
	}
	d := accept(t, written(t, Reporter{}, r))
	text := d.Runs[0].Results[0].Message.Text
	more := 0
	if _, err := fmt.Sscanf(text[strings.LastIndex(text, "\n")+1:], "And %d more.", &more); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	if n := strings.Count(text, "Pod n/workload-"); n+more != 500 || shown(d) != 500 {
		t.Errorf("%d are named and %d counted, want 500", n, more)
	}
}

// identities are the two fingerprints of the only result.
func identities(t *testing.T, r *audit.Report) map[string]string {
	t.Helper()
	d := accept(t, written(t, Reporter{}, r))
	if len(d.Runs[0].Results) != 1 {
		t.Fatalf("%d results, want 1", len(d.Runs[0].Results))
	}
	return d.Runs[0].Results[0].PartialFingerprints
}

func TestAFingerprintSurvivesWhatIsNotTheMatterAndChangesWithWhatIs(t *testing.T) {
	report := func(change func(*audit.Report, *audit.Finding)) *audit.Report {
		f := drop("a", "x", audit.Source{File: "deny.yaml", Line: 7})
		r := &audit.Report{Cluster: "prod", Run: audit.Run{Version: "v1.0.0"}, Findings: []audit.Finding{f}}
		change(r, &r.Findings[0])
		return r
	}
	was := identities(t, report(func(*audit.Report, *audit.Finding) {}))
	for what, change := range map[string]func(*audit.Report, *audit.Finding){
		"lines shift": func(_ *audit.Report, f *audit.Finding) {
			f.Location.Line, f.Policies[0].Location.Line = 90, 90
		},
		"the message":         func(_ *audit.Report, f *audit.Finding) { f.Message = "is not let out" },
		"the version":         func(r *audit.Report, _ *audit.Finding) { r.Run.Version = "v2.0.0" },
		"the severity":        func(_ *audit.Report, f *audit.Finding) { f.Severity = audit.Low },
		"the file is renamed": func(_ *audit.Report, f *audit.Finding) { f.Location.File, f.Policies[0].Location.File = "b", "b" },
		"another subject of the same policy": func(r *audit.Report, f *audit.Finding) {
			r.Findings = append(r.Findings, drop("0", "y", f.Location))
		},
	} {
		if d := cmp.Diff(was, identities(t, report(change))); d != "" {
			t.Errorf("%s: fingerprints change (-was +is):\n%s", what, d)
		}
	}
	for what, change := range map[string]func(*audit.Report, *audit.Finding){
		"rule":      func(_ *audit.Report, f *audit.Finding) { f.ID = "SEG402" },
		"cluster":   func(r *audit.Report, _ *audit.Finding) { r.Cluster = "test" },
		"namespace": func(_ *audit.Report, f *audit.Finding) { f.Policies[0].Namespace = "other" },
		"name":      func(_ *audit.Report, f *audit.Finding) { f.Policies[0].Name = "other" },
	} {
		if is := identities(t, report(change)); is["segproofId/v1"] == was["segproofId/v1"] || is["primaryLocationLineHash"] == was["primaryLocationLineHash"] {
			t.Errorf("another %s has the same fingerprints", what)
		}
	}
}

func TestAGroupThatHasGrownIsUpdated(t *testing.T) {
	at := audit.Source{File: "deny.yaml", Line: 7}
	for want, states := range map[string][]audit.State{
		"new": {audit.New, audit.Back}, "unchanged": {audit.Unchanged, audit.Unchanged}, "updated": {audit.Unchanged, audit.New},
	} {
		r := &audit.Report{Findings: []audit.Finding{drop("a", "x", at), drop("b", "y", at)}}
		for i, s := range states {
			r.Findings[i].State = s
		}
		if got := accept(t, written(t, Reporter{Baseline: true}, r)).Runs[0].Results[0].BaselineState; got != want {
			t.Errorf("%v is %q, want %q", states, got, want)
		}
	}
}

func TestAcceptedFindingsAreLeftOutAndCountedUnlessAskedFor(t *testing.T) {
	at := audit.Source{File: "deny.yaml", Line: 7}
	alone := drop("c", "z", audit.Source{File: "other.yaml", Line: 1})
	r := &audit.Report{Findings: []audit.Finding{drop("a", "x", at), drop("b", "y", at), alone}}
	for _, i := range []int{1, 2} {
		r.Findings[i].Suppressed = &audit.Suppression{Reason: "until it moves", From: "segproof.yaml:3"}
	}
	d := accept(t, written(t, Reporter{}, r))
	if p := d.Runs[0].Properties; shown(d) != 1 || p.FindingsAccepted != 2 || d.Runs[0].Results[0].Suppressions != nil {
		t.Errorf("%d are shown and %d counted as accepted, want 1 and 2", shown(d), p.FindingsAccepted)
	}
	d = accept(t, written(t, Reporter{IncludeSuppressed: true}, r))
	if p := d.Runs[0].Properties; shown(d) != 3 || p.FindingsAccepted != 0 {
		t.Errorf("%d are shown and %d left out, want 3 and 0", shown(d), p.FindingsAccepted)
	}
	for _, x := range d.Runs[0].Results {
		at := x.Locations[0].PhysicalLocation.ArtifactLocation.URI
		if x.Suppressions == nil || (len(*x.Suppressions) == 1) != (at == "other.yaml") {
			t.Errorf("%s: suppressions are %v; absent would be unknown, empty is open", at, x.Suppressions)
		}
	}
}

func TestACodeFlowIsTheWayOfTheConnectionThatTheEdgeHas(t *testing.T) {
	f := drop("a", "x", audit.Source{File: "deny.yaml", Line: 7})
	f.Protocol = audit.TCP
	ref := func(name string) audit.PolicyRef {
		return audit.PolicyRef{Ref: audit.Ref{Kind: "NetworkPolicy", Namespace: "n", Name: name}}
	}
	r := &audit.Report{Findings: []audit.Finding{f}, Edges: []audit.Edge{{
		From: f.Subject, To: *f.Peer, Findings: []string{f.Fingerprint},
		Egress:  audit.EdgeEnd{Answer: audit.Deny, Reason: audit.DefaultDenied, Policies: []audit.PolicyRef{ref("deny")}},
		Ingress: audit.EdgeEnd{Answer: audit.Allow, Reason: audit.AllowedByRule, Policies: []audit.PolicyRef{ref("let-in")}},
	}}}
	var got []string
	for _, l := range accept(t, written(t, Reporter{}, r)).Runs[0].Results[0].CodeFlows[0].ThreadFlows[0].Locations {
		got = append(got, l.Location.Message.Text)
	}
	want := []string{
		"Pod n/a opens TCP", "egress: deny, default-deny by NetworkPolicy n/deny",
		"ingress: allow, allowed-by-rule by NetworkPolicy n/let-in", "Deployment n/x is called",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
}

func TestAFixAppliedToTheFileGivesWhatWasSuggested(t *testing.T) {
	before := "kind: A\nspec:\n  egress: []\n  x: 1\n"
	after := "kind: A\nspec:\n  egress:\n  - {}\n  x: 1\n"
	f := drop("a", "x", audit.Source{File: "deny.yaml", Line: 1})
	f.Suggestion = &audit.Suggestion{Action: "replace", Policy: f.Policies[0].Ref, Location: f.Location, YAML: after,
		Diff: "--- deny.yaml\n+++ deny.yaml\n@@ -2,3 +2,4 @@\n spec:\n-  egress: []\n+  egress:\n+  - {}\n   x: 1\n"}
	fix := accept(t, written(t, Reporter{}, &audit.Report{Findings: []audit.Finding{f}})).Runs[0].Results[0].Fixes[0]
	x := fix.ArtifactChanges[0].Replacements[0]
	lines := strings.SplitAfter(before, "\n")
	got := strings.Join(lines[:x.DeletedRegion.StartLine-1], "") + x.InsertedContent.Text + strings.Join(lines[x.DeletedRegion.EndLine-1:], "")
	if got != after || fix.ArtifactChanges[0].ArtifactLocation.URI != "deny.yaml" {
		t.Errorf("applied to %s it is %q, want %q", fix.ArtifactChanges[0].ArtifactLocation.URI, got, after)
	}
}
