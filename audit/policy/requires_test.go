package policy

import (
	"strings"
	"testing"

	"github.com/segproof/segproof/audit"
)

// requiring are two policies: peers must be of team blue, whoever else admits them.
func requiring() []string {
	return []string{
		cnp("needs", "{endpointSelector: {matchLabels: {app: a}}, ingress: [{fromRequires: [{matchLabels: {'k8s:io.cilium.k8s.namespace.labels.team': blue}}]}]}"),
		cnp("admits", "{endpointSelector: {}, ingress: [{fromEndpoints: [{matchExpressions: [{key: 'k8s:io.kubernetes.pod.namespace', operator: Exists}]}]}, {fromEntities: [remote-node]}], ingressDeny: [{fromEndpoints: [{matchLabels: {app: d}}]}]}"),
	}
}

func withAgent(inv *audit.Inventory, images ...string) *audit.Inventory {
	inv.Workloads = append(inv.Workloads, audit.Workload{Ref: audit.Ref{Kind: "DaemonSet", Namespace: "kube-system", Name: "cilium"}, Images: images})
	return inv
}

func TestRequirementsRestrictEverySelectorOfPeersWhereCiliumKnowsThem(t *testing.T) {
	e := Compile(withAgent(inventory(t, requiring()...), "quay.io/cilium/cilium:v1.18.3@sha256:0123"), Options{})
	expect(t, e, `
		a/x <- b/x TCP 80 = deny(default)
		a/x <- b/y TCP 80 = allow
		c/x <- b/x TCP 80 = allow
		a/x <- d/x TCP 80 = deny(rule)
		a/x <- remote-node TCP 80 = allow`)
	if p := e.Partly(); len(p) > 0 {
		t.Errorf("partly %+v", p)
	}
}

func TestAPolicyWithRequirementsDoesNothingWhereCiliumCannotReadIt(t *testing.T) {
	e := Compile(withAgent(inventory(t, requiring()...), "registry.example:5000/cilium/cilium:1.20.2"), Options{})
	expect(t, e, "a/x <- b/x TCP 80 = allow")
	if p := e.Partly(); len(p) != 1 || !p[0].NoEffect || !strings.Contains(p[0].Why, "since Cilium 1.19") {
		t.Errorf("partly %+v", p)
	}
}

func TestRequirementsAreOpenWhereTheVersionIsNotKnown(t *testing.T) {
	for _, images := range [][]string{nil, {"quay.io/cilium/cilium:latest"}, {"cilium/cilium:v1.18.1", "cilium/cilium:v1.19.0"}, {"quay.io/cilium/operator:v1.18.0"}} {
		e := Compile(withAgent(inventory(t, requiring()...), images...), Options{})
		expect(t, e, "a/x <- b/x TCP 80 = undetermined")
		if p := e.Partly(); len(p) != 1 || p[0].NoEffect || !strings.Contains(p[0].Why, "DaemonSet named cilium") {
			t.Errorf("%v: partly %+v", images, p)
		}
	}
}

func TestAnotherVersionOfCiliumIsAnotherGround(t *testing.T) {
	inv := withAgent(inventory(t, requiring()...), "cilium/cilium:v1.18.1")
	e := Compile(inv, Options{})
	later := changed(inv, inv.Policies...)
	later.Workloads = nil
	expect(t, e.With(withAgent(later, "cilium/cilium:v1.19.1")), "a/x <- b/x TCP 80 = allow")
}
