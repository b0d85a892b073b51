package rules_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/rules"
)

// clean is a cluster as it should be, and what is found in it once its objects
// were written otherwise.
func clean(t *testing.T, name string, edit ...string) *audit.Report {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(edit); i += 2 {
		now := strings.Replace(string(a.Files[0].Data), edit[i], edit[i+1], 1)
		if now == string(a.Files[0].Data) {
			t.Fatalf("%s does not say %q", name, edit[i])
		}
		a.Files[0].Data = []byte(now)
	}
	s := snapshot(t, a)
	return audit.Check(s, engine(s), rules.All)
}

// Every rule, also those that are off unless asked for, is silent on a cluster
// as it should be.
func TestACleanClusterHasNothingAboveInfo(t *testing.T) {
	for _, name := range []string{"clean.txtar", "clean-platform.txtar"} {
		r := clean(t, name)
		for _, f := range r.Findings {
			if f.Kind == audit.Fails && f.Severity != audit.Info {
				t.Errorf("%s: %s %s %s: %s", name, f.Severity, f.Rule, f.Subject, f.Message)
			}
		}
		for rule, n := range r.Coverage.Withheld {
			t.Logf("%s: %s withheld %d", name, rule, n)
		}
		if r.Coverage.Flows < 30 {
			t.Errorf("%s: only %d flows were read", name, r.Coverage.Flows)
		}
	}
}

// What is declared for a namespace that traffic went to or came from is proven,
// each with the date of its proof; and all of them have a network policy.
func TestTheScoreCardOfACleanClusterIsProvenWhereverTrafficWent(t *testing.T) {
	want := map[string][]string{
		"clean.txtar": {"shop: network, observability"},
		"clean-platform.txtar": {
			"identity: admission, network, observability", "infra: admission, network, observability",
			"kube-system: admission, network, observability", "monitoring: admission, network, observability",
			"payments: admission, network, l7, observability",
		},
	}
	for name, want := range want {
		var got []string
		for _, s := range clean(t, name).ScoreCard {
			if s.Observability.State == audit.NotCovered {
				continue // no traffic went there
			}
			var proven []string
			for _, l := range []struct {
				name string
				audit.Layer
			}{{"admission", s.Admission}, {"network", s.Network}, {"l7", s.L7}, {"observability", s.Observability}} {
				switch {
				case l.State == audit.ProvenOK && !l.Newest.IsZero():
					proven = append(proven, l.name)
				case l.State != audit.NotCovered:
					t.Errorf("%s: %s of %s is %s at %v: %s", name, l.name, s.Namespace, l.State, l.Newest, l.Why)
				}
			}
			got = append(got, s.Namespace+": "+strings.Join(proven, ", "))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: what is proven differs (-want +got):\n%s", name, d)
		}
	}
}

// What a careful author still gets wrong is found, with what comes of it and
// nothing beside.
func TestAMistakeInACleanClusterIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		was, is string
		want    []string
	}{
		"DNS to every namespace": {
			"        k8s:io.kubernetes.pod.namespace: kube-system\n        k8s-app: kube-dns\n", "        {}\n", []string{"rule-dns-too-wide"},
		},
		"a path that looks like a prefix":   {"path: /api/v1/.*", "path: ^/api/v1/", []string{"l7-path-prefix-suspect"}},
		"admission that only audits":        {"failureAction: Enforce", "failureAction: Audit", []string{"kyverno-audit-mode"}},
		"a baseline that was edited":        {"  podSelector: {}\n  policyTypes: [Ingress, Egress]\n", "  podSelector: {matchLabels: {app: x}}\n  policyTypes: [Ingress, Egress]\n", []string{"cover-no-default-deny-egress", "cover-no-default-deny-ingress", "kyverno-generate-missing", "rule-dangling-target"}},
		"a baseline that lets everybody in": {"  podSelector: {}\n  policyTypes: [Ingress, Egress]\n", "  podSelector: {}\n  policyTypes: [Ingress, Egress]\n  ingress: [{}]\n", []string{"kyverno-generate-missing", "l7-shadowed-by-l4", "rule-shadowed", "rule-shadowed", "rule-world-open"}},
	} {
		var got []string
		for _, f := range clean(t, "clean-platform.txtar", c.was, c.is).Findings {
			if f.Kind == audit.Fails && f.Severity != audit.Info {
				got = append(got, f.Rule)
			}
		}
		slices.Sort(got)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
