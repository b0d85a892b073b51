package policy

import (
	"fmt"
	"slices"
)

// A dialect is how one of the clusterwide kinds of the network policy API
// writes what all of them mean.
type dialect struct {
	accept  string   // the action that allows
	actions []string // all of them
	ports   string   // the field with the ports
	first   bool     // it is of the first version of the API
	most    int      // rules of a direction, peers or ports of a rule
	tiered  bool     // it names its tier
	ranked  bool     // it has a priority
	order   order    // where it stands unless it says so
}

// clusterDialect is ClusterNetworkPolicy, as Cilium reads it (cilium
// pkg/k8s/cluster_network_policy.go). What it makes of the tier, the levels and
// the peers is followed, unless the API's own text counts.
func clusterDialect(byText bool) dialect {
	return dialect{accept: "Accept", actions: []string{"Accept", "Deny", "Pass"}, ports: "protocols", most: 25,
		tiered: true, ranked: true, order: order{byText: byText}}
}

// adminDialect is AdminNetworkPolicy, which no Cilium serves.
func adminDialect() dialect {
	return dialect{accept: "Allow", actions: []string{"Allow", "Deny", "Pass"}, ports: "ports", first: true, most: 100,
		ranked: true, order: order{tier: admin, byText: true}}
}

// baselineDialect is BaselineAdminNetworkPolicy, of which there is one.
func baselineDialect() dialect {
	return dialect{accept: "Allow", actions: []string{"Allow", "Deny"}, ports: "ports", first: true, most: 100,
		order: order{tier: baseline, byText: true}}
}

// clusterPolicy reads a policy of one of these kinds. What an API server would
// not store is rejected.
func (r *reader) clusterPolicy(doc field, d dialect) []*section {
	doc.object("apiVersion", "kind", "metadata", "spec", "status")
	spec := doc.at("spec")
	members := []string{"subject", "ingress", "egress"}
	s := &section{ref: r.ref, order: d.order}
	if d.tiered {
		members = append(members, "tier")
		s.order.tier = readTier(spec.at("tier"))
	}
	if d.ranked {
		members = append(members, "priority")
		at := spec.at("priority")
		n, given := at.number(0, 1000)
		if !given {
			at.expected("a priority from 0 to 1000")
		}
		s.order.level = int(n) * levels
	}
	spec.object(members...)
	doubt := doc.notes.since(0)
	s.subject = r.clusterSubject(spec.at("subject"), d)
	d.order = s.order
	s.rules[ingress] = r.clusterRules(spec.at("ingress"), "from", d)
	s.rules[egress] = r.clusterRules(spec.at("egress"), "to", d)
	if doubt != "" {
		s.doubted(doubt, allow, deny, pass)
	}
	return []*section{s}
}

func readTier(f field) tier {
	switch f.text() {
	case "Admin":
		return admin
	case "Baseline":
		return baseline
	}
	f.reject("expected Admin or Baseline, found %s", describe(f.value))
	return normal
}

// clusterSubject reads whom a policy is about: pods that are not on a node's
// network, of every cluster.
func (r *reader) clusterSubject(f field, d dialect) *selector {
	before := len(f.notes.unclear)
	f.object("namespaces", "pods")
	namespaces, pods := f.at("namespaces"), f.at("pods")
	if namespaces.given() == pods.given() {
		f.reject("exactly one of namespaces and pods must be given")
	}
	var reqs []requirement
	if pods.given() {
		reqs = r.clusterPods(pods, d)
	} else {
		reqs = r.namespaceTerms(namespaces)
	}
	return r.intern(reqs, f.notes.since(before))
}

// clusterPods reads pods in namespaces. The first version of the API once had
// the selector of namespaces one level deeper.
func (r *reader) clusterPods(f field, d dialect) []requirement {
	f.object("namespaceSelector", "podSelector", "namespaces")
	namespaces, deeper := f.at("namespaceSelector"), f.at("namespaces")
	switch {
	case deeper.given() && !d.first:
		deeper.unclear("unknown field")
	case deeper.given():
		deeper.object("namespaceSelector")
		namespaces = deeper.at("namespaceSelector")
	}
	return append(r.namespaceTerms(namespaces), r.terms(f.at("podSelector"), "k8s").all()...)
}

// clusterRules reads the rules of one direction, each of a level of its own.
func (r *reader) clusterRules(list field, peers string, d dialect) []*rule {
	items := list.items()
	if len(items) > d.most {
		list.reject("expected at most %d rules, found %d", d.most, len(items))
	}
	var out []*rule
	for i, item := range items {
		before := len(item.notes.unclear)
		item.object("name", "action", peers, d.ports)
		one := &rule{ref: r.ref, order: d.order, verdict: d.action(item.at("action"))}
		one.ref.Rule = fmt.Sprintf("%s[%d]", list.path[len("spec."):], i)
		one.order.level += i
		ports := item.at(d.ports).items()
		if len(ports) > d.most {
			item.at(d.ports).reject("expected at most %d, found %d", d.most, len(ports))
		}
		one.anyPort = len(ports) == 0
		for _, p := range ports {
			one.ports = append(one.ports, d.port(p)...)
		}
		more := r.clusterPeers(one, item.at(peers), d)
		one.doubt = item.notes.since(before)
		out = append(out, one)
		for _, m := range more {
			m.doubt = one.doubt
			out = append(out, m)
		}
	}
	return out
}

func (d *dialect) action(f field) verdict {
	switch s := f.text(); {
	case !slices.Contains(d.actions, s):
		f.reject("expected one of %v, found %s", d.actions, describe(f.value))
	case s == "Deny":
		return deny
	case s == "Pass":
		return pass
	}
	return allow
}
