package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// Labels that Cilium gives to pods, and that no pod may bring along itself.
const (
	ownedPrefix     = "io.cilium.k8s"
	labelNamedPorts = "io.cilium.k8s.named-ports"
	labelMetaName   = audit.PrefixNamespaceMeta + "kubernetes.io/metadata.name"
)

// PodPeer is the end that a declared pod is, with the identity that Cilium
// gives to it: its labels as far as they pass Cilium's default filter, those of
// its namespace, its service account and its named ports. Ns may be nil if the
// namespace is not declared, and cluster "" if its name is not known.
//
// A pod on the host's network has no identity of its own. It is returned as the
// node that it runs on, seen from another node; seen from a pod of the same
// node it would be EntityPeer("host").
func PodPeer(p *audit.Pod, ns *audit.Namespace, cluster string) audit.Peer {
	return podPeer(p, ns, cluster, newLabelFilter(""))
}

// PodPeer is like the function of that name, with the namespace, the cluster's
// name and the label filter that the inventory tells. It has its address where
// some policy is about addresses of pods.
func (e *Engine) PodPeer(p *audit.Pod) audit.Peer {
	peer, known := e.pods.find(p)
	if !known {
		peer = podPeer(p, e.namespaces[p.Namespace], e.settings.cluster, e.settings.filter)
		peer.Labels = e.identity(peer.Labels).raw // one place in memory for all who ask
		e.pods.add(p, peer)
	}
	if e.addresses && len(p.IPs) > 0 {
		peer.IP = p.IPs[0]
	}
	return peer
}

func podPeer(p *audit.Pod, ns *audit.Namespace, cluster string, filter *labelFilter) audit.Peer {
	if p.HostNetwork {
		peer := EntityPeer("remote-node")
		peer.Workload = p.Owner
		if len(p.IPs) > 0 {
			peer.IP = p.IPs[0]
		}
		return peer
	}
	ls := ownLabels(p.Labels, filter)
	ls = append(ls, namespaceLabels(p.Namespace, ns)...)
	if cluster != "" {
		ls = append(ls, "k8s:"+audit.LabelCluster+"="+cluster)
	}
	if p.ServiceAccount != "" {
		ls = append(ls, "k8s:"+audit.LabelServiceAccount+"="+p.ServiceAccount)
	}
	ls = append(ls, portLabels(p.Ports)...)
	owner := p.Owner
	if owner == (audit.Ref{}) {
		owner = audit.Ref{Kind: "Pod", Namespace: p.Namespace, Name: p.Name}
	}
	return audit.Peer{Labels: audit.NewLabels(ls...), Namespace: p.Namespace, Workload: owner}
}

// EntityPeer is the end that an entity such as world, host, remote-node or
// kube-apiserver is. A name that stands for several identities, such as
// cluster, or for none gives an end whose identity is not known.
func EntityPeer(name string) audit.Peer {
	switch name {
	case "kube-apiserver": // as a node of the cluster; outside it is an address
		return audit.Peer{Labels: audit.NewLabels("reserved:kube-apiserver", "reserved:remote-node")}
	case "world", "world-ipv4", "world-ipv6", "host", "remote-node", "health", "ingress", "init", "unmanaged":
		return audit.Peer{Labels: audit.NewLabels("reserved:" + name)}
	}
	return audit.Peer{Labels: audit.NewLabels("reserved:unknown")}
}

// ownLabels are the identity labels that come from the pod itself.
func ownLabels(labels map[string]string, filter *labelFilter) []string {
	var out []string
	for k, v := range labels {
		if !strings.HasPrefix(k, ownedPrefix) && k != audit.LabelNamespace && filter.keeps(k) {
			out = append(out, "k8s:"+k+"="+v)
		}
	}
	return out
}

// namespaceLabels are the identity labels that all pods of a namespace share.
// The API server labels every namespace with its name, if the file does not.
func namespaceLabels(name string, ns *audit.Namespace) []string {
	out := []string{"k8s:" + audit.LabelNamespace + "=" + name, "k8s:" + labelMetaName + "=" + name}
	if ns == nil {
		return out
	}
	for k, v := range ns.Labels {
		if k != "kubernetes.io/metadata.name" {
			out = append(out, "k8s:"+audit.PrefixNamespaceMeta+k+"="+v)
		}
	}
	return out
}

// portLabels writes named ports as Cilium 1.20 does: as many to a label as a
// label value can hold.
func portLabels(ports []audit.NamedPort) []string {
	named := map[string]audit.NamedPort{}
	for _, p := range ports {
		if p.Name != "" {
			named[p.Name] = p
		}
	}
	var values []string
	for _, name := range slices.Sorted(maps.Keys(named)) {
		one := fmt.Sprintf("%s.%s.%d", name, named[name].Protocol, named[name].Port)
		if n := len(values); n > 0 && len(values[n-1])+1+len(one) <= 63 {
			values[n-1] += "_" + one
		} else {
			values = append(values, one)
		}
	}
	for i, v := range values {
		key := labelNamedPorts
		if i > 0 {
			key = fmt.Sprintf("%s-%d", labelNamedPorts, i)
		}
		values[i] = "gen:" + key + "=" + v
	}
	return values
}
