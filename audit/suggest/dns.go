package suggest

import (
	"errors"
	"slices"

	"github.com/segproof/segproof/audit"
)

// A resolver is the cluster's DNS: its pods, and the ports that they listen on.
type resolver struct {
	namespace string
	labels    map[string]string
	ports     []port
}

var errNoDNS = errors.New("the cluster's DNS is not declared: neither Service kube-system/kube-dns nor pods labelled k8s-app=kube-dns")

const (
	systemNamespace = "kube-system"
	dnsApp          = "kube-dns"
)

// resolver finds the cluster's DNS: by its Service, or by its pods.
func (w *work) resolver() (*resolver, error) {
	for i := range w.inv.Services {
		s := &w.inv.Services[i]
		if s.Namespace != systemNamespace || s.Name != dnsApp || len(s.Selector) == 0 {
			continue
		}
		r := &resolver{namespace: s.Namespace, labels: s.Selector}
		for _, sp := range s.Ports {
			if p := (port{sp.Protocol, w.target(s, sp), false}); sp.Port == 53 && p.number != 0 && !slices.Contains(r.ports, p) {
				r.ports = append(r.ports, p)
			}
		}
		return r.whole(), nil
	}
	r := &resolver{namespace: systemNamespace, labels: map[string]string{"k8s-app": dnsApp}}
	if slices.ContainsFunc(w.everybody().in[systemNamespace], func(p person) bool { return r.is(&p.peer) }) {
		return r.whole(), nil
	}
	return nil, errNoDNS
}

// whole adds port 53 of a protocol that nothing is known of: answers that are too
// long for UDP are asked for again over TCP.
func (r *resolver) whole() *resolver {
	for _, proto := range []audit.Protocol{audit.UDP, audit.TCP} {
		if !slices.ContainsFunc(r.ports, func(p port) bool { return p.proto == proto }) {
			r.ports = append(r.ports, port{proto, 53, false})
		}
	}
	slices.SortFunc(r.ports, func(a, b port) int { return comparePorts(b, a) })
	return r
}

// target is the port of the pods behind a port of a Service; 0 if it has a name
// that no pod knows.
func (w *work) target(s *audit.Service, sp audit.ServicePort) uint16 {
	switch {
	case sp.Target != 0:
		return sp.Target
	case sp.TargetName == "":
		return sp.Port
	}
	for i := range w.inv.Pods {
		p := &w.inv.Pods[i]
		if p.Namespace != s.Namespace || !bears(p.Labels, s.Selector) {
			continue
		}
		for _, n := range p.Ports {
			if n.Name == sp.TargetName && n.Protocol == sp.Protocol {
				return n.Port
			}
		}
	}
	return 0
}

// allowance is the rule for the resolver's pods.
func (r *resolver) allowance() *allowance {
	return &allowance{direction: audit.Egress, ports: r.ports, pods: r.labels, namespace: r.namespace}
}

// is tells whether an end is one of the resolver's pods.
func (r *resolver) is(p *audit.Peer) bool {
	return p.Namespace == r.namespace && bears(own(p.Labels), r.labels)
}
