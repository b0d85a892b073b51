package policy

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// Labels by which Cilium passes over a Service or its EndpointSlices.
const (
	labelHeadless    = "service.kubernetes.io/headless"
	labelProxiedBy   = "service.kubernetes.io/service-proxy-name"
	noSuchService    = "there is no such Service, which Cilium takes for any destination"
	noServiceInRead  = "there is no such Service in what was read"
	notLookedUpThere = "Cilium does not look Services up in egressDeny, and takes them for any destination"
)

// services are what is behind Services: the pods that a Service selects, or the
// addresses that it is told of (cilium pkg/policy/k8s/service.go). Cilium takes
// a reference to nothing for no reference at all. We can tell that there is no
// such Service only if the policy and the Services are a cluster's.
func (r *reader) services(list field, l ruleList) matcher {
	b := behind{blocks: &blocks{settings: r.settings}}
	for _, item := range list.items() {
		item.object("k8sService", "k8sServiceSelector")
		found := r.referred(item)
		if len(found) == 0 && !r.allServices() {
			b.missing = append(b.missing, &unresolved{why: noServiceInRead})
			item.unresolved(noServiceInRead)
		}
		for _, s := range found {
			b.add(r, item, s)
		}
	}
	switch {
	case l.deny:
		list.unresolved(notLookedUpThere)
		return nil
	case len(b.pods)+len(b.blocks.list)+len(b.missing) == 0:
		list.unresolved(noSuchService)
		return nil
	}
	return b.matcher()
}

// referred are the Services that an entry of toServices means, in any namespace
// unless it names one. Labels are compared by their key alone.
func (r *reader) referred(item field) (out []*audit.Service) {
	selector, ref := item.at("k8sServiceSelector"), item.at("k8sService")
	at, matches := ref, func(s *audit.Service) bool { return s.Name == ref.at("serviceName").text() }
	if selector.given() {
		selector.object("selector", "namespace")
		reqs := r.terms(selector.at("selector"), "any").all()
		at, matches = selector, func(s *audit.Service) bool {
			return !slices.ContainsFunc(reqs, func(q requirement) bool {
				value, ok := s.Labels[q.key]
				return !q.accepts(value, ok)
			})
		}
	} else {
		ref.object("serviceName", "namespace")
		if !ref.given() {
			return nil
		}
	}
	namespace := at.at("namespace").text()
	for i := range r.of.services {
		s := &r.of.services[i]
		if (namespace == "" || s.Namespace == namespace) && r.settings.watches(s) && matches(s) {
			out = append(out, s)
		}
	}
	return out
}

// watches tells whether Cilium looks at a Service at all.
func (s *settings) watches(svc *audit.Service) bool {
	_, headless := svc.Labels[labelHeadless]
	return svc.Labels[labelProxiedBy] == s.serviceProxy && (!headless || s.headless)
}

// allServices tells whether a Service that is not there does not exist.
func (r *reader) allServices() bool {
	return r.ref.Object.Source == (audit.Source{}) && len(r.of.services) > 0 &&
		!slices.ContainsFunc(r.of.unreadable, func(u audit.Unreadable) bool { return u.Kind == "services" })
}

// behind gathers what is behind the Services of one rule.
type behind struct {
	pods    selected
	blocks  *blocks
	missing []*unresolved
}

func (b *behind) add(r *reader, item field, s *audit.Service) {
	if len(s.Selector) > 0 {
		var reqs []requirement
		for k, v := range s.Selector {
			reqs = append(reqs, requirement{source: "k8s", key: k, values: []string{v}})
		}
		slices.SortFunc(reqs, func(a, b requirement) int { return strings.Compare(a.key, b.key) })
		b.pods = append(b.pods, r.intern(r.ourCluster(append(reqs, inNamespace(s.Namespace))), ""))
		return
	}
	if s.Backends == nil {
		u := &unresolved{scope: outside, why: "the EndpointSlices of Service " + clip(s.Namespace+"/"+s.Name) + " are not known"}
		if r.settings.cidrNodes || r.settings.cidrPods {
			u.scope = anybody
		}
		b.missing = append(b.missing, u)
		item.unresolved(u.why)
	}
	for _, e := range s.Backends {
		family := familyOf(e.IP)
		p := block{prefix: netip.PrefixFrom(e.IP, e.IP.BitLen())}
		if (r.settings.family == 0 || r.settings.family == family) && (!e.Headless || r.settings.headless) &&
			!slices.ContainsFunc(b.blocks.list, func(k block) bool { return k.prefix == p.prefix }) {
			b.blocks.list = append(b.blocks.list, p)
		}
	}
}

// matcher is whoever is in any part.
func (b *behind) matcher() matcher {
	var m matcher
	add := func(part matcher) {
		if m == nil {
			m = part
		} else {
			m = either{m, part}
		}
	}
	if len(b.pods) > 0 {
		add(b.pods)
	}
	if len(b.blocks.list) > 0 {
		add(b.blocks)
	}
	for _, u := range b.missing {
		add(u)
	}
	return m
}
