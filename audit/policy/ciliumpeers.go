package policy

import "strings"

// ciliumPeers reads whom a rule names. Only one kind may be used in a rule. An
// empty list selects nobody; no list selects everybody if the rule names ports
// and nobody if it does not (cilium pkg/policy/utils/parserules.go).
func (r *reader) ciliumPeers(one *rule, f field, l ruleList) {
	kinds := []struct {
		name       string
		emptyIsAll bool // Cilium does not tell an empty list from none
		read       func(list field, l ruleList) matcher
	}{
		{l.peers + "Endpoints", false, r.endpoints},
		{l.peers + "CIDR", false, r.cidrs},
		{l.peers + "CIDRSet", false, r.cidrSet},
		{l.peers + "Entities", false, r.entities},
		{l.peers + "Nodes", false, r.nodes},
		{l.peers + "Groups", true, r.cloudGroups},
		{"toServices", true, r.services},
		{"toFQDNs", true, r.fqdns},
	}
	used := ""
	for _, k := range kinds {
		list := f.at(k.name)
		if k.name == "toFQDNs" && l.deny || l.direction == ingress && strings.HasPrefix(k.name, "to") {
			continue
		}
		one.nobody = one.nobody || list.empty() && !k.emptyIsAll
		if len(list.items()) == 0 {
			continue
		}
		if used != "" {
			list.reject("%s and %s may not be combined in one rule", used, k.name)
		}
		used = k.name
		if m := k.read(list, l); m != nil {
			one.peers = append(one.peers, m)
		}
	}
	if len(one.peers) == 0 && one.anyPort {
		one.nobody = true
	}
}

func (r *reader) endpoints(list field, l ruleList) matcher {
	var out selected
	for _, item := range list.items() {
		out = append(out, r.peerSelector(item, l.init))
	}
	return out
}

func (r *reader) cidrs(list field, _ ruleList) matcher {
	out := &blocks{settings: r.settings}
	for _, item := range list.items() {
		if p, ok := item.prefix(true); ok {
			out.list = append(out.list, block{prefix: p})
		}
	}
	return out
}

func (r *reader) entities(list field, _ ruleList) matcher {
	out := &entities{cluster: r.settings.cluster, family: r.settings.family}
	for _, item := range list.items() {
		name := item.text()
		if !knownEntity(name) {
			item.reject("there is no entity %q", clip(name))
		}
		out.names = append(out.names, name)
	}
	return out
}

func (r *reader) fqdns(list field, _ ruleList) matcher {
	var out names
	for _, item := range list.items() {
		out = append(out, newName(item))
	}
	return out
}

// nodes are remote nodes by label, which the agent must be told to know.
func (r *reader) nodes(list field, _ ruleList) matcher {
	const why = "the labels of nodes are not known"
	for _, item := range list.items() {
		r.terms(item, "any")
		if r.settings.seen && !r.settings.nodeSelectors {
			item.reject("nodes can be selected only if enable-node-selector-labels is set")
		}
		item.unresolved(why)
	}
	return &unresolved{scope: remoteNodes, why: why}
}

// cloudGroups are addresses that a cloud provider knows.
func (r *reader) cloudGroups(list field, _ ruleList) matcher {
	const why = "what a cloud provider's group contains is not known"
	for _, item := range list.items() {
		item.object("aws")
		item.unresolved(why)
	}
	return &unresolved{scope: outside, why: why}
}
