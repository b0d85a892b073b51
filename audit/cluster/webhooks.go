package cluster

import (
	"cmp"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// webhooks are those of one configuration object. One that is not Kyverno's has
// none, and says of which kind it is.
type webhooks struct {
	hooks   []audit.Webhook
	foreign string
}

// webhookConfiguration is a validating or a mutating configuration: of what is
// read both have the same shape.
type webhookConfiguration struct {
	metav1.ObjectMeta `json:"metadata"`
	Webhooks          []webhook `json:"webhooks"`
}

type webhook struct {
	Name              string                           `json:"name"`
	ClientConfig      clientConfig                     `json:"clientConfig"`
	FailurePolicy     *admissionv1.FailurePolicyType   `json:"failurePolicy"`
	NamespaceSelector *metav1.LabelSelector            `json:"namespaceSelector"`
	ObjectSelector    *metav1.LabelSelector            `json:"objectSelector"`
	Rules             []admissionv1.RuleWithOperations `json:"rules"`
}

type clientConfig struct {
	Service *struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"service"`
}

var webhookKeep = keep{
	"metadata": metaKeep,
	"webhooks": {
		"name": nil, "clientConfig": {"service": {"namespace": nil, "name": nil}}, "failurePolicy": nil,
		"namespaceSelector": nil, "objectSelector": nil, "rules": {"apiGroups": nil, "resources": nil},
	},
}

const (
	validating = "ValidatingWebhookConfiguration"
	mutating   = "MutatingWebhookConfiguration"
)

// byKyverno tells whether a configuration is that of Kyverno's admission
// controller, which labels what it makes; older ones only name it so.
func byKyverno(m *metav1.ObjectMeta) bool {
	return m.Labels["webhook.kyverno.io/managed-by"] == "kyverno" || m.Labels["app.kubernetes.io/managed-by"] == "kyverno" ||
		strings.HasPrefix(m.Name, "kyverno-")
}

func webhooksOf(kind string, w *webhookConfiguration) *webhooks {
	if !byKyverno(&w.ObjectMeta) {
		return &webhooks{foreign: kind}
	}
	out := &webhooks{}
	for i := range w.Webhooks {
		h := &w.Webhooks[i]
		hook := audit.Webhook{
			Configuration: w.Name, Name: h.Name, Mutating: kind == mutating,
			FailOpen:   value(h.FailurePolicy) == admissionv1.Ignore,
			Namespaces: selects(h.NamespaceSelector) || selects(h.ObjectSelector),
			Resources:  resources(h.Rules),
		}
		if s := h.ClientConfig.Service; s != nil {
			hook.Service = audit.Ref{Kind: "Service", Namespace: s.Namespace, Name: s.Name}
		}
		out.hooks = append(out.hooks, hook)
	}
	return out
}

func selects(s *metav1.LabelSelector) bool {
	return s != nil && len(s.MatchLabels)+len(s.MatchExpressions) > 0
}

// resources lists what rules are about, as RBAC and kubectl write it.
func resources(rules []admissionv1.RuleWithOperations) []string {
	var out []string
	for _, r := range rules {
		for _, g := range r.APIGroups {
			for _, res := range r.Resources {
				out = append(out, schema.GroupResource{Group: g, Resource: res}.String())
			}
		}
	}
	slices.Sort(out)
	return slices.Clip(slices.Compact(out))
}

// typedWebhooks reads a typed configuration; nil if it is none.
func typedWebhooks(o any) *webhooks {
	switch o := o.(type) {
	case *admissionv1.ValidatingWebhookConfiguration:
		w := &webhookConfiguration{ObjectMeta: o.ObjectMeta}
		for i := range o.Webhooks {
			h := &o.Webhooks[i]
			w.Webhooks = append(w.Webhooks, webhook{h.Name, client(&h.ClientConfig), h.FailurePolicy, h.NamespaceSelector, h.ObjectSelector, h.Rules})
		}
		return webhooksOf(validating, w)
	case *admissionv1.MutatingWebhookConfiguration:
		w := &webhookConfiguration{ObjectMeta: o.ObjectMeta}
		for i := range o.Webhooks {
			h := &o.Webhooks[i]
			w.Webhooks = append(w.Webhooks, webhook{h.Name, client(&h.ClientConfig), h.FailurePolicy, h.NamespaceSelector, h.ObjectSelector, h.Rules})
		}
		return webhooksOf(mutating, w)
	}
	return nil
}

func client(c *admissionv1.WebhookClientConfig) (out clientConfig) {
	if s := c.Service; s != nil {
		out.Service = &struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		}{s.Namespace, s.Name}
	}
	return out
}

func compareWebhooks(a, b audit.Webhook) int {
	return cmp.Or(cmp.Compare(a.Configuration, b.Configuration), cmp.Compare(kindOfHook(a), kindOfHook(b)), cmp.Compare(a.Name, b.Name))
}

func kindOfHook(w audit.Webhook) string {
	if w.Mutating {
		return mutating
	}
	return validating
}
