package cluster

import (
	"cmp"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
	corev1 "k8s.io/api/core/v1"
)

// A collector turns API objects into an inventory. Objects may come in any
// order; the outcome is the same.
type collector struct {
	inv         audit.Inventory
	pods        []*podInput
	controllers map[audit.Ref]controller // of ReplicaSets and Jobs; empty for those that nothing owns
	reports     []*report
	managedPods []*managedPod
	identities  map[int64]audit.Labels
	managedRead bool                                      // all CiliumEndpoints were read, so that there are none if none was seen
	backends    map[serviceKey]map[audit.Backend]struct{} // by the Service that they are for
	slices      bool                                      // all EndpointSlices were read, so that a Service without any has no backends
}

func newCollector() *collector {
	return &collector{
		inv:         audit.Inventory{Ignored: map[string]int{}},
		controllers: map[audit.Ref]controller{},
		identities:  map[int64]audit.Labels{},
		backends:    map[serviceKey]map[audit.Backend]struct{}{},
	}
}

// add takes an object as decoded from JSON or YAML.
func (c *collector) add(k Kind, u map[string]any, src audit.Source) error {
	switch k.role {
	case asService:
		return convert(u, serviceKeep, src, c.service)
	case asSlice:
		return convert(u, sliceKeep, src, c.slice)
	case asEndpoints:
		return convert(u, endpointsKeep, src, c.endpoints)
	}
	n, err := k.noun(u, src)
	if err == nil {
		c.put(k, n)
	}
	return err
}

// put takes what an object was converted to.
func (c *collector) put(k Kind, noun any) {
	switch n := noun.(type) {
	case *audit.Namespace:
		c.inv.Namespaces = append(c.inv.Namespaces, *n)
	case *audit.Node:
		c.inv.Nodes = append(c.inv.Nodes, *n)
	case *podInput:
		c.pods = append(c.pods, n)
	case *workloadInput:
		if leads(n.Kind) {
			c.controllers[n.Ref] = n.above
		}
		if n.above.kind == "" {
			c.inv.Workloads = append(c.inv.Workloads, n.Workload)
		}
	case *managedPod:
		c.managedPods = append(c.managedPods, n)
	case *identityLabels:
		c.identities[n.id] = n.labels
	case *webhooks:
		c.inv.Webhooks = append(c.inv.Webhooks, n.hooks...)
		if n.foreign != "" {
			c.inv.Ignored[n.foreign]++
		}
	case *report:
		c.reports = append(c.reports, n)
	case *audit.Object:
		to := c.objects(k.role)
		*to = append(*to, n)
	}
}

// objects is where those of a role are kept.
func (c *collector) objects(r role) *[]*audit.Object {
	switch r {
	case asKyverno:
		return &c.inv.Kyverno
	case asOverride:
		return &c.inv.Overrides
	}
	return &c.inv.Policies
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
	o, err := objectOf("ConfigMap", u, src)
	if err == nil {
		c.inv.Kyverno = append(c.inv.Kyverno, o)
	}
	return err
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
	c.back()
	bound(i)
	slices.SortFunc(c.pods, func(a, b *podInput) int { // before they are copied: a pod is large
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	i.Pods = make([]audit.Pod, len(c.pods))
	for n := range c.pods {
		i.Pods[n] = c.pods[n].Pod
		i.Pods[n].Owner = owner(c.pods[n], c.above)
	}
	i.Results, i.Passes = results(c.reports)
	i.Endpoints = c.managed()

	slices.SortFunc(i.Namespaces, func(a, b audit.Namespace) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(i.Nodes, func(a, b audit.Node) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(i.Services, func(a, b audit.Service) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(i.Workloads, func(a, b audit.Workload) int { return compareRefs(a.Ref, b.Ref) })
	slices.SortFunc(i.Policies, compareObjects)
	slices.SortFunc(i.Kyverno, compareObjects)
	slices.SortFunc(i.Overrides, compareObjects)
	slices.SortFunc(i.Webhooks, compareWebhooks)
	slices.SortFunc(i.Unreadable, func(a, b audit.Unreadable) int { return cmp.Compare(a.Kind, b.Kind) })
	return i
}

// above tells what owns a ReplicaSet or a Job, if that is known.
func (c *collector) above(ref audit.Ref) (controller, bool) {
	by, known := c.controllers[ref]
	return by, known
}

func compareRefs(a, b audit.Ref) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

func compareObjects(a, b *audit.Object) int {
	return cmp.Or(compareRefs(a.Ref, b.Ref), cmp.Compare(a.APIVersion, b.APIVersion))
}
