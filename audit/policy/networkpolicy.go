package policy

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/segproof/segproof/audit"
)

// networkPolicy reads a NetworkPolicy (cilium pkg/k8s/network_policy.go). What
// an API server would not store is rejected.
func (r *reader) networkPolicy(doc field) []*section {
	doc.object("apiVersion", "kind", "metadata", "spec", "status")
	spec := doc.at("spec")
	spec.object("podSelector", "policyTypes", "ingress", "egress")
	doubt := doc.notes.since(0)
	subject := spec.at("podSelector")
	before := len(doc.notes.unclear)
	reqs := r.ownNamespace(r.terms(subject, "k8s"))
	s := &section{ref: r.ref, subject: r.intern(reqs, doc.notes.since(before))}
	s.rules[ingress] = r.knpRules(spec.at("ingress"), "from")
	s.rules[egress] = r.knpRules(spec.at("egress"), "to")
	r.policyTypes(s, spec.at("policyTypes"))
	if doubt != "" {
		s.doubted(doubt, allow)
	}
	return []*section{s}
}

// policyTypes settles which directions the policy is about. Cilium looks at
// them only for a direction that has no rules; the Kubernetes text says that
// rules of a direction that is not listed do not count.
func (r *reader) policyTypes(s *section, f field) {
	listed := [2]bool{}
	types := f.items()
	for _, item := range types {
		switch item.text() {
		case "Ingress":
			listed[ingress] = true
		case "Egress":
			listed[egress] = true
		default:
			item.reject("expected Ingress or Egress, found %s", describe(item.value))
		}
	}
	if len(types) == 0 {
		listed = [2]bool{true, len(s.rules[egress]) > 0}
	}
	for d := range listed {
		if r.settings.semantics == Kubernetes && !listed[d] {
			s.rules[d] = nil
		}
		s.isolates[d] = truly(listed[d] || len(s.rules[d]) > 0)
	}
}

func (r *reader) knpRules(list field, peers string) []*rule {
	var out []*rule
	for i, item := range list.items() {
		before := len(item.notes.unclear)
		item.object(peers, "ports")
		one := &rule{ref: r.ref}
		one.ref.Rule = fmt.Sprintf("%s[%d]", list.path[len("spec."):], i)
		r.knpPeers(one, item.at(peers))
		ports := item.at("ports").items()
		one.anyPort = len(ports) == 0
		for _, p := range ports {
			one.ports = append(one.ports, knpPort(p))
		}
		one.doubt = item.notes.since(before)
		out = append(out, one)
	}
	return out
}

// knpPeers reads from or to. An empty list restricts nothing.
func (r *reader) knpPeers(one *rule, list field) {
	var sel selected
	ranges := &blocks{settings: r.settings, ipBlock: true}
	for _, peer := range list.items() {
		peer.object("podSelector", "namespaceSelector", "ipBlock")
		block, pods, namespaces := peer.at("ipBlock"), peer.at("podSelector"), peer.at("namespaceSelector")
		switch {
		case block.given() && (pods.given() || namespaces.given()):
			peer.reject("an ipBlock must stand alone")
		case block.given():
			ranges.list = append(ranges.list, ipBlock(block))
		case pods.given() || namespaces.given():
			sel = append(sel, r.knpSelector(pods, namespaces))
		default:
			peer.reject("expected podSelector, namespaceSelector or ipBlock")
		}
	}
	if len(sel) > 0 {
		one.peers = append(one.peers, sel)
	}
	if len(ranges.list) > 0 {
		one.peers = append(one.peers, ranges)
	}
}

func (r *reader) knpSelector(pods, namespaces field) *selector {
	before := len(pods.notes.unclear)
	t := r.terms(pods, "k8s")
	reqs := t.all()
	if !namespaces.given() {
		reqs = r.ownNamespace(t)
	} else {
		reqs = append(r.namespaceTerms(namespaces), reqs...)
	}
	return r.intern(r.ourCluster(reqs), pods.notes.since(before))
}

// namespaceTerms reads a selector of namespaces. An empty one means all of
// them, and so every pod.
func (r *reader) namespaceTerms(f field) []requirement {
	reqs := r.terms(f, "k8s").all()
	for i := range reqs {
		reqs[i].key, reqs[i].hidden = audit.PrefixNamespaceMeta+reqs[i].key, false
	}
	if len(reqs) == 0 {
		reqs = append(reqs, anyNamespace())
	}
	return reqs
}

func ipBlock(f field) block {
	f.object("cidr", "except")
	p, ok := f.at("cidr").prefix(false)
	b := block{prefix: p}
	if ok {
		b.except = f.at("except").excepted(p)
	}
	return b
}

// knpPort reads one port: TCP unless said otherwise, every port if none is
// given, a number or a name.
func knpPort(f field) portRule {
	f.object("protocol", "port", "endPort")
	p := portRule{protocols: transport(f.at("protocol"))}
	port, end := f.at("port"), f.at("endPort")
	switch value := port.value.(type) {
	case nil:
		p.all = true
	case string:
		if len(validation.IsValidPortName(value)) > 0 {
			port.reject("%q is neither a port number nor a port name", clip(value))
		}
		p.name = strings.ToLower(value)
	default:
		n, _ := port.number(1, 65535)
		p.first = uint16(n)
	}
	if last, ok := end.number(1, 65535); ok {
		p.last = uint16(last)
		if p.first == 0 || p.last < p.first {
			end.reject("expected a number that is not below a numeric port")
		}
	}
	return p
}
