package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/segproof/segproof/audit"
)

const (
	everyPodOf = "subject: {namespaces: {}}"
	fromPods   = "from: [{namespaces: {}}]"
)

// tiered is a ClusterNetworkPolicy for every pod, with these ingress rules.
func tiered(name, tier string, priority int, rules string) string {
	return kcnp(name, fmt.Sprintf("{tier: %s, priority: %d, %s, ingress: [%s]}", tier, priority, everyPodOf, rules))
}

func TestTheFirstRuleOfTheFirstPolicyDecides(t *testing.T) {
	const acceptB = "{action: Accept, from: [{pods: {podSelector: {matchLabels: {app: b}}}}]}"
	const denyAll = "{action: Deny, " + fromPods + "}"
	expect(t, compile(t, tiered("p", "Admin", 10, acceptB+", "+denyAll)), "a/x <- b/x TCP 80 = allow\na/x <- b/y TCP 80 = allow\na/x <- c/x TCP 80 = deny(rule)\na/x <- world TCP 80 = allow")
	expect(t, compile(t, tiered("p", "Admin", 10, denyAll+", "+acceptB)), "a/x <- b/x TCP 80 = deny(rule)")
	expect(t, compile(t, tiered("q", "Admin", 10, denyAll), tiered("p", "Admin", 9, acceptB)), "a/x <- b/x TCP 80 = allow")
	d := asking(t, compile(t, tiered("p", "Admin", 10, acceptB+", "+denyAll)), "a/x <- c/x TCP 80")
	if len(d.Policies) != 1 || d.Policies[0].Rule != "ingress[1]" || d.Policies[0].Kind != "ClusterNetworkPolicy" {
		t.Errorf("%v", d.Policies)
	}
}

func TestAPassLeavesOutTheRestOfItsTier(t *testing.T) {
	const passB = "{action: Pass, from: [{pods: {podSelector: {matchLabels: {app: b}}}}]}"
	const denyAll = "{action: Deny, " + fromPods + "}"
	e := compile(t, tiered("p", "Admin", 10, passB+", "+denyAll), cnpIngress("{fromEndpoints: [{matchLabels: {app: b}}], toPorts: [{ports: [{port: '80'}]}]}"))
	expect(t, e, `
		a/x <- b/x TCP 80 = allow
		a/x <- b/x TCP 81 = deny(default)
		a/x <- c/x TCP 80 = deny(rule)`)
	e = compile(t, tiered("p", "Baseline", 10, passB+", "+denyAll), tiered("q", "Admin", 10, "{action: Pass, "+fromPods+"}"))
	expect(t, e, "a/x <- b/x TCP 80 = allow\na/x <- c/x TCP 80 = deny(rule)")
}

func TestPortsOfClusterPolicies(t *testing.T) {
	inv := inventory(t, tiered("p", "Admin", 1, "{action: Deny, "+fromPods+", protocols: [{tcp: {destinationPort: {range: {start: 80, end: 90}}}}, {udp: {}}, {sctp: {destinationPort: {number: 9}}}, {destinationNamedPort: http}]}"))
	inv.Pods = []audit.Pod{named("a", 8080)}
	expect(t, Compile(inv, Options{}), `
		a/x <- b/x TCP 90 = deny(rule)
		a/x <- b/x TCP 91 = allow
		a/x <- b/x UDP 53 = deny(rule)
		a/x <- b/x SCTP 9 = deny(rule)
		a/x <- b/x TCP 8080 = deny(rule)
		a/x <- b/x ICMPv4 8 = allow`)
}

func TestAPeerThatIsNotKnownFailsClosed(t *testing.T) {
	rule := func(action string) string { return "{action: " + action + ", from: [{planets: {}}]}" }
	expect(t, compile(t, tiered("p", "Baseline", 1, rule("Accept")+", {action: Deny, "+fromPods+"}")), "a/x <- b/x TCP 80 = deny(rule)\na/x <- world TCP 80 = allow")
	for _, action := range []string{"Deny", "Pass"} {
		e := compile(t, tiered("p", "Admin", 1, rule(action)))
		expect(t, e, "a/x <- b/x TCP 80 = deny(rule)\na/x <- world TCP 80 = deny(rule)")
		if p := e.Partly(); len(p) != 1 || p[0].NoEffect {
			t.Errorf("%+v", p)
		}
	}
	e := compile(t, tiered("p", "Admin", 1, "{action: Deny, from: [{namespaces: {}}, {planets: {}}]}"))
	if d := asking(t, e, "a/x <- b/x TCP 80"); len(d.Policies) != 1 {
		t.Errorf("the rule is named %d times", len(d.Policies))
	}
}

func TestNamesOfClusterPoliciesHaveAnyNumberOfLabelsAndMayBeLookedUp(t *testing.T) {
	inv := inventory(t, kcnp("p", "{tier: Admin, priority: 1, "+everyPodOf+", egress: [{action: Accept, to: [{domainNames: ['*.example.com']}], protocols: [{tcp: {destinationPort: {number: 443}}}]}, {action: Deny, to: [{networks: [0.0.0.0/0]}, {namespaces: {}}]}]}"))
	dns := audit.Pod{Namespace: "kube-system", Name: "dns", Labels: map[string]string{"k8s-app": "kube-dns"}, Ports: []audit.NamedPort{{Name: "dns", Protocol: audit.UDP, Port: 53}}}
	inv.Pods = []audit.Pod{dns}
	inv.Policies = append(inv.Policies, inventory(t, knp("deny", "{podSelector: {}, policyTypes: [Egress]}")).Policies...)
	e := Compile(inv, Options{})
	const server = "k8s:k8s-app=kube-dns k8s:io.kubernetes.pod.namespace=kube-system k8s:io.cilium.k8s.policy.cluster=lab"
	expect(t, e, `
		a/x -> fqdn:a.b.example.com reserved:world TCP 443 = allow
		a/x -> fqdn:example.com cidr:1.2.3.4/32 reserved:world TCP 443 = deny(rule)
		a/x -> `+server+` UDP 53 = allow+L7`)
	lookups(t, e, "a/x -> "+server+" UDP 53", "a.b.example.com = allow+L7\nexample.org = deny(l7)+L7")
	expect(t, Compile(inv, Options{Semantics: Kubernetes}), "a/x -> "+server+" UDP 53 = deny(rule)")
}

func TestClusterPoliciesAreInForceOnlyIfCiliumIsToldSo(t *testing.T) {
	inv := inventory(t, tiered("p", "Admin", 1, "{action: Deny, "+fromPods+"}"), anp("q", "{priority: 1, "+everyPodOf+", egress: [{action: Deny, to: [{namespaces: {}}]}]}"))
	expect(t, Compile(inv, Options{}), "a/x <- b/x TCP 80 = deny(rule)\na/x -> b/x TCP 80 = allow")
	delete(inv.Settings, "enable-k8s-cluster-network-policy")
	e := Compile(inv, Options{})
	expect(t, e, "a/x <- b/x TCP 80 = allow\na/x -> b/x TCP 80 = allow")
	if p := e.Partly(); len(p) != 2 || !p[0].NoEffect || !p[1].NoEffect || !strings.Contains(p[1].Why, "enable-k8s-cluster-network-policy") {
		t.Errorf("%+v", p)
	}
	for _, e := range []*Engine{Compile(inv, Options{Semantics: Kubernetes}), Compile(unset(inv), Options{})} {
		expect(t, e, "a/x <- b/x TCP 80 = deny(rule)\na/x -> b/x TCP 80 = deny(rule)")
	}
}

// unset is a cluster whose agents' settings are not known.
func unset(inv *audit.Inventory) *audit.Inventory {
	inv.Settings = nil
	return inv
}

func TestByTheTextANetworkPolicyMakesAFinalDecision(t *testing.T) {
	docs := []string{knp("k", "{podSelector: {matchLabels: {app: a}}, policyTypes: [Ingress]}"), tiered("p", "Baseline", 1, "{action: Accept, "+fromPods+"}")}
	expect(t, compile(t, docs...), "a/x <- b/x TCP 80 = allow")
	expect(t, Compile(inventory(t, docs...), Options{Semantics: Kubernetes}), "a/x <- b/x TCP 80 = deny(default)\nc/x <- b/x TCP 80 = allow")
	older := []string{docs[0], banp("{" + everyPodOf + ", ingress: [{action: Allow, " + fromPods + "}]}")}
	expect(t, Compile(unset(inventory(t, older...)), Options{}), "a/x <- b/x TCP 80 = deny(default)\nc/x <- b/x TCP 80 = allow")
}

func TestByTheTextPoliciesOfOnePriorityMustAgree(t *testing.T) {
	inv := inventory(t, tiered("p", "Admin", 1, "{action: Accept, from: [{pods: {podSelector: {matchLabels: {app: b}}}}]}"), tiered("q", "Admin", 1, "{action: Deny, "+fromPods+"}"))
	expect(t, Compile(inv, Options{Semantics: Kubernetes}), "a/x <- b/x TCP 80 = undetermined\na/x <- c/x TCP 80 = deny(rule)\na/x <- world TCP 80 = allow")
	inv = inventory(t, tiered("p", "Admin", 1, "{action: Accept, "+fromPods+"}"), tiered("q", "Admin", 1, "{action: Pass, "+fromPods+"}"), knp("k", "{podSelector: {matchLabels: {app: a}}}"))
	expect(t, Compile(inv, Options{Semantics: Kubernetes}), "a/x <- b/x TCP 80 = undetermined\nb/x <- c/x TCP 80 = allow")
}

func TestByTheTextNetworksAreAddressesOfPodsToo(t *testing.T) {
	inv := inventory(t, kcnp("p", "{tier: Admin, priority: 1, "+everyPodOf+", egress: [{action: Deny, to: [{networks: [10.1.0.0/16]}]}]}"))
	e := Compile(inv, Options{Semantics: Kubernetes})
	for ip, want := range map[string]audit.Answer{"10.1.2.3": audit.Deny, "10.2.2.3": audit.Allow} {
		q := query(t, "a/x -> b/x TCP 80")
		p := e.PodPeer(&audit.Pod{Namespace: "x", Name: "b", Labels: map[string]string{"app": "b"}, IPs: []netip.Addr{netip.MustParseAddr(ip)}})
		q.Peer = &p
		if d := e.Decide(q); d.Answer != want {
			t.Errorf("%s: %s, want %s", ip, d.Answer, want)
		}
	}
	expect(t, e, "a/x -> b/x TCP 80 = undetermined\na/x -> 10.1.0.9 TCP 80 = deny(rule)")
}

func TestNodesAreKnownByTheirLabelsOrAllOfThem(t *testing.T) {
	nodes := func(sel string) string {
		return kcnp("p", "{tier: Admin, priority: 1, "+everyPodOf+", egress: [{action: Deny, to: [{nodes: "+sel+"}]}]}")
	}
	e := Compile(inventory(t, nodes("{matchLabels: {role: db}}")), Options{Semantics: Kubernetes})
	expect(t, e, `
		a/x -> node:role=db reserved:remote-node TCP 80 = deny(rule)
		a/x -> node:role=web reserved:remote-node TCP 80 = allow
		a/x -> remote-node TCP 80 = undetermined
		a/x -> b/x TCP 80 = allow`)
	expect(t, Compile(inventory(t, nodes("{}")), Options{Semantics: Kubernetes}), "a/x -> remote-node TCP 80 = deny(rule)\na/x -> 8.8.8.8 TCP 80 = allow")
}

func TestTheOlderKindsAreDecidedByTheirText(t *testing.T) {
	inv := unset(inventory(t,
		anp("p", "{priority: 5, "+everyPodOf+`, ingress: [
			{action: Allow, from: [{pods: {namespaceSelector: {matchLabels: {team: blue}}, podSelector: {}}}], ports: [{portNumber: {port: 80}}, {portRange: {protocol: UDP, start: 50, end: 60}}]},
			{action: Pass, from: [{pods: {namespaces: {namespaceSelector: {}}, podSelector: {matchLabels: {app: c}}}}]},
			{action: Deny, `+fromPods+"}]}"),
		banp("{"+everyPodOf+", ingress: [{action: Deny, "+fromPods+"}]}")))
	expect(t, Compile(inv, Options{}), `
		a/x <- b/y TCP 80 = allow
		a/x <- b/y UDP 55 = allow
		a/x <- b/y UDP 80 = deny(rule)
		a/x <- c/x TCP 80 = deny(rule)
		a/x <- 8.8.8.8 TCP 80 = allow`)
	d := asking(t, Compile(inv, Options{}), "a/x <- c/x TCP 80")
	if len(d.Policies) != 1 || d.Policies[0].Kind != "BaselineAdminNetworkPolicy" {
		t.Errorf("%v", d.Policies)
	}
}

func TestNamespacesOfTheSameLabelsAsTheSubjects(t *testing.T) {
	deny := func(peer string) *Engine {
		return Compile(unset(inventory(t, anp("p", "{priority: 5, "+everyPodOf+", ingress: [{action: Deny, from: ["+peer+"]}]}"))), Options{})
	}
	expect(t, deny("{namespaces: {sameLabels: [team]}}"), "a/x <- b/x TCP 80 = deny(rule)\na/x <- b/y TCP 80 = allow")
	expect(t, deny("{namespaces: {notSameLabels: [team]}}"), "a/x <- b/x TCP 80 = allow\na/x <- b/y TCP 80 = deny(rule)\na/x <- world TCP 80 = allow")
	expect(t, deny("{pods: {namespaces: {sameLabels: [team]}, podSelector: {matchLabels: {app: b}}}}"), "a/x <- b/x TCP 80 = deny(rule)\na/x <- c/x TCP 80 = allow")
	expect(t, deny("{namespaces: {sameLabels: [none]}}"), "a/x <- b/x TCP 80 = allow")
}

func TestAClusterPolicyThatIsRejectedSaysWhere(t *testing.T) {
	in := func(rule string) string { return tiered("p", "Admin", 1, rule) }
	out := func(rule string) string {
		return kcnp("p", "{tier: Admin, priority: 1, "+everyPodOf+", egress: ["+rule+"]}")
	}
	reject(t, []rejected{
		{kcnp("p", "{tier: Normal, priority: 1, "+everyPodOf+"}"), "spec.tier: expected Admin or Baseline"},
		{kcnp("p", "{tier: Admin, "+everyPodOf+"}"), "spec.priority: expected a priority from 0 to 1000"},
		{kcnp("p", "{tier: Admin, priority: 1001, "+everyPodOf+"}"), "spec.priority: expected a number from 0 to 1000, found 1001"},
		{kcnp("p", "{tier: Admin, priority: 1, subject: {}}"), "spec.subject: exactly one of namespaces and pods"},
		{in("{action: Allow, " + fromPods + "}"), "ingress[0].action: expected one of [Accept Deny Pass]"},
		{in("{action: Deny, from: [{namespaces: {}, pods: {podSelector: {}}}]}"), "from[0]: namespaces and pods may not be combined"},
		{in("{action: Deny, " + fromPods + ", protocols: [{}]}"), "protocols[0]: exactly one of tcp, udp, sctp"},
		{in("{action: Deny, " + fromPods + ", protocols: [{tcp: {destinationPort: {}}}]}"), "exactly one of number and range"},
		{in("{action: Deny, " + fromPods + ", protocols: [{tcp: {destinationPort: {range: {start: 80, end: 80}}}}]}"), "expected a start that is below the end"},
		{in(strings.Repeat("{action: Deny, "+fromPods+"},", 26)), "spec.ingress: expected at most 25 rules, found 26"},
		{out("{action: Deny, to: [{domainNames: [a.example]}]}"), "names are possible only in rules that accept"},
		{out("{action: Deny, to: [{networks: [moon]}]}"), "networks[0]: expected an address range"},
		{out("{action: Deny, to: [{nodes: {}}]}"), "enable-node-selector-labels"},
	})
}
