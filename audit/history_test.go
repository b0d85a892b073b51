package audit_test

import (
	"testing"
	"time"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// What was declared, minute by minute: first a default deny alone, then beside
// it an allow of web, then the default deny again under which web is denied.
var (
	noon   = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	minute = func(n float64) time.Time { return noon.Add(time.Duration(n * float64(time.Minute))) }
	deny   = object("deny", minute(-60), map[string]any{"podSelector": map[string]any{}, "policyTypes": []any{"Ingress"}})
	allow  = object("allow", minute(10), map[string]any{
		"podSelector": map[string]any{}, "policyTypes": []any{"Ingress"},
		"ingress": []any{map[string]any{"from": []any{map[string]any{"podSelector": map[string]any{"matchLabels": map[string]any{"app": "web"}}}}}},
	})
	elsewhere = func() *audit.Object {
		o := object("elsewhere", minute(15), map[string]any{"podSelector": map[string]any{}})
		o.Namespace, o.Raw["metadata"] = "other", map[string]any{"name": "elsewhere", "namespace": "other"}
		return o
	}()
)

func object(name string, at time.Time, spec map[string]any) *audit.Object {
	return &audit.Object{
		Ref:        audit.Ref{Kind: "NetworkPolicy", Namespace: "shop", Name: name},
		APIVersion: "networking.k8s.io/v1", UID: name, Created: at, Changed: at,
		Raw: map[string]any{
			"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
			"metadata": map[string]any{"name": name, "namespace": "shop"}, "spec": spec,
		},
	}
}

func peer(app string) audit.Peer {
	return audit.Peer{
		Labels:    audit.NewLabels("k8s:app="+app, "k8s:io.kubernetes.pod.namespace=shop"),
		Namespace: "shop", Workload: audit.Ref{Kind: "Deployment", Namespace: "shop", Name: app},
	}
}

// carriedAt is a connection from web to db that was delivered.
func carriedAt(from, to time.Time) audit.Conversation {
	return audit.Conversation{
		From: peer("web"), To: peer("db"), Protocol: audit.TCP, Port: 5432, Event: audit.Delivered, Verdict: audit.Forwarded,
		Flows: 1, First: from, Last: to, Opened: 1, FirstOpen: from, LastOpen: to,
		Opens: []audit.Open{{Hash: 1, At: from}, {Hash: 2, At: to}},
	}
}

func judged(t *testing.T, c audit.Conversation) (audit.Outcome, map[string]uint64) {
	t.Helper()
	inv := &audit.Inventory{
		Namespaces: []audit.Namespace{{Name: "shop"}, {Name: "other"}},
		Policies:   []*audit.Object{deny, elsewhere}, InForce: minute(20),
		Past: []audit.Epoch{
			{From: minute(-5), Policies: []*audit.Object{deny}},
			{From: minute(10), Policies: []*audit.Object{deny, allow}},
			{From: minute(15), Policies: []*audit.Object{deny, allow, elsewhere}},
		},
	}
	var now audit.Engine
	for i := range inv.Past {
		then := *inv
		then.Policies = inv.Past[i].Policies
		inv.Past[i].Engine = policy.Compile(&then, policy.Options{})
	}
	now = policy.Compile(inv, policy.Options{})
	s := &audit.Snapshot{
		Inventory: inv, Traffic: &audit.Traffic{Conversations: []audit.Conversation{c}},
		Options: audit.Options{Settle: 30 * time.Second},
	}
	j := audit.Judge(s, now)
	worst := audit.Outcome("")
	for _, v := range j.Ends {
		if v.End == audit.Ingress && worst != audit.Contradicted {
			worst = v.Outcome
		}
	}
	return worst, j.Unjudged
}

func TestAFlowIsJudgedByWhatWasDeclaredWhenItHappened(t *testing.T) {
	for _, c := range []struct {
		what     string
		from, to float64 // minutes after noon
		want     audit.Outcome
	}{
		{"denied before the allow came", 1, 2, audit.Contradicted},
		{"allowed while the allow was there", 11, 12, audit.Used},
		{"allowed until the allow went, and a change elsewhere is no change here", 14, 16, audit.Used},
		{"denied again since the allow went", 21, 22, audit.Contradicted},
		{"denied again, but not settled yet", 20.1, 20.4, ""},
		{"across the end of the allow, of which we learned too late: denied when it was opened again", 19, 21, audit.Contradicted},
		{"across the end of the allow, and not settled yet", 19, 20.2, audit.Used},
		{"before anybody looked, but after the policy was written", -30, -29, audit.Contradicted},
		{"before the policy was written", -61, -60.5, ""},
	} {
		if got, why := judged(t, carriedAt(minute(c.from), minute(c.to))); got != c.want {
			t.Errorf("%s: %q, want %q (unjudged: %v)", c.what, got, c.want, why)
		}
	}
}

func TestAVerdictThatNamesAPolicyDeletedSinceIsJudgedByTheStateThatHadIt(t *testing.T) {
	c := carriedAt(minute(11), minute(12))
	c.Event, c.Direction = audit.PolicyVerdict, audit.Ingress
	c.Policies = []audit.NamedPolicy{{Ref: allow.Ref, UID: allow.UID}}
	if got, why := judged(t, c); got != audit.Used {
		t.Errorf("%q, want used (unjudged: %v)", got, why)
	}
	c = carriedAt(minute(25), minute(26))
	c.Event, c.Direction = audit.PolicyVerdict, audit.Ingress
	c.Policies = []audit.NamedPolicy{{Ref: allow.Ref, UID: allow.UID}}
	if got, why := judged(t, c); got != audit.Withheld {
		t.Errorf("named long after it went: %q, want withheld (unjudged: %v)", got, why)
	}
}
