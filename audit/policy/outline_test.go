package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

var _ audit.Outliner = (*policy.Engine)(nil)

// object is a policy of the namespace shop.
func object(kind, name string, spec map[string]any) *audit.Object {
	meta := map[string]any{"name": name, "namespace": "shop"}
	return &audit.Object{
		Ref: audit.Ref{Kind: kind, Namespace: "shop", Name: name},
		Raw: map[string]any{"kind": kind, "metadata": meta, "spec": spec},
	}
}

type (
	m = map[string]any
	l = []any
)

func TestTheOutlineHasEveryRuleOnceAndWhatIsIsolated(t *testing.T) {
	e := policy.Compile(&audit.Inventory{Policies: []*audit.Object{
		object("NetworkPolicy", "b", m{
			"podSelector": m{"matchLabels": m{"app": "web"}}, "policyTypes": l{"Ingress", "Egress"},
			"ingress": l{m{"from": l{m{"podSelector": m{}}}, "ports": l{m{"port": int64(80)}, m{"port": "http"}, m{"port": int64(1), "endPort": int64(9)}}}, m{}},
		}),
		object("CiliumNetworkPolicy", "a", m{
			"endpointSelector": m{},
			"egressDeny":       l{m{"toEntities": l{"world"}}},
			"ingress":          l{m{"fromEndpoints": l{m{}}, "toPorts": l{m{"ports": l{m{"port": "80", "protocol": "TCP"}}, "rules": m{"http": l{m{}}}}}}},
		}),
		object("CiliumNetworkPolicy", "rejected", m{"endpointSelector": m{}}),
	}}, policy.Options{})
	var got []string
	for _, o := range e.Outline() {
		var line strings.Builder
		line.WriteString(fmt.Sprintf("%s %s %s %s, %s", o.Name, o.Rule, o.Effect, o.Direction, o.Subjects))
		for _, p := range o.Ports {
			line.WriteString(fmt.Sprintf(" %s/%d%s", p.Protocol, p.Port, p.Name))
		}
		if o.L7 {
			line.WriteString(" L7")
		}
		if o.NoEffect {
			line.WriteString("no effect")
		}
		got = append(got, line.String())
	}
	want := []string{
		"a  isolate ingress, every pod of namespace shop",
		"a  isolate egress, every pod of namespace shop",
		"a ingress[0] allow ingress, every pod of namespace shop TCP/80 L7",
		"a egressDeny[0] deny egress, every pod of namespace shop",
		"rejected   , no effect",
		"b  isolate ingress, pods with app=web of namespace shop",
		"b  isolate egress, pods with app=web of namespace shop",
		"b ingress[0] allow ingress, pods with app=web of namespace shop TCP/80 TCP/0http",
		"b ingress[1] allow ingress, pods with app=web of namespace shop",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTheOutlineSelectsAndReachesAsTheEngineDecides(t *testing.T) {
	ns := &audit.Namespace{Name: "shop"}
	peer := func(app string) *audit.Peer {
		p := policy.PodPeer(&audit.Pod{Namespace: "shop", Name: app, Labels: map[string]string{"app": app}}, ns, "")
		return &p
	}
	e := policy.Compile(&audit.Inventory{Namespaces: []audit.Namespace{*ns}, Policies: []*audit.Object{
		object("NetworkPolicy", "web", m{
			"podSelector": m{"matchLabels": m{"app": "web"}}, "ingress": l{m{"from": l{m{"podSelector": m{"matchLabels": m{"app": "gate"}}}}}},
		}),
	}}, policy.Options{})
	rule := e.Outline()[1]
	for _, app := range []string{"web", "gate", "db"} {
		if got := rule.Selects(peer(app)); got != (app == "web") {
			t.Errorf("the rule is about %s: %v", app, got)
		}
		if got := rule.Reaches(peer(app)); got != (app == "gate") {
			t.Errorf("the rule names %s: %v", app, got)
		}
		if by, _ := e.Isolates(peer(app), audit.Ingress); (len(by) > 0) != (app == "web") {
			t.Errorf("%s is isolated for ingress by %v", app, by)
		}
		if by, unsure := e.Isolates(peer(app), audit.Egress); len(by) > 0 || unsure != "" {
			t.Errorf("%s is isolated for egress by %v %s", app, by, unsure)
		}
	}
	if by, unsure := e.Isolates(nil, audit.Ingress); by != nil || unsure == "" {
		t.Errorf("an end that is not known is isolated by %v %q", by, unsure)
	}
}
