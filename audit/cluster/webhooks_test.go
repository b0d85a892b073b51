package cluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
)

const webhookObjects = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: resource-hooks, labels: {webhook.kyverno.io/managed-by: kyverno}}
webhooks:
- name: validate.kyverno.svc-ignore
  admissionReviewVersions: [v1]
  sideEffects: None
  clientConfig: {caBundle: LS0tLS0=, service: {namespace: kyverno, name: kyverno-svc, path: /validate/ignore}}
  failurePolicy: Ignore
  namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}]}
  rules:
  - {apiGroups: ["", networking.k8s.io], apiVersions: ["*"], operations: [CREATE], resources: [networkpolicies]}
  - {apiGroups: [networking.k8s.io], apiVersions: ["*"], operations: [UPDATE], resources: [networkpolicies]}
- name: validate.kyverno.svc-fail
  admissionReviewVersions: [v1]
  sideEffects: None
  clientConfig: {url: "https://127.0.0.1:9443/validate/fail"}
  namespaceSelector: {}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: kyverno-policy-mutating-webhook-cfg}
webhooks:
- {name: mutate-policy.kyverno.svc, admissionReviewVersions: [v1], sideEffects: None, failurePolicy: Fail, objectSelector: {matchLabels: {a: b}}, clientConfig: {url: "https://x"}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: istio-sidecar-injector}
webhooks:
- {name: sidecar.istio.io, admissionReviewVersions: [v1], sideEffects: None, clientConfig: {url: "https://x"}}
`

var wantWebhooks = []audit.Webhook{
	{Configuration: "kyverno-policy-mutating-webhook-cfg", Name: "mutate-policy.kyverno.svc", Mutating: true, Namespaces: true},
	{Configuration: "resource-hooks", Name: "validate.kyverno.svc-fail"},
	{
		Configuration: "resource-hooks", Name: "validate.kyverno.svc-ignore", FailOpen: true, Namespaces: true,
		Service:   audit.Ref{Kind: "Service", Namespace: "kyverno", Name: "kyverno-svc"},
		Resources: []string{"networkpolicies", "networkpolicies.networking.k8s.io"},
	},
}

func TestOnlyKyvernosWebhooksAreKept(t *testing.T) {
	inv := inventory(t, webhookObjects)
	if d := cmp.Diff(wantWebhooks, inv.Webhooks); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]int{"MutatingWebhookConfiguration": 1}, inv.Ignored); d != "" {
		t.Error(d)
	}
}
