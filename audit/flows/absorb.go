package flows

import (
	"maps"
	"slices"

	"github.com/segproof/segproof/audit"
)

// absorb merges all that another merger holds into m, and leaves o useless.
func (m *merger) absorb(o *merger) {
	for c := range o.clusters {
		if len(m.clusters) < maxClusters {
			m.clusters[c] = true
		}
	}
	m.folded += o.folded
	m.limit = min(m.limit, o.limit)
	m.evict()
	for _, s := range o.ends.seats {
		k := s.seatKey
		if k.labels = m.labels.of(k.labels.list); k.labels == nil {
			continue
		}
		if mine := m.ends.take(k); mine != nil {
			mine.first = min(mine.first, s.first)
		}
	}
	for k, g := range o.groups {
		k, ok := m.adopt(k)
		mine := (*group)(nil)
		if ok {
			mine = m.group(k)
		}
		if mine == nil {
			m.folded += g.flows()
			continue
		}
		m.unite(mine, g)
		m.shrink()
	}
}

// adopt translates the key of another merger.
func (m *merger) adopt(k groupKey) (groupKey, bool) {
	from, to := k.from.endKey, k.to.endKey
	from.labels, to.labels = m.labels.of(from.labels.list), m.labels.of(to.labels.list)
	if from.labels == nil || to.labels == nil {
		return k, false
	}
	k.from, k.to = m.ends.end(from), m.ends.end(to)
	out := k.outcome.outcomeKey
	if out.named = m.outcomes.naming(out.named.policies, out.named.allowed); out.named == nil {
		return k, false
	}
	k.outcome = m.outcomes.take(out)
	return k, k.outcome != nil
}

// unite adds all tallies of o to those of g.
func (m *merger) unite(g, o *group) {
	g.folded += o.folded
	if o.whole != nil {
		m.whole(g).add(o.whole)
	}
	for _, a := range o.apart {
		i := g.find(a.sum)
		switch {
		case i < len(g.apart) && g.apart[i].sum == a.sum:
			g.apart[i].tally.add(a.tally)
		case i >= m.options.Addresses:
			g.folded += a.tally.flows
			m.whole(g).add(a.tally)
		default:
			// Labels are compared within one merger only, but addresses are
			// never looked at again by their labels: the hash names them.
			m.insert(g, i, a)
		}
	}
}

func (g *group) flows() uint64 {
	var n uint64
	if g.whole != nil {
		n = g.whole.flows
	}
	for _, a := range g.apart {
		n += a.tally.flows
	}
	return n
}

// conversations writes everything down, in order. The merger can't be used
// afterwards.
func (m *merger) conversations() (out []audit.Conversation, folded uint64) {
	out = make([]audit.Conversation, 0, m.tallies)
	resolved := m.ends.resolve()
	groups := m.groups
	m.groups = make(map[groupKey]*group, len(groups))
	for k, g := range groups {
		if e := resolved[k.from]; e != nil {
			k.from = e
		}
		if e := resolved[k.to]; e != nil {
			k.to = e
		}
		if known := m.groups[k]; known != nil {
			m.unite(known, g)
		} else {
			m.groups[k] = g
		}
	}
	folded = m.folded
	for k, g := range m.groups {
		folded += g.folded
		if g.whole != nil {
			out = append(out, k.conversation(nil, g.whole))
		}
		for _, a := range g.apart {
			out = append(out, k.conversation(&a.addresses, a.tally))
		}
	}
	slices.SortFunc(out, compareConversations)
	return out, folded
}

func (k *groupKey) conversation(a *addresses, t *tally) audit.Conversation {
	c := audit.Conversation{
		From: k.from.peer(), To: k.to.peer(),
		Protocol: k.outcome.protocol, Port: k.port,
		Event: k.outcome.event, Direction: k.outcome.direction,
		Verdict: k.outcome.verdict, Reason: k.outcome.reason, Match: k.outcome.match,
		Policies: k.outcome.named.policies, Allowed: k.outcome.named.allowed,
	}
	if a != nil {
		c.From.IP, c.To.IP = a.from, a.to
		if !c.From.IsPod() {
			c.From.Labels = a.fromLabels.list
		}
		if !c.To.IsPod() {
			c.To.Labels = a.toLabels.list
		}
	}
	t.conversation(&c)
	return c
}

func (e *end) peer() audit.Peer {
	return audit.Peer{Labels: e.labels.list, Namespace: e.namespace, Workload: e.workload}
}

func (m *merger) clusterNames() []string { return slices.Sorted(maps.Keys(m.clusters)) }
