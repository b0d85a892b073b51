package cluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
)

const endpointObjects = `
{apiVersion: cilium.io/v2, kind: CiliumEndpoint, metadata: {name: web-1, namespace: shop},
 status: {state: ready, identity: {id: 3274, labels: ["k8s:app=old"]}, networking: {addressing: [{ipv4: 10.0.0.1}]}}}
---
{apiVersion: cilium.io/v2, kind: CiliumEndpoint, metadata: {name: alone, namespace: shop},
 status: {state: ready, identity: {id: 9, labels: ["k8s:io.kubernetes.pod.namespace=shop", "k8s:app=alone"]}}}
---
{apiVersion: cilium.io/v2, kind: CiliumEndpoint, metadata: {name: starting, namespace: shop}, status: {state: waiting-for-identity}}
---
{apiVersion: cilium.io/v2, kind: CiliumIdentity, metadata: {name: "3274", labels: {app: web}},
 security-labels: {"k8s:app": web, "k8s:empty": "", "k8s:io.kubernetes.pod.namespace": shop}}
`

func TestAnEndpointHasTheLabelsOfItsIdentity(t *testing.T) {
	want := []audit.Endpoint{
		// What the endpoint repeats counts where there is no such identity.
		{Namespace: "shop", Name: "alone", State: "ready", Labels: audit.Labels{"k8s:app=alone", "k8s:io.kubernetes.pod.namespace=shop"}},
		{Namespace: "shop", Name: "starting", State: "waiting-for-identity"},
		{Namespace: "shop", Name: "web-1", State: "ready", Labels: audit.Labels{"k8s:app=web", "k8s:empty", "k8s:io.kubernetes.pod.namespace=shop"}},
	}
	if d := cmp.Diff(want, inventory(t, endpointObjects).Endpoints); d != "" {
		t.Error(d)
	}
}

func TestEndpointsThatWereNotLookedAtAreNotNone(t *testing.T) {
	if got := inventory(t, policy).Endpoints; got != nil {
		t.Errorf("files without endpoints say nothing of them: %v", got)
	}
	_, cfg := serve(t, "testdata/dump.yaml")
	live, err := (&Live{Config: cfg}).Inventory(t.Context())
	if err != nil || live.Endpoints == nil || len(live.Endpoints) > 0 {
		t.Errorf("the cluster has none: %v, %v", live.Endpoints, err)
	}
}

func TestSettingsOfSomeNodesAreKept(t *testing.T) {
	inv := inventory(t, `
{apiVersion: cilium.io/v2alpha1, kind: CiliumNodeConfig, metadata: {name: audit, namespace: kube-system},
 spec: {nodeSelector: {matchLabels: {pool: edge}}, defaults: {policy-audit-mode: "true"}}}`)
	if d := cmp.Diff([]string{"CiliumNodeConfig kube-system/audit"}, refs(inv.Overrides)); d != "" || len(inv.Policies) > 0 {
		t.Error(d, inv.Policies)
	}
}
