package oracle

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A cluster is everything that policies can be about.
type cluster struct {
	namespaces []audit.Namespace
	groups     []*audit.Object // CiliumCIDRGroups
	ends       []end
}

// An end is a pod, an entity or an address outside.
type end struct {
	name      string
	pod       *audit.Pod
	namespace *audit.Namespace
	elsewhere string     // the cluster of a pod that is not ours
	entity    string     // of an end that every cluster has
	ip        netip.Addr // of an end outside, and of a pod if it matters
	groups    []*audit.Object
	labels    []string // besides those of the address
}

// cluster makes pods and addresses. Namespaces and groups are always the same:
// it is the policies that differ in what they say of them.
func (r *random) cluster() *cluster {
	c := &cluster{namespaces: []audit.Namespace{
		{Name: "x", Labels: map[string]string{"team": "red"}},
		{Name: "nsy", Labels: map[string]string{"team": "blue"}},
		{Name: "kube-system"},
	}}
	c.groups = []*audit.Object{
		group("near", "10.9.0.0/16", "192.168.0.0/16"),
		group("far", "2001:db8::/32"),
	}
	for range 3 + r.IntN(3) {
		c.addPod(r, &c.namespaces[r.IntN(2)], "")
	}
	c.addPod(r, &c.namespaces[r.IntN(2)], "other")
	c.addPod(r, &c.namespaces[2], "")
	for _, ip := range []string{"10.9.1.1", "10.9.2.2", "8.8.8.8", "192.168.0.9", "2001:db8::1"} {
		if !strings.Contains(ip, ":") || !r.setting.SingleStack {
			c.addAddress(r, ip)
		}
	}
	for _, name := range []string{"host", "unmanaged", "health", "ingress", "init"} {
		c.ends = append(c.ends, end{name: name, entity: name})
	}
	c.addNodes(r)
	world := "world-ipv4"
	if r.setting.SingleStack {
		world = "world"
	}
	c.ends = append(c.ends, end{name: world, entity: world})
	return c
}

// group is a CiliumCIDRGroup with its name as a label too.
func group(name string, prefixes ...string) *audit.Object {
	list := list{}
	for _, p := range prefixes {
		list = append(list, p)
	}
	return &audit.Object{
		Ref: audit.Ref{Kind: "CiliumCIDRGroup", Name: name}, APIVersion: "cilium.io/v2",
		Labels: map[string]string{"group": name},
		Raw:    object{"kind": "CiliumCIDRGroup", "spec": object{"externalCIDRs": list}},
	}
}

// addPod adds a pod unless there is one with the same identity labels. Some
// carry a label that is not part of an identity.
func (c *cluster) addPod(r *random, ns *audit.Namespace, elsewhere string) {
	p := &audit.Pod{Namespace: ns.Name, Labels: map[string]string{"app": one(r, "a", "b", "c")}}
	if r.chance(40) {
		p.Labels["tier"] = one(r, "a", "b", "c")
	}
	if r.chance(20) {
		p.Labels["pod-template-hash"] = "a"
	}
	if r.chance(30) {
		p.ServiceAccount = one(r, "default", "robot")
	}
	if ns.Name == "kube-system" {
		p.Labels["k8s-app"] = "kube-dns"
		p.Ports = []audit.NamedPort{{Name: "dns", Protocol: audit.UDP, Port: 53}, {Name: "dns-tcp", Protocol: audit.TCP, Port: 53}}
	}
	if r.ports && p.Ports == nil {
		p.Ports = append(p.Ports, audit.NamedPort{Name: "http", Protocol: audit.TCP, Port: one[uint16](r, 80, 8080)})
		if r.chance(50) {
			p.Ports = append(p.Ports, audit.NamedPort{Name: "dns", Protocol: one(r, audit.UDP, audit.UDP, audit.TCP), Port: 53})
		}
	}
	key := fmt.Sprint(elsewhere, p.Namespace, p.ServiceAccount, p.Labels["app"], p.Labels["tier"])
	if slices.ContainsFunc(c.ends, func(e end) bool { return e.name == key }) {
		return
	}
	p.Name = key
	c.ends = append(c.ends, end{name: key, pod: p, namespace: ns, elsewhere: elsewhere})
}

// addNodes adds other nodes, one of them with an API server. Cilium labels them
// only if policies may select them.
func (c *cluster) addNodes(r *random) {
	if !r.setting.NodeLabels {
		c.ends = append(c.ends, end{name: "remote-node", entity: "remote-node"}, end{name: "kube-apiserver", entity: "kube-apiserver"})
		return
	}
	labels := []string{"reserved:remote-node", "node:kubernetes.io/os=linux", "k8s:" + audit.LabelCluster + "=" + ClusterName}
	c.ends = append(c.ends, end{name: "remote-node", labels: labels})
	c.ends = append(c.ends, end{name: "kube-apiserver", labels: append(slices.Clone(labels), "reserved:kube-apiserver")})
}

// addAddress adds an end outside, which the proxy may have learnt a name of.
func (c *cluster) addAddress(r *random, ip string) {
	e := end{name: ip, ip: netip.MustParseAddr(ip)}
	switch {
	case r.chance(20):
		e.labels = append(e.labels, "fqdn:"+one(r, "foo.com", "*.foo.com", "**.foo.com", "bar.com"))
	case r.chance(10):
		e.labels = append(e.labels, "reserved:kube-apiserver")
	}
	for _, g := range c.groups {
		if contains(g, e.ip) {
			e.groups = append(e.groups, g)
		}
	}
	c.ends = append(c.ends, e)
}

func contains(g *audit.Object, addr netip.Addr) bool {
	spec, _ := g.Raw["spec"].(object)
	prefixes, _ := spec["externalCIDRs"].(list)
	return slices.ContainsFunc(prefixes, func(p any) bool { return netip.MustParsePrefix(p.(string)).Contains(addr) })
}
