package policy

import (
	"strings"
	"testing"

	"github.com/segproof/segproof/audit"
)

func TestAnUnknownFieldInARuleMakesOnlyThatRuleDoubtful(t *testing.T) {
	e := compile(t, cnp("p", `{endpointSelector: {}, ingress: [{fromEntities: [host], fromMoon: [x]}, {fromEndpoints: [{matchLabels: {app: b}}]}], ingressDeny: [{fromEndpoints: [{matchLabels: {app: d}}]}]}`))
	expect(t, e, `
		a/x <- b/x TCP 80 = allow
		a/x <- c/x TCP 80 = undetermined
		a/x <- d/x TCP 80 = deny(rule)
		a/x -> c/x TCP 80 = allow`)
	p := e.Partly()
	if len(p) != 1 || p[0].NoEffect || p[0].Why != "spec.ingress[0].fromMoon: unknown field" {
		t.Errorf("partly %+v", p)
	}
	if d := asking(t, e, "a/x <- c/x TCP 80"); d.Why != "CiliumNetworkPolicy x/p ingress[0]: spec.ingress[0].fromMoon: unknown field" {
		t.Errorf("why %q", d.Why)
	}
}

func TestAnUnknownFieldInADenyMakesAllowsDoubtful(t *testing.T) {
	e := compile(t, cnp("p", "{endpointSelector: {}, ingress: [{fromEndpoints: [{}]}], ingressDeny: [{fromMoon: [x]}]}"))
	expect(t, e, "a/x <- b/x TCP 80 = undetermined\na/x -> b/x TCP 80 = allow")
}

func TestAnUnknownFieldOfASpecMakesEverythingItSaysDoubtful(t *testing.T) {
	e := compile(t, cnp("p", "{endpointSelector: {matchLabels: {app: a}}, order: 5, ingress: [{fromEndpoints: [{}]}]}"), cnp("q", "{endpointSelector: {}, ingressDeny: [{fromEndpoints: [{matchLabels: {app: d}}]}]}"))
	expect(t, e, `
		a/x <- b/x TCP 80 = undetermined
		a/x -> b/x TCP 80 = undetermined
		a/x <- d/x TCP 80 = deny(rule)
		c/x <- b/x TCP 80 = deny(default)`)
}

func TestAnUnknownFieldOfASelectorLeavesOpenWhomItSelects(t *testing.T) {
	e := compile(t, knp("p", "{podSelector: {matchGlob: {app: 'a*'}}, ingress: [{ports: [{port: 80}]}]}"), cnp("q", "{endpointSelector: {}, egress: [{toEndpoints: [{matchGlob: {app: 'b*'}}]}]}"))
	expect(t, e, `
		a/x <- b/x TCP 81 = undetermined
		a/y <- b/x TCP 81 = allow
		a/x -> b/x TCP 81 = undetermined`)
}

func TestADenyIsKnownWhereEveryPossibilityDenies(t *testing.T) {
	isolates := cnp("isolates", "{endpointSelector: {}, ingress: [{}]}")
	perhaps := cnp("perhaps", "{endpointSelector: {}, ingressDeny: [{fromMoon: [x]}]}")
	e := compile(t, isolates, perhaps)
	expect(t, e, "a/x <- b/x TCP 80 = deny(default)")
	if d := asking(t, e, "a/x <- b/x TCP 80"); len(d.Policies) != 2 || d.Policies[0].Name != "isolates" || !strings.Contains(d.Why, "x/perhaps ingressDeny[0]") {
		t.Errorf("by %v: %s", d.Policies, d.Why)
	}
	allows := cnp("allows", "{endpointSelector: {}, ingress: [{fromEndpoints: [{}]}]}")
	expect(t, compile(t, isolates, perhaps, allows), "a/x <- b/x TCP 80 = undetermined\na/x <- b/y TCP 80 = deny(default)")
	fails := cnp("fails", "{endpointSelector: {}, ingress: [{fromMoon: [x], authentication: {mode: test-always-fail}}]}")
	expect(t, compile(t, perhaps, fails), "a/x <- b/x TCP 80 = undetermined") // denied, but not known how
	open := cnp("open", "{endpointSelector: {}, enableDefaultDeny: {ingress: false}, ingress: [{fromMoon: [x], authentication: {mode: test-always-fail}}]}")
	expect(t, compile(t, open), "a/x <- b/x TCP 80 = undetermined")
}

func TestRequirementsOfOldVersionsMayDeny(t *testing.T) {
	e := compile(t, cnp("p", "{endpointSelector: {}, ingress: [{fromRequires: [{matchLabels: {env: prod}}]}]}"), cnp("q", "{endpointSelector: {}, ingress: [{fromEntities: [all]}]}"))
	expect(t, e, "a/x <- b/x TCP 80 = undetermined")
}

func TestKindsThatAreNotDecidedLeaveTheirDirectionsOpen(t *testing.T) {
	e := compile(t, object("GlobalNetworkPolicy", "", "admin", "spec: {egress: [{action: Deny}]}"), cnp("p", "{endpointSelector: {}, ingressDeny: [{fromEntities: [all]}]}"))
	expect(t, e, `
		a/x -> b/x TCP 80 = undetermined
		a/x <- b/x TCP 80 = deny(rule)
		host -> b/x TCP 80 = allow`)
	if p := e.Partly(); len(p) != 1 || p[0].NoEffect || !strings.Contains(p[0].Why, "is not decided") {
		t.Errorf("partly %+v", p)
	}
	if _, unsure := e.DefaultDeny("x", audit.Egress); unsure == "" {
		t.Error("sure of a default deny")
	}
}

func TestPoliciesThatCouldNotBeReadLeaveEverythingButADenyOpen(t *testing.T) {
	inv := inventory(t, cnp("p", "{endpointSelector: {}, ingress: [{fromEndpoints: [{matchLabels: {app: b}}]}], ingressDeny: [{fromEndpoints: [{matchLabels: {app: d}}]}]}"))
	inv.Unreadable = []audit.Unreadable{{Kind: "ciliumclusterwidenetworkpolicies.cilium.io", Reason: "forbidden"}}
	expect(t, Compile(inv, Options{}), `
		a/x <- b/x TCP 80 = undetermined
		a/x <- c/x TCP 80 = undetermined
		a/x <- d/x TCP 80 = deny(rule)
		a/x -> b/x TCP 80 = undetermined`)
	inv.Unreadable[0].Absent = true
	expect(t, Compile(inv, Options{}), "a/x <- b/x TCP 80 = allow\na/x -> b/x TCP 80 = allow")
}

func TestAnEndWithoutIdentityLeavesOpenWhatDependsOnIt(t *testing.T) {
	e := compile(t, cnp("p", "{endpointSelector: {}, ingress: [{fromEndpoints: [{}]}, {toPorts: [{ports: [{port: '80'}]}]}], egress: [{toEntities: [all]}]}"))
	expect(t, e, `
		a/x <- reserved:unknown TCP 81 = undetermined
		a/x <- reserved:unknown TCP 80 = allow
		a/x -> reserved:unknown TCP 81 = allow
		reserved:unknown <- a/x TCP 80 = undetermined
		init <- a/x TCP 80 = deny(default)`)
	var nobody audit.Peer
	a := peer("a/x")
	for _, q := range []audit.Query{{Subject: &nobody, Peer: &a}, {Subject: nil, Peer: &a}, {Subject: &a, Peer: nil}} {
		q.Direction, q.Protocol, q.Port = audit.Ingress, audit.TCP, 81
		if d := e.Decide(q); d.Answer != audit.Undetermined || d.Why == "" {
			t.Errorf("%+v: %+v", q, d)
		}
	}
}

func TestReferencesToNodesAndCloudsStayOpenForWhomTheyCanMean(t *testing.T) {
	inv := with(inventory(t, cnp("p", "{endpointSelector: {}, ingress: [{fromNodes: [{matchLabels: {role: w}}]}], egress: [{toGroups: [{aws: {region: r}}]}]}")), "enable-node-selector-labels", "true")
	e := Compile(inv, Options{})
	expect(t, e, `
		a/x <- remote-node TCP 80 = undetermined
		a/x <- b/x TCP 80 = deny(default)
		a/x -> 8.8.8.8 TCP 80 = undetermined
		a/x -> b/x TCP 80 = deny(default)`)
	if p := e.Partly(); len(p) != 1 || p[0].NoEffect {
		t.Errorf("partly %+v", p)
	}
}

func TestUnreadableAdminPoliciesLeaveEvenADenyOpen(t *testing.T) {
	inv := inventory(t, cnp("p", "{endpointSelector: {}, ingressDeny: [{fromEntities: [all]}]}"))
	inv.Unreadable = []audit.Unreadable{{Kind: "clusternetworkpolicies.policy.networking.k8s.io", Reason: "forbidden"}}
	expect(t, Compile(inv, Options{}), "a/x <- b/x TCP 80 = undetermined")
	inv.Settings["enable-k8s-cluster-network-policy"] = "false" // then they do nothing
	expect(t, Compile(inv, Options{}), "a/x <- b/x TCP 80 = deny(rule)\na/x -> b/x TCP 80 = allow")
}
