package flows

// absorb merges all that another merger holds into m, and leaves o useless.
func (m *merger) absorb(o *merger) {
	for c := range o.clusters {
		m.cluster(c)
	}
	m.book.folded += o.book.folded
	m.book.limit = min(m.book.limit, o.book.limit)
	m.book.evict()
	for _, s := range o.ends.seats {
		k := s.seatKey
		if k.labels = m.labels.of(k.labels.list); k.labels == nil {
			continue
		}
		if mine := m.ends.take(k); mine != nil {
			mine.first, mine.last = min(mine.first, s.first), max(mine.last, s.last)
		}
	}
	for k, g := range o.book.groups {
		k, ok := m.adopt(k)
		mine := (*group)(nil)
		if ok {
			mine = m.book.group(k)
		}
		if mine == nil {
			flows, _ := g.flows()
			m.book.folded += flows
			continue
		}
		m.book.unite(mine, g)
		m.book.shrink()
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
