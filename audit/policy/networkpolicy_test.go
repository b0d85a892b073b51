package policy

import (
	"testing"

	"github.com/segproof/segproof/audit"
)

func TestPodAndNamespaceSelectorsOfOnePeerMustBothHold(t *testing.T) {
	e := compile(t, knp("p", "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: blue}}, podSelector: {matchLabels: {app: b}}}]}]}"))
	expect(t, e, `
		a/x <- b/y TCP 80 = allow
		a/x <- c/y TCP 80 = deny(default)
		a/x <- b/x TCP 80 = deny(default)`)
	e = compile(t, knp("p", "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: blue}}}, {podSelector: {matchLabels: {app: b}}}]}]}"))
	expect(t, e, `
		a/x <- c/y TCP 80 = allow
		a/x <- b/x TCP 80 = allow
		a/x <- c/x TCP 80 = deny(default)`)
}

func TestNamespacesAreSelectedByTheNameThatTheServerGivesThem(t *testing.T) {
	e := compile(t, knp("p", "{podSelector: {}, egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: 'y'}}}]}]}"))
	expect(t, e, `
		a/x -> b/y UDP 53 = allow
		a/x -> b/x UDP 53 = deny(default)`)
}

func TestNodesAndTheWorldAreNoNamespace(t *testing.T) {
	e := compile(t, knp("p", "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: team, operator: NotIn, values: [green]}]}}]}]}"))
	expect(t, e, `
		a/x <- b/y TCP 80 = allow
		a/x <- remote-node TCP 80 = deny(default)
		a/x <- 8.8.8.8 TCP 80 = deny(default)`)
}

func TestPoliciesOfANamespaceSayNothingOfAnother(t *testing.T) {
	e := compile(t, knp("p", "{podSelector: {}}"))
	expect(t, e, `
		a/x <- b/x TCP 80 = deny(default)
		a/x -> b/x TCP 80 = allow
		a/y <- b/x TCP 80 = allow`)
}

func TestNodesAreNoSubjectsOfNetworkPolicies(t *testing.T) {
	e := compile(t, knp("p", "{podSelector: {}, policyTypes: [Ingress, Egress]}"))
	expect(t, e, `
		host -> a/x TCP 80 = allow
		remote-node <- a/x TCP 80 = allow
		8.8.8.8 -> a/x TCP 80 = allow`)
}

func TestDefaultDenyNamesEveryPolicyThatIsolates(t *testing.T) {
	e := compile(t, knp("b", "{podSelector: {}}"), knp("a", "{podSelector: {matchLabels: {app: a}}}"), knp("other", "{podSelector: {matchLabels: {app: z}}}"))
	d := asking(t, e, "a/x <- b/x TCP 80")
	if len(d.Policies) != 2 || d.Policies[0].Name != "a" || d.Policies[1].Name != "b" || d.Policies[0].Rule != "" || d.Policies[0].Object == nil {
		t.Errorf("policies %v", d.Policies)
	}
}

func TestAnAllowNamesEveryRuleInOrder(t *testing.T) {
	open := "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: z}}}]}, {}, {ports: [{port: 80}]}]}"
	e := compile(t, knp("b", open), cnp("c", "{endpointSelector: {}, ingress: [{fromEntities: [all]}]}"), knp("a", open))
	d := asking(t, e, "a/x <- b/x TCP 80")
	var got []string
	for _, p := range d.Policies {
		got = append(got, p.Ref.String()+" "+p.Rule)
	}
	want := []string{"CiliumNetworkPolicy x/c ingress[0]", "NetworkPolicy x/a ingress[1]", "NetworkPolicy x/a ingress[2]", "NetworkPolicy x/b ingress[1]", "NetworkPolicy x/b ingress[2]"}
	equal(t, got, want)
	if d.Reason != audit.AllowedByRule {
		t.Error(d.Reason)
	}
}

func TestTheTwoTextsDifferAboutRulesOfADirectionThatIsNotListed(t *testing.T) {
	inv := inventory(t, knp("p", "{podSelector: {}, policyTypes: [Egress], ingress: [{from: [{podSelector: {}}]}]}"))
	expect(t, Compile(inv, Options{}), "a/x <- b/y TCP 80 = deny(default)")
	expect(t, Compile(inv, Options{Semantics: Kubernetes}), "a/x <- b/y TCP 80 = allow")
}

func TestTheTwoTextsDifferAboutBlocksInsideTheCluster(t *testing.T) {
	inv := inventory(t, knp("p", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}"))
	expect(t, Compile(inv, Options{}), "a/x <- b/x TCP 80 = deny(default)")
	expect(t, Compile(inv, Options{Semantics: Kubernetes}), `
		a/x <- b/x TCP 80 = undetermined
		a/x <- 8.8.8.8 TCP 80 = allow`)
}

func TestTheTwoTextsDifferAboutLabelsThatAreNoIdentity(t *testing.T) {
	inv := inventory(t, knp("p", "{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: pod-template-hash, operator: DoesNotExist}]}}]}]}"))
	expect(t, Compile(inv, Options{}), "a/x <- b/x TCP 80 = allow")
	expect(t, Compile(inv, Options{Semantics: Kubernetes}), "a/x <- b/x TCP 80 = undetermined")
}

func TestTheTwoTextsDifferAboutTheNode(t *testing.T) {
	inv := with(inventory(t, knp("p", "{podSelector: {}, policyTypes: [Ingress, Egress]}")), "allow-localhost", "policy")
	expect(t, Compile(inv, Options{}), `
		a/x <- host TCP 80 = deny(default)
		a/x -> host TCP 80 = deny(default)`)
	expect(t, Compile(inv, Options{Semantics: Kubernetes}), `
		a/x <- host TCP 80 = allow(local)
		a/x -> host TCP 80 = allow(local)`)
}
