package flows

import (
	"math"
	"slices"

	"github.com/segproof/segproof/audit"
)

// A renaming says which end each end is that has been a mere pod so far.
type renaming map[*end]*end

func (r renaming) key(k groupKey) groupKey {
	if e := r[k.from]; e != nil {
		k.from = e
	}
	if e := r[k.to]; e != nil {
		k.to = e
	}
	return k
}

// copied is a book of its own, with all that is wanted of b under new names;
// wanted may be nil. What b counts afterwards does not change it.
func (b *book) copied(names renaming, wanted func(groupKey) bool) *book {
	c := &book{options: b.options, limit: b.limit, folded: b.folded, groups: make(map[groupKey]*group, len(b.groups))}
	if wanted != nil {
		c.options.Addresses = math.MaxInt // what is apart in b stays so
	}
	s := slab{tallies: make([]tally, 0, b.tallies), groups: make([]group, 0, len(b.groups))}
	for k, g := range b.groups {
		k = names.key(k)
		if wanted != nil && !wanted(k) {
			continue
		}
		mine := s.group(g)
		if known := c.groups[k]; known != nil {
			c.unite(known, mine)
			continue
		}
		c.groups[k] = mine
		c.tallies += len(mine.apart)
		if mine.whole != nil {
			c.tallies++
		}
	}
	return c
}

// A slab is where copies lie, made at once: thousands of small pieces would
// cost more than what is in them.
type slab struct {
	tallies []tally
	groups  []group
}

func (s *slab) tally(t *tally) *tally {
	s.tallies = append(s.tallies, *t)
	c := &s.tallies[len(s.tallies)-1]
	c.requests = slices.Clone(t.requests)
	return c
}

func (s *slab) group(g *group) *group {
	s.groups = append(s.groups, group{folded: g.folded})
	c := &s.groups[len(s.groups)-1]
	if g.whole != nil {
		c.whole = s.tally(g.whole)
	}
	if len(g.apart) > 0 {
		c.apart = make([]*address, len(g.apart))
		for i, a := range g.apart {
			c.apart[i] = &address{a.addresses, a.sum, s.tally(a.tally)}
		}
	}
	return c
}

// conversations writes everything down that is wanted, in order, and counts the
// flows that are in no conversation of their own. Wanted may be nil.
func (b *book) conversations(wanted func(*tally) bool) (out []audit.Conversation, folded uint64) {
	all := make([]audit.Conversation, 0, b.tallies)
	folded = b.folded
	for k, g := range b.groups {
		folded += g.folded
		g.each(func(a *addresses, t *tally) {
			if wanted == nil || wanted(t) {
				all = append(all, k.conversation(a, t))
			}
		})
	}
	return sorted(all), folded
}

// sorted moves pointers while it sorts: conversations are large.
func sorted(all []audit.Conversation) []audit.Conversation {
	order := make([]*audit.Conversation, len(all))
	for i := range all {
		order[i] = &all[i]
	}
	slices.SortFunc(order, func(x, y *audit.Conversation) int { return x.Compare(y) })
	out := make([]audit.Conversation, len(all))
	for i, c := range order {
		out[i] = *c
	}
	return out
}

func (k *groupKey) conversation(a *addresses, t *tally) audit.Conversation {
	c := audit.Conversation{
		From: k.from.peer(), To: k.to.peer(),
		Protocol: k.outcome.protocol, Port: k.port,
		Event: k.outcome.event, Direction: k.outcome.direction,
		Verdict: k.outcome.verdict, Reason: k.outcome.reason, Match: k.outcome.match,
		Policies: k.outcome.named.policies, Allowed: k.outcome.named.allowed,
	}
	if k.interval != ever {
		c.Interval = moment(k.interval)
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
