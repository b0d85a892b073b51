package rules

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"github.com/segproof/segproof/audit"
)

// A call is all that was carried from one workload to one destination, whatever
// is declared of it.
type call struct {
	callKey
	evidence []audit.Evidence
}

type callKey struct {
	from, to audit.Ref
	proto    audit.Protocol
	port     uint16
}

// calls folds the connections of pods that left their source and that keep
// accepts, in a fixed order. What was only let through at the source, and what
// was seen leaving it, are one.
func calls(p *audit.Pass, to func(*audit.Conversation) (audit.Ref, bool)) []*call {
	found := map[callKey]*edge{}
	for i := range p.Conversations {
		c := &p.Conversations[i]
		if !carriedOut(c) || !c.From.IsPod() || p.IsSystem(c.From.Namespace) {
			continue
		}
		ref, ok := to(c)
		if !ok {
			continue
		}
		k := callKey{c.From.Ref(), ref, c.Protocol, c.Port}
		if found[k] == nil {
			found[k] = &edge{}
		}
		found[k].add(&audit.Judged{Conversation: c, End: audit.Egress, Counted: c.Opens, First: c.FirstOpen, Last: c.LastOpen})
	}
	var out []*call
	for _, k := range slices.SortedFunc(maps.Keys(found), compareCalls) {
		out = append(out, &call{k, found[k].evidence()})
	}
	return out
}

func compareCalls(a, b callKey) int {
	return cmp.Or(a.from.Compare(b.from), a.to.Compare(b.to), cmp.Compare(a.proto, b.proto), cmp.Compare(a.port, b.port))
}

// carriedOut tells whether a conversation shows connections that their source
// let out.
func carriedOut(c *audit.Conversation) bool {
	if c.Opened == 0 || c.Verdict == audit.Dropped || c.IsNoise() {
		return false
	}
	return slices.Contains(c.Proves(), audit.Egress)
}

// finding is what all findings about a call have in common.
func (c *call) finding() audit.Finding {
	port, to := c.port, c.to
	return audit.Finding{
		Subject: c.from, Peer: &to, Direction: audit.Egress, Protocol: c.proto, Port: &port, Evidence: c.evidence,
	}
}

// addressRef names an address outside of what is declared.
func addressRef(ip netip.Addr) audit.Ref {
	return audit.Ref{Kind: "CIDR", Name: netip.PrefixFrom(ip, ip.BitLen()).String()}
}
