package cluster

import (
	"fmt"

	"github.com/segproof/segproof/audit"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// noun converts an object as decoded from JSON or YAML.
func (k Kind) noun(u map[string]any, src audit.Source) (any, error) {
	switch k.role {
	case asNamespace:
		return of(u, keep{"metadata": metaKeep}, src, namespaceOf)
	case asPod:
		return of(u, podKeep, src, podOf)
	case asNode:
		return of(u, nodeKeep, src, nodeOf)
	case asWorkload:
		return of(u, workloadKeep, src, func(w *workload, src audit.Source) *workloadInput {
			p := w.pattern(k.Kind)
			if k.Kind == "DaemonSet" {
				p.images = imagesIn(u)
			}
			return workloadOf(p, src)
		})
	case asManaged:
		return of(u, endpointKeep, src, managedPodOf)
	case asIdentity:
		return of(u, identityKeep, src, identityOf)
	case asWebhook:
		return of(u, webhookKeep, src, func(w *webhookConfiguration, _ audit.Source) *webhooks {
			return webhooksOf(k.Kind, w)
		})
	case asReport:
		return reportFrom(k, u)
	}
	return objectOf(k.Kind, u, src)
}

func of[T, N any](u map[string]any, k keep, src audit.Source, noun func(*T, audit.Source) *N) (any, error) {
	t, err := decode[T](u, k)
	if err != nil {
		return nil, err
	}
	return noun(t, src), nil
}

// live converts an object as an informer hands it over, which is no longer used
// by anybody else. What needs others of its kind to make sense remains as it is.
func (k Kind) live(version string, obj any) (any, error) {
	switch o := obj.(type) {
	case *corev1.Namespace:
		return namespaceOf(o, audit.Source{}), nil
	case *corev1.Pod:
		return podOf(o, audit.Source{}), nil
	case *corev1.Node:
		return nodeOf(o, audit.Source{}), nil
	case *networkingv1.NetworkPolicy:
		o.ObjectMeta = trimMeta(&o.ObjectMeta)
		// Informers leave apiVersion and kind empty.
		o.APIVersion, o.Kind = schema.GroupVersion{Group: k.Group, Version: version}.String(), k.Kind
		u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			return nil, err
		}
		return k.noun(u, audit.Source{})
	case *unstructured.Unstructured:
		return k.noun(o.Object, audit.Source{})
	}
	if p := patternOf(obj); p != nil {
		return workloadOf(p, audit.Source{}), nil
	}
	if w := typedWebhooks(obj); w != nil {
		return w, nil
	}
	if _, ok := obj.(runtime.Object); ok {
		return trim(obj), nil
	}
	return nil, fmt.Errorf("not what was asked for: %T", obj)
}
