package cluster

import (
	"net/netip"

	"github.com/segproof/segproof/audit"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var (
	serviceKeep = keep{
		"metadata": metaKeep,
		"spec": {
			"clusterIP": nil, "clusterIPs": nil, "externalIPs": nil, "selector": nil,
			"ports": {"name": nil, "protocol": nil, "port": nil, "targetPort": nil},
		},
		"status": {"loadBalancer": {"ingress": {"ip": nil}}},
	}
	nodeKeep = keep{"metadata": metaKeep, "status": {"addresses": nil}}
)

func namespaceOf(n *corev1.Namespace, src audit.Source) *audit.Namespace {
	return &audit.Namespace{
		Name: n.Name, UID: string(n.UID), Labels: n.Labels, Annotations: annotations(&n.ObjectMeta),
		Created: n.CreationTimestamp.UTC(), Source: src,
	}
}

func (c *collector) service(s *corev1.Service, src audit.Source) {
	out := audit.Service{Namespace: s.Namespace, Name: s.Name, Labels: s.Labels, Selector: s.Spec.Selector, Source: src}
	for _, ip := range append(s.Spec.ClusterIPs, s.Spec.ExternalIPs...) {
		out.IPs = appendIP(out.IPs, ip)
	}
	if len(s.Spec.ClusterIPs) == 0 {
		out.IPs = appendIP(out.IPs, s.Spec.ClusterIP)
	}
	for _, in := range s.Status.LoadBalancer.Ingress {
		out.IPs = appendIP(out.IPs, in.IP)
	}
	for _, p := range s.Spec.Ports {
		if p.Port <= 0 || p.Port > 65535 {
			continue
		}
		sp := audit.ServicePort{Name: p.Name, Protocol: protocol(p.Protocol), Port: uint16(p.Port)}
		switch t := p.TargetPort; {
		case t.Type == intstr.String:
			sp.TargetName = t.StrVal
		case t.IntVal > 0 && t.IntVal <= 65535:
			sp.Target = uint16(t.IntVal)
		default: // not set
			sp.Target = sp.Port
		}
		out.Ports = append(out.Ports, sp)
	}
	c.inv.Services = append(c.inv.Services, out)
}

func nodeOf(n *corev1.Node, _ audit.Source) *audit.Node {
	out := &audit.Node{Name: n.Name, Labels: n.Labels}
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP || a.Type == corev1.NodeExternalIP {
			out.IPs = appendIP(out.IPs, a.Address)
		}
	}
	return out
}

// appendIP adds an address, unless it is none ("", or the "None" of a headless
// Service).
func appendIP(ips []netip.Addr, s string) []netip.Addr {
	if a, err := netip.ParseAddr(s); err == nil {
		return append(ips, a.Unmap())
	}
	return ips
}

func protocol(p corev1.Protocol) audit.Protocol {
	switch p {
	case "", corev1.ProtocolTCP:
		return audit.TCP
	case corev1.ProtocolUDP:
		return audit.UDP
	case corev1.ProtocolSCTP:
		return audit.SCTP
	}
	return audit.Other
}
