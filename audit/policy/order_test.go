package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/segproof/segproof/audit"
)

// some policies that contradict and complete each other, and bad ones.
func mixture() []string {
	return []string{
		knp("a", "{podSelector: {}}"),
		knp("b", "{podSelector: {matchLabels: {app: a}}, ingress: [{from: [{podSelector: {}}], ports: [{port: http}, {port: 80}]}], egress: [{}]}"),
		cnp("a", "{endpointSelector: {}, ingress: [{fromEntities: [world]}, {fromCIDR: [10.0.0.0/8]}], ingressDeny: [{fromEndpoints: [{matchLabels: {app: d}}]}]}"),
		cnp("b", "{endpointSelector: {}, ingress: [{fromMoon: []}, {fromEntities: [host]}]}"),
		cnp("c", "{endpointSelector: {}, ingress: [{fromEntities: [moon]}]}"),
		ccnp("a", "{endpointSelector: {}, enableDefaultDeny: {egress: false}, egressDeny: [{toCIDRSet: [{cidrGroupRef: g}]}]}"),
		ccnp("b", "{endpointSelector: {matchLabels: {app: b}}, egress: [{toFQDNs: [{matchPattern: '*.x'}]}]}"),
		"kind: CiliumCIDRGroup\nmetadata: {name: g}\nspec: {externalCIDRs: [203.0.113.0/24]}\n",
		object("GlobalNetworkPolicy", "", "k", "spec: {ingress: []}"),
		kcnp("k", "{tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Pass, from: [{namespaces: {matchLabels: {team: red}}}]}, {action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 8080}}}]}]}"),
		kcnp("l", "{tier: Baseline, priority: 1, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {}}]}], egress: [{action: Deny, to: [{networks: [10.0.0.0/8]}]}]}"),
		kcnp("m", "{tier: Baseline, priority: 1, subject: {namespaces: {}}, egress: [{action: Accept, to: [{networks: [10.0.0.0/8]}]}]}"),
		kcnp("n", "{tier: Baseline, subject: {namespaces: {}}}"),
		anp("k", "{priority: 1, subject: {namespaces: {}}, egress: [{action: Allow, to: [{namespaces: {}}]}]}"),
		knp("a", "{podSelector: {}, egress: [{ports: [{port: 1}]}]}"), // the same name once more
	}
}

// everything that can be asked about a few ends.
func interrogate(t testing.TB, e *Engine) map[string]audit.Decision {
	out := map[string]audit.Decision{}
	ends := []string{"a/x", "b/x", "d/x", "a/y", "world", "10.1.1.1", "203.0.113.9", "host", "remote-node", "reserved:unknown", "fqdn:a.x reserved:world"}
	for _, s := range []string{"a/x", "b/x", "a/y", "host"} {
		for _, p := range ends {
			for _, port := range []string{"TCP 80", "TCP 8080", "UDP 53", "ICMPv4 8"} {
				for _, arrow := range []string{" <- ", " -> "} {
					q := s + arrow + p + " " + port
					out[q] = asking(t, e, q)
				}
			}
		}
	}
	return out
}

func TestTheOrderOfPoliciesNeverMatters(t *testing.T) {
	inv := inventory(t, mixture()...)
	first := Compile(inv, Options{})
	want, wantPartly := interrogate(t, first), first.Partly()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		r.Shuffle(len(inv.Policies), func(i, j int) { inv.Policies[i], inv.Policies[j] = inv.Policies[j], inv.Policies[i] })
		e := Compile(inv, Options{})
		if d := cmp.Diff(want, interrogate(t, e), cmpopts.IgnoreFields(audit.PolicyRef{}, "Object")); d != "" {
			t.Fatal(d)
		}
		if d := cmp.Diff(wantPartly, e.Partly()); d != "" {
			t.Fatal(d)
		}
		for _, ns := range []string{"x", "y"} {
			a, unsureA := first.DefaultDeny(ns, audit.Ingress)
			b, unsureB := e.DefaultDeny(ns, audit.Ingress)
			if d := cmp.Diff(a, b, cmpopts.IgnoreFields(audit.PolicyRef{}, "Object")); d != "" || unsureA != unsureB {
				t.Fatal(d, unsureA, unsureB)
			}
		}
	}
}

func TestAnEngineAnswersManyAtOnce(t *testing.T) {
	e := compile(t, mixture()...)
	want := interrogate(t, compile(t, mixture()...))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if d := cmp.Diff(want, interrogate(t, e), cmpopts.IgnoreFields(audit.PolicyRef{}, "Object")); d != "" {
				t.Error(d)
			}
		})
	}
	wg.Wait()
}

func TestAllowRulesNeverTakeAwayWhatWasAllowed(t *testing.T) {
	rules := []string{
		"{from: [{podSelector: {matchLabels: {app: b}}}]}", "{ports: [{port: 80}]}", "{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}",
		"{from: [{namespaceSelector: {}}], ports: [{protocol: UDP}]}", "{}",
	}
	var list []string
	before := map[string]audit.Decision{}
	for _, rule := range rules {
		list = append(list, rule)
		spec := fmt.Sprintf("{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [%s]}", strings.Join(list, ", "))
		after := interrogate(t, compile(t, knp("p", spec)))
		for q, d := range before {
			if d.Answer == audit.Allow && after[q].Answer != audit.Allow {
				t.Errorf("%s: allowed until %s was added", q, rule)
			}
		}
		before = after
	}
}

func TestBeyondTheBoundAnswersStayTheSame(t *testing.T) {
	e, full := compile(t, mixture()...), compile(t, mixture()...)
	full.known.n = maxIdentities
	full.answers.Store(maxAnswers)
	if d := cmp.Diff(interrogate(t, e), interrogate(t, full), cmpopts.IgnoreFields(audit.PolicyRef{}, "Object")); d != "" {
		t.Fatal(d)
	}
	if n := len(full.known.sets); n != 0 {
		t.Errorf("%d label sets kept", n)
	}
}
