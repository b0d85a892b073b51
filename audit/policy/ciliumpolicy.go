package policy

import (
	"fmt"
	"slices"
)

// ciliumPolicy reads a CiliumNetworkPolicy or, without a namespace, a
// CiliumClusterwideNetworkPolicy.
func (r *reader) ciliumPolicy(doc field) []*section {
	doc.object("apiVersion", "kind", "metadata", "spec", "specs", "status")
	doubt := doc.notes.since(0)
	spec, specs := doc.at("spec"), doc.at("specs")
	if !spec.given() && !specs.given() {
		doc.at("spec").reject("either spec or specs must be given")
	}
	var out []*section
	if spec.given() {
		out = append(out, r.spec(spec, ""))
	}
	for i, item := range specs.items() {
		out = append(out, r.spec(item, fmt.Sprintf("specs[%d].", i)))
	}
	for _, s := range out {
		if doubt != "" {
			s.doubted(doubt, allow, deny)
		}
	}
	return out
}

// spec reads one spec, with the checks of cilium pkg/policy/api/rule_validation.go.
func (r *reader) spec(f field, prefix string) *section {
	before := len(f.notes.unclear)
	f.object("endpointSelector", "nodeSelector", "ingress", "ingressDeny", "egress", "egressDeny",
		"labels", "enableDefaultDeny", "description", "log")
	doubt := f.notes.since(before)
	s := &section{ref: r.ref}
	init := r.subject(f, s)
	for _, list := range []ruleList{
		{name: "ingress", peers: "from", direction: ingress},
		{name: "ingressDeny", peers: "from", direction: ingress, deny: true},
		{name: "egress", peers: "to", direction: egress},
		{name: "egressDeny", peers: "to", direction: egress, deny: true},
	} {
		list.init, list.host = init, s.host
		for i, item := range f.at(list.name).items() {
			for _, one := range r.ciliumRule(item, list) {
				one.ref.Rule = fmt.Sprintf("%s%s[%d]", prefix, list.name, i)
				s.rules[list.direction] = append(s.rules[list.direction], one)
			}
		}
	}
	if len(s.rules[ingress])+len(s.rules[egress]) == 0 {
		f.reject("at least one of ingress, ingressDeny, egress and egressDeny must have a rule")
	}
	r.defaultDeny(f.at("enableDefaultDeny"), s)
	if doubt != "" {
		s.doubted(doubt, allow, deny)
	}
	return s
}

// subject reads whom the spec is about, and tells whether it names starting pods.
func (r *reader) subject(f field, s *section) (init bool) {
	pods, nodes := f.at("endpointSelector"), f.at("nodeSelector")
	s.host = nodes.given()
	switch {
	case pods.given() == nodes.given():
		f.reject("exactly one of endpointSelector and nodeSelector must be given")
	case nodes.given() && r.namespace != "":
		nodes.reject("only a clusterwide policy may have a nodeSelector")
	}
	at := pods
	if nodes.given() {
		at = nodes
	}
	before := len(f.notes.unclear)
	t := r.terms(at, "any")
	reqs := t.all()
	init = slices.ContainsFunc(reqs, func(q requirement) bool { return q.source == "reserved" && q.key == "init" })
	doubt := ""
	switch {
	case s.host && len(reqs) > 0:
		doubt = "the labels of nodes are not known"
	case s.host && !r.settings.hostFirewall:
		doubt = "the host firewall is not known to be on"
	case r.namespace != "":
		reqs = r.ownNamespace(t)
	}
	if unclear := f.notes.since(before); unclear != "" {
		doubt = unclear
	}
	s.subject = r.intern(reqs, doubt)
	return init && !s.host
}

// defaultDeny settles which directions the spec isolates: by default those that
// it has rules for, of whichever kind. What has no rules isolates nothing.
func (r *reader) defaultDeny(f field, s *section) {
	f.object("ingress", "egress")
	for d, name := range [2]string{"ingress", "egress"} {
		wanted := f.at(name).boolean(true) || !r.settings.mayNotIsolate
		s.isolates[d] = truly(wanted && len(s.rules[d]) > 0)
	}
}

// A ruleList is one of the four lists of rules.
type ruleList struct {
	name      string
	peers     string // what the names of its peer fields begin with
	direction int
	deny      bool
	init      bool // the subject is a starting pod
	host      bool // the subject is a node
}

// ciliumRule reads one rule. It returns two if an older Cilium would also have
// read a denial from it.
func (r *reader) ciliumRule(f field, l ruleList) []*rule {
	before := len(f.notes.unclear)
	f.object(l.members()...)
	one := &rule{ref: r.ref}
	if l.deny {
		one.verdict = deny
	}
	r.ciliumPorts(one, f, l)
	r.ciliumPeers(one, f, l)
	if auth := f.at("authentication"); auth.given() {
		auth.object("mode")
		if mode := auth.at("mode"); !slices.Contains([]string{"disabled", "required", "test-always-fail"}, mode.text()) {
			mode.reject("expected disabled, required or test-always-fail, found %s", describe(mode.value))
		}
		one.refuses = auth.at("mode").text() == "test-always-fail"
	}
	requires := f.at(l.peers + "Requires")
	doubtful := r.readRequires(one, requires, l)
	one.doubt = f.notes.since(before)
	if doubtful {
		return []*rule{one, {ref: r.ref, verdict: deny, doubt: one.doubt}}
	}
	return []*rule{one}
}

func (l ruleList) members() []string {
	out := []string{"toPorts", "icmps"}
	for _, m := range []string{"Endpoints", "Requires", "CIDR", "CIDRSet", "Entities", "Groups", "Nodes"} {
		out = append(out, l.peers+m)
	}
	if l.direction == egress {
		out = append(out, "toServices")
	}
	if !l.deny {
		out = append(out, "authentication")
		if l.direction == egress {
			out = append(out, "toFQDNs")
		}
	}
	return out
}
