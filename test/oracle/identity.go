package oracle

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/k8s"
	slim_corev1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/core/v1"
	slim_metav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/policy/api"

	"github.com/segproof/segproof/audit"
)

// Add makes an end known by its identity labels ("k8s:app=a", "cidr:10.0.0.0/8").
func (c *Cilium) Add(identityLabels ...string) *Identity {
	return c.add(labels.NewLabelsFromModel(identityLabels))
}

// AddAddress makes an address outside the cluster known: with the labels of its
// prefix, those of the groups that it belongs to, and those given beside them.
func (c *Cilium) AddAddress(ip netip.Addr, groups []*audit.Object, identityLabels ...string) *Identity {
	ls := labels.GetCIDRLabels(netip.PrefixFrom(ip, ip.BitLen()))
	for _, l := range labels.NewLabelsFromModel(identityLabels) {
		ls[l.Key] = l
	}
	for _, g := range groups {
		ref := api.LabelForCIDRGroupRef(g.Name)
		ls[ref.Key] = ref
		for k, v := range g.Labels {
			l := labels.NewLabel(k, v, labels.LabelSourceCIDRGroup)
			ls[l.Key] = l
			// Of two groups with different values one label wins; this one can't be lost.
			encoded := labels.EncodedCIDRGroupLabel(l.Key, l.Value, l.Source)
			ls[encoded.Key] = encoded
		}
	}
	return c.add(ls)
}

// AddPod makes a pod known, with the identity that the agent would give to it.
// A pod of another cluster comes with that cluster's name.
func (c *Cilium) AddPod(p *audit.Pod, ns *audit.Namespace, cluster string) (*Identity, error) {
	pod := &slim_corev1.Pod{ObjectMeta: slim_metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name, Labels: p.Labels}}
	pod.Spec.ServiceAccountName = p.ServiceAccount
	var container slim_corev1.Container
	for _, port := range p.Ports {
		container.Ports = append(container.Ports, slim_corev1.ContainerPort{
			Name: port.Name, ContainerPort: int32(port.Port), Protocol: slim_corev1.Protocol(port.Protocol),
		})
	}
	pod.Spec.Containers = []slim_corev1.Container{container}
	ports, own := k8s.GetPodMetadata(c.log, namespace{ns}, pod)
	own["io.cilium.k8s.policy.cluster"] = cluster
	ls, _ := labelsfilter.Filter(labels.Map2Labels(own, labels.LabelSourceK8s))
	for _, l := range k8s.NamedPortsIdentityLabels(ports) {
		ls[l.Key] = l
	}
	id := c.add(ls)
	id.ports = ports
	if len(ports) > 0 {
		c.renamed(id.ID, ports)
	}
	return id, nil
}

// add gives the labels a number of the range in which Cilium would look for it.
func (c *Cilium) add(ls labels.Labels) *Identity {
	c.next++
	n := identity.NumericIdentity(c.next)
	switch {
	case ls.HasWorldLabel() || ls.HasSource(labels.LabelSourceCIDR):
		n |= identity.IdentityScopeLocal
	case ls.HasRemoteNodeLabel():
		n |= identity.IdentityScopeRemoteNode
	}
	if cluster, ok := ls["io.cilium.k8s.policy.cluster"]; ok && cluster.Value != ClusterName {
		n += 3 << identity.GetClusterIDShift()
	}
	id := &Identity{Identity: identity.NewIdentity(n, ls)}
	c.learn(identity.IdentityMap{n: id.LabelArray})
	return id
}

// Entity returns an identity that every cluster has, such as host.
func (c *Cilium) Entity(name string) (*Identity, error) {
	if id := c.reserved[identity.GetReservedID(name)]; id != nil {
		return id, nil
	}
	return nil, fmt.Errorf("there is no reserved identity %q", name)
}

// IdentityLabels are the labels of an end in the form in which flows have them.
func (i *Identity) IdentityLabels() audit.Labels {
	return audit.NewLabels(slices.Clone(i.Labels.GetModel())...)
}

// namespace is what Cilium wants to know of one.
type namespace struct{ *audit.Namespace }

func (n namespace) GetName() string { return n.Name }

func (n namespace) GetLabels() map[string]string {
	// The API server labels every namespace with its name.
	out := map[string]string{"kubernetes.io/metadata.name": n.Name}
	maps.Copy(out, n.Labels)
	return out
}
