package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// A place is what has an address in the cluster: one of these.
type place struct {
	pod     *member
	node    *audit.Node
	service *backends
}

// backends are who answers for a Service, found on first use.
type backends struct {
	*audit.Service
	once sync.Once
	pods int
	are  [][]party // by port of the Service
}

// addAddresses notes who has which address. A pod on the host's network has
// that of the node. Where two claim one, pods come before nodes, and nodes
// before Services; among equals the first in order.
func (x *Explainer) addAddresses() {
	add := func(ips []netip.Addr, p place) {
		for _, ip := range ips {
			if _, taken := x.places[ip.Unmap()]; !taken {
				x.places[ip.Unmap()] = p
			}
		}
	}
	for i := range x.inv.Pods {
		if p := x.member(&x.inv.Pods[i]); !p.HostNetwork && !p.Done {
			add(p.IPs, place{pod: p})
		}
	}
	for i := range x.inv.Nodes {
		add(x.inv.Nodes[i].IPs, place{node: &x.inv.Nodes[i]})
	}
	for i := range x.inv.Pods { // the node may be declared without its addresses, or not at all
		if p := &x.inv.Pods[i]; p.HostNetwork && !p.Done {
			add(p.IPs, place{node: &audit.Node{Name: p.Node, IPs: p.IPs}})
		}
	}
	for i := range x.inv.Services {
		add(x.inv.Services[i].IPs, place{service: &backends{Service: &x.inv.Services[i]}})
	}
}

// address finds whose an address is: that is who policy sees.
func (x *Explainer) address(s string, to *connection) (end, error) {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return end{}, fmt.Errorf("ip %q: expected an address such as 203.0.113.7 or 2001:db8::1", s)
	}
	if ip = ip.Unmap().WithZone(""); ip.IsLoopback() {
		return end{}, fmt.Errorf("ip %s: %w", ip, errLoopback)
	}
	at, known := x.places[ip]
	switch {
	case !known:
		return outside(ip), nil
	case at.pod != nil:
		return end{title: at.pod.Namespace + "/" + at.pod.Name, note: "the pod with address " + ip.String(), are: []party{at.pod.party(x)}}, nil
	case at.node != nil:
		p := party{peer: audit.Peer{IP: ip}, node: at.node.Name, isNode: true, labels: x.nodeLabels(at.node.Name), api: x.runsAPI(at.node.Name)}
		return end{title: "node " + at.node.Name, note: "the node with address " + ip.String(), are: []party{p}}, nil
	case to == nil:
		return end{}, fmt.Errorf("ip %s is that of Service %s/%s, which opens no connections\nask about a pod behind it", ip, at.service.Namespace, at.service.Name)
	}
	return x.service(at.service, to)
}

// service is who answers for a Service: policy sees the backend and its port.
func (x *Explainer) service(s *backends, c *connection) (end, error) {
	title := s.Namespace + "/" + s.Name
	i := slices.IndexFunc(s.Ports, func(p audit.ServicePort) bool { return p.Port == c.port && p.Protocol == c.protocol })
	if i < 0 {
		var has []string
		for _, p := range s.Ports {
			has = append(has, audit.PortName(p.Protocol, p.Port))
		}
		return end{}, fmt.Errorf("the Service %s has no %s\nits ports are %s", title, audit.PortName(c.protocol, c.port), strings.Join(has, ", "))
	}
	port := s.Ports[i]
	out := end{title: "Service " + title, several: "Service " + title + " has backends that differ"}
	if s.Namespace == "default" && s.Name == "kubernetes" {
		out.note = "answered by the API server"
		out.are = []party{{peer: policy.EntityPeer("kube-apiserver"), port: port.Target}}
		return out, nil
	}
	if len(s.Selector) == 0 {
		if out.are = x.told(s.Service, &port); len(out.are) == 0 {
			out.unknown = "Service " + title + " selects no pods, and no backend of it is known"
		}
		out.bound()
		return out, nil
	}
	s.once.Do(func() { s.find(x) })
	if out.are = s.are[i]; len(out.are) == 0 {
		out.unknown = "no declared pod is behind " + audit.PortName(port.Protocol, port.Port) + " of Service " + title
		return out, nil
	}
	out.note = fmt.Sprintf("answered by %s on %s; policy sees the backend", plural(s.pods, "pod"), audit.PortName(port.Protocol, out.are[0].port))
	out.bound()
	return out, nil
}

// find collects the backends: the pods that are selected, or if there is none
// those that workloads would make.
func (s *backends) find(x *Explainer) {
	var pods []*member
	for _, p := range x.in[s.Namespace] {
		if selects(s.Selector, p.Labels) {
			pods = append(pods, p)
		}
	}
	for i := range x.inv.Workloads {
		w := &x.inv.Workloads[i]
		if len(pods) == 0 && w.Namespace == s.Namespace && selects(s.Selector, w.PodLabels) {
			pods = append(pods, &member{Pod: podOf(w)})
		}
	}
	s.pods, s.are = len(pods), make([][]party, len(s.Ports))
	for _, p := range pods {
		is := p.party(x)
		for i, port := range s.Ports {
			if is.port = port.Target; port.TargetName != "" {
				is.port = named(p.Ports, port)
			}
			if is.port != 0 {
				s.are[i] = append(s.are[i], is)
			}
		}
	}
	for i := range s.are {
		s.are[i] = distinct(s.are[i])
	}
}

func selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if have, ok := labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// told are the backends that a Service without a selector has at a port.
func (x *Explainer) told(s *audit.Service, port *audit.ServicePort) (out []party) {
	for _, b := range s.Backends {
		if b.Protocol != port.Protocol || b.Name != port.Name {
			continue
		}
		p := party{peer: audit.Peer{IP: b.IP}}
		switch at := x.places[b.IP]; {
		case at.pod != nil:
			p = at.pod.party(x)
		case at.node != nil:
			p = party{peer: p.peer, node: at.node.Name, isNode: true, labels: x.nodeLabels(at.node.Name), api: x.runsAPI(at.node.Name)}
		}
		p.port = b.Port
		out = append(out, p)
	}
	return out
}

// named is the number that a Service's port name has on a pod; 0 if none.
func named(ports []audit.NamedPort, p audit.ServicePort) uint16 {
	for _, np := range ports {
		if np.Name == p.TargetName && np.Protocol == p.Protocol {
			return np.Port
		}
	}
	return 0
}
