package policy

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A group is a CiliumCIDRGroup: named ranges that policies refer to.
type group struct {
	name   string
	labels map[string]string
	ranges []netip.Prefix
}

// groupLabel is what Cilium labels the addresses of a group with.
func groupLabel(name string) string { return "cidrgroup:io.cilium.policy.cidrgroupname/" + name }

// readGroup reads the ranges of a group; like Cilium it skips what is none.
func readGroup(o *audit.Object) group {
	f := field{value: map[string]any(o.Raw), notes: &notes{}}
	g := group{name: o.Name, labels: maps.Clone(o.Labels)}
	for _, item := range f.at("spec").at("externalCIDRs").items() {
		if p, ok := item.prefix(false); ok {
			g.ranges = append(g.ranges, p)
		}
	}
	return g
}

// blocks are the ranges of the group without those of a rule.
func (g *group) blocks(except []netip.Prefix) []block {
	var out []block
	for _, p := range g.ranges {
		out = append(out, block{p, except, groupLabel(g.name)})
	}
	return out
}

// cidrSet reads ranges with exceptions, and references to groups.
func (r *reader) cidrSet(list field, _ ruleList) matcher {
	out := &blocks{settings: r.settings}
	var missing *unresolved
	for _, item := range list.items() {
		item.object("cidr", "cidrGroupRef", "cidrGroupSelector", "except")
		cidr, ref, sel := item.at("cidr"), item.at("cidrGroupRef"), item.at("cidrGroupSelector")
		given := 0
		for _, is := range []bool{cidr.text() != "", ref.text() != "", sel.given()} {
			if is {
				given++
			}
		}
		switch {
		case given != 1:
			item.reject("exactly one of cidr, cidrGroupRef and cidrGroupSelector must be given")
		case cidr.given() && cidr.text() != "":
			if p, ok := cidr.prefix(false); ok {
				out.list = append(out.list, block{prefix: p, except: item.at("except").excepted(p)})
			}
		default:
			found, none := r.groupsOf(ref.text(), sel)
			for _, g := range found {
				out.list = append(out.list, g.blocks(item.at("except").excepted(netip.Prefix{}))...)
			}
			if none != nil {
				item.unresolved(none.why)
				missing = none
			}
		}
	}
	if missing != nil {
		return either{out, missing}
	}
	return out
}

// groupsOf finds the groups that are meant, or says that they are not known.
func (r *reader) groupsOf(name string, sel field) (found []group, missing *unresolved) {
	var reqs []requirement
	if sel.given() {
		reqs = r.terms(sel, "any").all()
	}
	for _, g := range r.groups {
		if name != "" && g.name == name || name == "" && g.selectedBy(reqs) {
			found = append(found, g)
		}
	}
	switch {
	case len(found) > 0:
		return found, nil
	case name != "":
		return nil, &unresolved{scope: outside, label: groupLabel(name), why: "there is no CiliumCIDRGroup of this name in what was read"}
	}
	return nil, &unresolved{scope: outside, why: "no CiliumCIDRGroup with such labels is in what was read"}
}

// selectedBy compares the group's labels; those that Cilium owns do not count.
func (g *group) selectedBy(reqs []requirement) bool {
	return !slices.ContainsFunc(reqs, func(q requirement) bool {
		value, ok := g.labels[q.key]
		return !q.accepts(value, ok && !strings.HasPrefix(q.key, ownedPrefix))
	})
}

// either are alternatives of which one may be unresolved.
type either struct{ a, b matcher }

func (e either) match(p end) (truth, string) {
	t, why := e.a.match(p)
	if t2, why2 := e.b.match(p); t2 > t {
		return t2, why2
	}
	return t, why
}
