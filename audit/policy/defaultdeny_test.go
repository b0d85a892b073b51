package policy

import (
	"testing"

	"github.com/segproof/segproof/audit"
)

func isolators(e *Engine, namespace string, d audit.Direction) (names []string, unsure string) {
	by, unsure := e.DefaultDeny(namespace, d)
	for _, p := range by {
		names = append(names, p.Name)
	}
	return names, unsure
}

func TestADefaultDenySelectsEveryPodAlsoTomorrows(t *testing.T) {
	e := compile(t,
		knp("all", "{podSelector: {}, policyTypes: [Ingress, Egress]}"),
		knp("some", "{podSelector: {matchLabels: {app: a}}}"),
		knp("none-lacks", "{podSelector: {matchExpressions: [{key: debug, operator: DoesNotExist}]}}"),
		cnp("cilium", "{endpointSelector: {matchLabels: {}}, ingress: [{}]}"),
		cnp("allows", "{endpointSelector: {}, enableDefaultDeny: {ingress: false}, ingress: [{}]}"),
		cnp("invalid", "{endpointSelector: {}, ingress: [{fromEntities: [moon]}]}"),
		ccnp("red", "{endpointSelector: {matchLabels: {'k8s:io.cilium.k8s.namespace.labels.team': red}}, ingress: [{}]}"),
		ccnp("by-name", "{endpointSelector: {matchLabels: {'k8s:io.kubernetes.pod.namespace': 'y'}}, ingress: [{}]}"),
		ccnp("unlabelled", "{endpointSelector: {matchExpressions: [{key: 'io.cilium.k8s.namespace.labels.open', operator: DoesNotExist}]}, egress: [{}]}"),
		ccnp("nodes", "{nodeSelector: {}, ingress: [{}], egress: [{}]}"))
	tests := []struct {
		namespace string
		direction audit.Direction
		want      []string
	}{
		{"x", audit.Ingress, []string{"red", "cilium", "all"}},
		{"x", audit.Egress, []string{"unlabelled", "all"}},
		{"y", audit.Ingress, []string{"by-name"}},
		{"y", audit.Egress, []string{"unlabelled"}},
	}
	for _, tt := range tests {
		got, unsure := isolators(e, tt.namespace, tt.direction)
		equal(t, got, tt.want)
		if unsure != "" {
			t.Errorf("%s %s: unsure %q", tt.namespace, tt.direction, unsure)
		}
	}
}

func TestADefaultDenyIsOpenWhileSomethingThatMightBeOneIsNotUnderstood(t *testing.T) {
	inv := inventory(t, cnp("p", "{endpointSelector: {}, order: 1, ingress: [{}]}"),
		ccnp("q", "{endpointSelector: {matchLabels: {'io.cilium.k8s.namespace.labels.team': red}}, egress: [{}]}"))
	e := Compile(inv, Options{})
	for namespace, want := range map[string]bool{"x": true, "y": false, "undeclared": false} {
		if by, unsure := isolators(e, namespace, audit.Ingress); by != nil || (unsure != "") != want {
			t.Errorf("%s: %v, unsure %q", namespace, by, unsure)
		}
	}
	if by, unsure := isolators(e, "undeclared", audit.Egress); by != nil || unsure == "" {
		t.Errorf("namespace labels are not known, but: %v, unsure %q", by, unsure)
	}
	inv = inventory(t)
	inv.Unreadable = []audit.Unreadable{{Kind: "networkpolicies.networking.k8s.io", Reason: "forbidden"}}
	if by, unsure := isolators(Compile(inv, Options{}), "x", audit.Ingress); by != nil || unsure == "" {
		t.Errorf("unreadable, but: %v, unsure %q", by, unsure)
	}
}

func TestTheAgentItselfIsolatesIfToldToAlways(t *testing.T) {
	inv := with(inventory(t, cnp("p", "{endpointSelector: {matchLabels: {app: a}}, ingress: [{fromEndpoints: [{}]}]}")), "enable-policy", "always")
	e := Compile(inv, Options{})
	expect(t, e, `
		a/x <- b/x TCP 80 = allow
		a/x <- host TCP 80 = allow(local)
		a/x -> b/x TCP 80 = deny(default)
		c/y <- b/x TCP 80 = deny(default)
		c/y <- host TCP 80 = deny(default)`)
	if d := asking(t, e, "c/y <- b/x TCP 80"); len(d.Policies) != 0 {
		t.Errorf("policies %v", d.Policies)
	}
	by, unsure := e.DefaultDeny("y", audit.Egress)
	if len(by) != 1 || by[0].Ref != (audit.Ref{Kind: "ConfigMap", Namespace: "kube-system", Name: "cilium-config"}) || unsure != "" {
		t.Errorf("%v, unsure %q", by, unsure)
	}
}

func TestSwitchingEnforcementOffChangesNothingThatIsDeclared(t *testing.T) {
	inv := with(inventory(t, knp("p", "{podSelector: {}}")), "enable-policy", "never", "enable-k8s-networkpolicy", "false")
	e := Compile(inv, Options{})
	expect(t, e, "a/x <- b/x TCP 80 = deny(default)")
	if by, _ := isolators(e, "x", audit.Ingress); len(by) != 1 {
		t.Errorf("isolated by %v", by)
	}
}
