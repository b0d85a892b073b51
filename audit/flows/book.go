package flows

import (
	"math"
	"slices"
)

// A book holds conversations. The order of marks does not matter, nor how they
// are split between books that absorb each other.
type book struct {
	options Options
	groups  map[groupKey]*group
	tallies int    // in all groups
	limit   uint64 // groups whose hash is not below it are folded
	folded  uint64
	round   uint32 // of keeping, see [tally]
}

// A group holds the conversations that differ in nothing but the address of an
// end that is no pod. Between pods it is a single one.
type group struct {
	whole  *tally     // of two pods, or of addresses that are not kept apart; nil if there is none
	apart  []*address // ordered by hash
	folded uint64     // flows in whole that would be apart had there been room
}

type groupKey struct {
	from, to *end
	outcome  *outcome
	interval int64 // its start; ever before the first cut
	port     uint16
}

// address is a conversation with one pair of addresses.
type address struct {
	addresses
	sum   uint64
	tally *tally
}

func newBook(o Options) *book {
	return &book{options: o.filled(), groups: map[groupKey]*group{}, limit: math.MaxUint64}
}

// add counts a flow.
func (b *book) add(k groupKey, m *mark) {
	g := b.group(k)
	if g == nil {
		b.folded++
		return
	}
	t := b.tally(g, m)
	t.count(m)
	t.changed = b.round
	b.shrink()
}

// group returns the group for a key, or nil if that is folded.
func (b *book) group(k groupKey) *group {
	if g := b.groups[k]; g != nil {
		return g
	}
	if b.limit != math.MaxUint64 && k.sum() >= b.limit {
		return nil
	}
	g := &group{}
	b.groups[k] = g
	return g
}

func (k *groupKey) sum() uint64 {
	h := emptySum.number(k.from.sum).number(k.to.sum).number(k.outcome.sum).
		number(uint64(k.port)).number(uint64(k.interval))
	return k.outcome.rank(k.port)<<62 | h.mixed()>>2
}

// tally returns the tally for a flow. Of more addresses than are kept apart
// those with the smallest hashes stay.
func (b *book) tally(g *group, m *mark) *tally {
	if m.fromLabels == nil {
		return b.whole(g)
	}
	a := m.addresses()
	h := a.sum()
	i := g.find(h)
	if i < len(g.apart) && g.apart[i].sum == h {
		return g.apart[i].tally
	}
	if len(g.apart) >= b.options.Addresses && (i == len(g.apart) || g.evictable() < 0) {
		g.folded++
		return b.whole(g)
	}
	t := newTally()
	b.insert(g, i, &address{a, h, t})
	return t
}

func (g *group) find(sum uint64) int {
	i, _ := slices.BinarySearchFunc(g.apart, sum, func(a *address, h uint64) int {
		switch {
		case a.sum < h:
			return -1
		case a.sum > h:
			return 1
		}
		return 0
	})
	return i
}

func (b *book) whole(g *group) *tally {
	if g.whole == nil {
		g.whole = newTally()
		b.tallies++
	}
	return g.whole
}

// evictable is the last address that may be folded, -1 if none may. What a
// keeper has been given stays apart, or its flows would be kept twice.
func (g *group) evictable() int {
	for i, a := range slices.Backward(g.apart) {
		if !a.tally.stored {
			return i
		}
	}
	return -1
}

// insert puts an address in its place, and folds one if there are too many then.
func (b *book) insert(g *group, i int, a *address) {
	g.apart = slices.Insert(g.apart, i, a)
	b.tallies++
	if len(g.apart) <= b.options.Addresses {
		return
	}
	if n := g.evictable(); n >= 0 {
		out := g.apart[n].tally
		g.apart = slices.Delete(g.apart, n, n+1)
		b.tallies--
		g.folded += out.flows
		b.whole(g).add(out)
	}
}

// shrink makes room if there are too many conversations. The limit falls in
// steps that are always the same, so that in the end it depends only on which
// conversations there were.
func (b *book) shrink() {
	for b.tallies > b.options.Conversations && b.limit > 0 {
		b.limit -= b.limit/16 + 1
		b.evict()
	}
}

func (b *book) evict() {
	for k, g := range b.groups {
		if k.sum() < b.limit {
			continue
		}
		delete(b.groups, k)
		flows, n := g.flows()
		b.folded += flows
		b.tallies -= n
	}
}

// flows counts the flows of a group, and its tallies.
func (g *group) flows() (flows uint64, tallies int) {
	g.each(func(_ *addresses, t *tally) {
		flows += t.flows
		tallies++
	})
	return flows, tallies
}

func (g *group) each(visit func(*addresses, *tally)) {
	if g.whole != nil {
		visit(nil, g.whole)
	}
	for _, a := range g.apart {
		visit(&a.addresses, a.tally)
	}
}

// unite adds all tallies of o to those of g.
func (b *book) unite(g, o *group) {
	g.folded += o.folded
	if o.whole != nil {
		b.whole(g).add(o.whole)
	}
	for _, a := range o.apart {
		i := g.find(a.sum)
		switch {
		case i < len(g.apart) && g.apart[i].sum == a.sum:
			g.apart[i].tally.add(a.tally)
		case i >= b.options.Addresses:
			g.folded += a.tally.flows
			b.whole(g).add(a.tally)
		default:
			// Labels are compared within one register only, but addresses are
			// never looked at again by their labels: the hash names them.
			b.insert(g, i, a)
		}
	}
}

// expire drops conversations that lasted until before a time, and counts them,
// and the flows of those that no keeper has.
func (b *book) expire(before int64, unkept func(*tally) bool) (conversations int, flows uint64) {
	old := func(t *tally) bool {
		if t.last >= before {
			return false
		}
		conversations++
		if unkept(t) {
			flows += t.flows
		}
		b.tallies--
		return true
	}
	for k, g := range b.groups {
		if g.whole != nil && old(g.whole) {
			g.whole, g.folded = nil, 0
		}
		g.apart = slices.DeleteFunc(g.apart, func(a *address) bool { return old(a.tally) })
		if g.whole == nil && len(g.apart) == 0 {
			delete(b.groups, k)
		}
	}
	return conversations, flows
}
