package policy

import (
	"net/netip"
	"slices"
	"strings"
)

// A block is a range of addresses without some ranges inside it.
type block struct {
	prefix netip.Prefix
	except []netip.Prefix
	label  string // the cidrgroup label that stands for it, if it is a group's
}

// blocks are the ranges of one rule. They select what is outside the cluster;
// pods and nodes only as far as the agent is told so.
type blocks struct {
	list     []block
	settings *settings
	ipBlock  bool // of a NetworkPolicy
	anywhere bool // they select whoever has such an address
}

func (b *blocks) match(p end) (truth, string) {
	const why = "the address of the peer is not known"
	switch {
	case p.unknown:
		return maybe, whyUnknown
	case p.world, b.anywhere:
		return b.holds(p), why
	case b.ipBlock && b.settings.semantics == Kubernetes:
		if p.node && p.ip.IsValid() {
			return b.holds(p), why
		}
		return maybe, "what an ipBlock means for addresses inside the cluster is not defined"
	case p.node && b.settings.cidrNodes, !p.node && b.settings.cidrPods:
		return b.holdsInside(p), why
	}
	return no, ""
}

func (b *blocks) holds(p end) truth {
	t := no
	var whole [7]bool // by family: all of it
	for i := range b.list {
		k := &b.list[i]
		t = max(t, k.holds(p))
		whole[familyOf(k.prefix.Addr())] = whole[familyOf(k.prefix.Addr())] || k.prefix.Bits() == 0 && len(k.except) == 0
	}
	if t == maybe && whole[4] && whole[6] {
		return yes
	}
	return t
}

// holdsInside is for pods and nodes. A range of length zero is the world
// itself, and holds for them only if ranges are to select pods (cilium
// pkg/policy/types/selector.go).
func (b *blocks) holdsInside(p end) truth {
	t := no
	for i := range b.list {
		if k := &b.list[i]; k.prefix.Bits() > 0 || b.settings.cidrPods {
			t = max(t, k.holds(p))
		}
	}
	return t
}

// holds tells whether an end lies in the block: by its address, or else by the
// narrowest range that its labels name.
func (k *block) holds(p end) truth {
	switch {
	case k.label != "" && slices.Contains(p.raw, k.label) && len(k.except) == 0:
		return yes
	case p.ip.IsValid():
		in := func(e netip.Prefix) bool { return e.Contains(p.ip) }
		return truly(k.prefix.Contains(p.ip) && !slices.ContainsFunc(k.except, in))
	case p.family != 0 && p.family != familyOf(k.prefix.Addr()):
		return no
	case len(p.prefixes) == 0:
		return truth(max(maybe, truly(p.family != 0 && k.prefix.Bits() == 0 && len(k.except) == 0)))
	}
	narrow := p.prefixes[0]
	switch {
	case !covers(k.prefix, narrow) && !covers(narrow, k.prefix):
		return no
	case slices.ContainsFunc(k.except, func(e netip.Prefix) bool { return covers(e, narrow) }):
		return no
	case !covers(k.prefix, narrow), slices.ContainsFunc(k.except, narrow.Overlaps):
		return maybe
	}
	return yes
}

// labelPrefix reads the range of a cidr label, in which Cilium may have written
// an IPv6 address with dashes.
func labelPrefix(key string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(strings.ReplaceAll(key, "-", ":"))
	return p.Masked(), err == nil
}

// prefix reads a range as a policy writes it; a lone address is a range of one.
func (f field) prefix(alone bool) (netip.Prefix, bool) {
	s := f.text()
	p, err := netip.ParsePrefix(s)
	if a, err2 := netip.ParseAddr(s); err != nil && alone && err2 == nil && a.Zone() == "" {
		p, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	if err != nil {
		f.reject("expected an address range such as 10.0.0.0/8, found %q", clip(s))
		return p, false
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// excepted reads the ranges to leave out, which must lie inside.
func (f field) excepted(from netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, item := range f.items() {
		p, ok := item.prefix(false)
		if ok && from.IsValid() && !covers(from, p) {
			item.reject("%s is not inside %s", p, from)
		}
		out = append(out, p)
	}
	return out
}
