package cluster

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/segproof/segproof/audit"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A serviceKey names a Service.
type serviceKey struct{ namespace, name string }

// maxBackends bounds what is kept of one Service. One that has more is said to
// be a problem, and its backends are not known.
const maxBackends = 100_000

var (
	portsKeep = keep{"name": nil, "protocol": nil, "port": nil}
	sliceKeep = keep{
		"metadata": metaKeep, "addressType": nil, "ports": portsKeep,
		"endpoints": {"addresses": nil},
	}
	endpointsKeep = keep{
		"metadata": metaKeep,
		"subsets":  {"addresses": {"ip": nil}, "notReadyAddresses": {"ip": nil}, "ports": portsKeep},
	}
)

// sliceController makes the EndpointSlices of Services that have a selector.
const sliceController = "endpointslice-controller.k8s.io"

// withoutSelected leaves out the EndpointSlices that the cluster makes of a
// Service's selector. They are nearly all, change all the time, and say nothing
// that the pods don't.
func withoutSelected(o *metav1.ListOptions) {
	o.LabelSelector = discoveryv1.LabelManagedBy + "!=" + sliceController
}

func trimSlice(s *discoveryv1.EndpointSlice) *discoveryv1.EndpointSlice {
	out := &discoveryv1.EndpointSlice{AddressType: s.AddressType, Ports: s.Ports}
	out.Namespace, out.Name, out.ResourceVersion, out.Labels = s.Namespace, s.Name, s.ResourceVersion, s.Labels
	for i := range s.Endpoints {
		out.Endpoints = append(out.Endpoints, discoveryv1.Endpoint{Addresses: s.Endpoints[i].Addresses})
	}
	return out
}

// slice takes the backends that a Service is told of. As in Cilium those count
// that are not ready, and none counts without a port.
func (c *collector) slice(s *discoveryv1.EndpointSlice, _ audit.Source) {
	if s.Labels[discoveryv1.LabelManagedBy] == sliceController {
		return
	}
	key := serviceKey{s.Namespace, s.Labels[discoveryv1.LabelServiceName]}
	c.mention(key)
	if s.AddressType != discoveryv1.AddressTypeIPv4 && s.AddressType != discoveryv1.AddressTypeIPv6 {
		return
	}
	_, headless := s.Labels[corev1.IsHeadlessService]
	for _, p := range s.Ports {
		if p.Port == nil {
			continue
		}
		b := audit.Backend{Name: value(p.Name), Headless: headless}
		for i := range s.Endpoints {
			c.backend(key, b, port{value(p.Protocol), *p.Port}, s.Endpoints[i].Addresses)
		}
	}
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// mention notes that what is behind a Service is known.
func (c *collector) mention(key serviceKey) {
	if c.backends[key] == nil {
		c.backends[key] = map[audit.Backend]struct{}{}
	}
}

// endpoints takes the form that files may still have of the same.
func (c *collector) endpoints(e *endpoints, _ audit.Source) {
	key := serviceKey{e.Namespace, e.Name}
	c.mention(key)
	_, headless := e.Labels[corev1.IsHeadlessService]
	for _, s := range e.Subsets {
		for _, p := range s.Ports {
			b := audit.Backend{Name: p.Name, Headless: headless}
			for _, a := range slices.Concat(s.Addresses, s.NotReadyAddresses) {
				c.backend(key, b, port{p.Protocol, p.Port}, []string{a.IP})
			}
		}
	}
}

// endpoints is the core group's Endpoints, as far as it is read.
type endpoints struct {
	metav1.ObjectMeta `json:"metadata"`
	Subsets           []struct {
		Addresses         []address `json:"addresses"`
		NotReadyAddresses []address `json:"notReadyAddresses"`
		Ports             []struct {
			Name     string          `json:"name"`
			Protocol corev1.Protocol `json:"protocol"`
			Port     int32           `json:"port"`
		} `json:"ports"`
	} `json:"subsets"`
}

type address struct {
	IP string `json:"ip"`
}

// A port is a protocol and a number.
type port struct {
	protocol corev1.Protocol
	number   int32
}

// backend adds the addresses at a port.
func (c *collector) backend(key serviceKey, b audit.Backend, p port, addresses []string) {
	if p.number <= 0 || p.number > 65535 {
		return
	}
	b.Protocol, b.Port = protocol(p.protocol), uint16(p.number)
	for _, s := range addresses {
		for _, b.IP = range appendIP(nil, s) {
			if len(c.backends[key]) <= maxBackends {
				c.backends[key][b] = struct{}{}
			}
		}
	}
}

// back gives the Services without a selector their backends.
func (c *collector) back() {
	for i := range c.inv.Services {
		s := &c.inv.Services[i]
		found, known := c.backends[serviceKey{s.Namespace, s.Name}]
		switch {
		case len(s.Selector) > 0 || !known && !c.slices:
			continue
		case len(found) > maxBackends:
			c.inv.Problems = append(c.inv.Problems, audit.Problem{File: s.Source.File, Line: s.Source.Line,
				Err: fmt.Sprintf("Service %s/%s has more than %d backends, which are not looked at", s.Namespace, s.Name, maxBackends)})
			continue
		}
		s.Backends = slices.SortedFunc(maps.Keys(found), func(x, y audit.Backend) int {
			return cmp.Or(x.IP.Compare(y.IP), cmp.Compare(x.Port, y.Port), cmp.Compare(x.Protocol, y.Protocol), cmp.Compare(x.Name, y.Name))
		})
		if s.Backends == nil {
			s.Backends = []audit.Backend{}
		}
	}
}
