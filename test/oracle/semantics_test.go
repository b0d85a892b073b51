package oracle

import (
	"testing"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// A difference is a question that the two modes answer each in its own way.
type difference struct {
	name               string
	policies           []string
	question           question
	cilium, kubernetes audit.Answer
}

func differences() []difference {
	const in, out = audit.Ingress, audit.Egress
	return []difference{
		{
			"ingress rules of a policy that is about egress only",
			[]string{networkPolicyText("podSelector: {}, policyTypes: [Egress], ingress: [{from: [{podSelector: {matchLabels: {app: none}}}]}]")},
			question{web, other, in, audit.TCP, 80}, audit.Deny, audit.Allow,
		},
		{
			"a node and its own pod: traffic to the node",
			[]string{networkPolicyText("podSelector: {}, policyTypes: [Egress]")},
			question{web, host, out, audit.TCP, 80}, audit.Deny, audit.Allow,
		},
		{
			"a node and its own pod: traffic from the node",
			[]string{networkPolicyText("podSelector: {}, policyTypes: [Ingress]")},
			question{web, host, in, audit.TCP, 80}, audit.Allow, audit.Allow,
		},
		{
			"addresses of pods in an ipBlock",
			[]string{networkPolicyText("podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]")},
			question{web, other, in, audit.TCP, 80}, audit.Deny, audit.Undetermined,
		},
		{
			"a subject selected by a label that is not part of an identity",
			[]string{networkPolicyText("podSelector: {matchLabels: {pod-template-hash: a}}, policyTypes: [Ingress]")},
			question{web, other, in, audit.TCP, 80}, audit.Allow, audit.Undetermined,
		},
		{
			"a peer excluded by a label that is not part of an identity",
			[]string{networkPolicyText("podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: pod-template-hash, operator: DoesNotExist}]}}]}]")},
			question{web, other, in, audit.TCP, 80}, audit.Allow, audit.Undetermined,
		},
		{
			"a NetworkPolicy denies by default, and the Baseline tier accepts",
			[]string{
				networkPolicyText("podSelector: {}, policyTypes: [Ingress]"),
				tierText("tier: Baseline, priority: 1, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {}}]}]"),
			},
			question{web, other, in, audit.TCP, 80}, audit.Allow, audit.Deny,
		},
		{
			"addresses of pods in networks of the Admin tier",
			[]string{tierText("tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: [10.0.0.0/8]}]}]")},
			question{web, other, out, audit.TCP, 80}, audit.Allow, audit.Deny,
		},
		{
			"addresses outside in networks of the Admin tier",
			[]string{tierText("tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]")},
			question{web, outside, out, audit.TCP, 80}, audit.Deny, audit.Deny,
		},
	}
}

// Cilium's side is also put to Cilium's engine.
func TestWhereKubernetesAndCiliumDifferEachModeSaysItsOwn(t *testing.T) {
	for _, tt := range differences() {
		t.Run(tt.name, func(t *testing.T) {
			c, policies := knownCluster(), parsed(t, tt.policies)
			p := mustPair(t, c, policies)
			ours, theirs := p.answers(t, tt.question)
			if ours.Answer != tt.cilium {
				t.Errorf("as cilium: got %s (%s), want %s", describe(ours), ours.Why, tt.cilium)
			}
			if theirs.Allowed != (tt.cilium == audit.Allow) {
				t.Errorf("cilium itself: got %s, want %s", theirs, tt.cilium)
			}
			p.ours = policy.Compile(inventory(Settings()[0], c, policies), policy.Options{Semantics: policy.Kubernetes})
			if text := p.ours.Decide(p.query(tt.question)); text.Answer != tt.kubernetes {
				t.Errorf("as kubernetes: got %s (%s), want %s", describe(text), text.Why, tt.kubernetes)
			}
		})
	}
}

func networkPolicyText(spec string) string {
	return "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: knp, namespace: x}, spec: {" + spec + "}}"
}

func tierText(spec string) string {
	return "{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: tier}, spec: {" + spec + "}}"
}
