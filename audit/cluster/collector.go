package cluster

import (
	"cmp"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A collector turns API objects into an inventory. Objects may come in any
// order; the outcome is the same.
type collector struct {
	inv         audit.Inventory
	pods        []podInput
	controllers map[audit.Ref]*metav1.OwnerReference // of ReplicaSets and Jobs; nil for those that nothing owns
	reports     []report
}

func newCollector() *collector {
	return &collector{
		inv:         audit.Inventory{Ignored: map[string]int{}},
		controllers: map[audit.Ref]*metav1.OwnerReference{},
	}
}

// add converts an object as decoded from JSON or YAML.
func (c *collector) add(k Kind, u map[string]any, src audit.Source) error {
	switch k.role {
	case asNamespace:
		return convert(u, keep{"metadata": metaKeep}, src, c.namespace)
	case asPod:
		return convert(u, podKeep, src, c.pod)
	case asService:
		return convert(u, serviceKeep, src, c.service)
	case asNode:
		return convert(u, nodeKeep, src, c.node)
	case asWorkload:
		return convert(u, workloadKeep, src, func(w *workload, src audit.Source) {
			t := w.template(k.Kind)
			c.workload(k.Kind, &w.ObjectMeta, t.Labels, &t.Spec, src)
		})
	case asReport:
		return c.report(k, u)
	case asKyverno:
		return c.object(&c.inv.Kyverno, k.Kind, u, src)
	default:
		return c.object(&c.inv.Policies, k.Kind, u, src)
	}
}

func convert[T any](u map[string]any, k keep, src audit.Source, add func(*T, audit.Source)) error {
	t, err := decode[T](u, k)
	if err == nil {
		add(t, src)
	}
	return err
}

// settings takes one of the two ConfigMaps that Segproof knows.
func (c *collector) settings(u map[string]any, src audit.Source) error {
	m, err := decode[corev1.ConfigMap](u, keep{"metadata": metaKeep, "data": nil})
	if err != nil {
		return err
	}
	if m.Name == ciliumConfig.Name {
		c.cilium(m.Data)
		return nil
	}
	return c.object(&c.inv.Kyverno, "ConfigMap", u, src)
}

// cilium takes Cilium's settings. They tell the cluster's name, unless it is the
// one that every cluster has by default.
func (c *collector) cilium(data map[string]string) {
	c.inv.Settings = data
	if name := data["cluster-name"]; name != "" && name != "default" {
		c.inv.Cluster = name
	}
}

// finish orders everything and returns the inventory.
func (c *collector) finish(at time.Time) *audit.Inventory {
	i := &c.inv
	i.At = sane(at)
	bound(i)
	i.Pods = make([]audit.Pod, len(c.pods))
	for n := range c.pods {
		i.Pods[n] = c.pods[n].Pod
		i.Pods[n].Owner = c.owner(&c.pods[n])
	}
	i.Results = results(c.reports)

	slices.SortFunc(i.Namespaces, func(a, b audit.Namespace) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(i.Nodes, func(a, b audit.Node) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(i.Pods, func(a, b audit.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(i.Services, func(a, b audit.Service) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(i.Workloads, func(a, b audit.Workload) int { return compareRefs(a.Ref, b.Ref) })
	slices.SortFunc(i.Policies, compareObjects)
	slices.SortFunc(i.Kyverno, compareObjects)
	slices.SortFunc(i.Unreadable, func(a, b audit.Unreadable) int { return cmp.Compare(a.Kind, b.Kind) })
	return i
}

func compareRefs(a, b audit.Ref) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

func compareObjects(a, b *audit.Object) int {
	return cmp.Or(compareRefs(a.Ref, b.Ref), cmp.Compare(a.APIVersion, b.APIVersion))
}
