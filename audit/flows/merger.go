package flows

import (
	"math"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A merger merges records into conversations. The order of records does not
// matter, nor how they are split between mergers that absorb each other.
type merger struct {
	options  Options
	labels   *labelSets
	ends     *ends
	outcomes *outcomes
	cuts     []int64
	clusters map[string]bool
	groups   map[groupKey]*group
	tallies  int    // in all groups
	limit    uint64 // groups whose hash is not below it are folded
	folded   uint64
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
	port     uint16
	cut      int32 // how many cuts came before
}

// address is a conversation with one pair of addresses.
type address struct {
	addresses
	sum   uint64
	tally *tally
}

func newMerger(o Options, h audit.Hints) *merger {
	o = o.filled()
	m := &merger{
		options: o, labels: newLabelSets(o.LabelSets), ends: newEnds(h.Owner, maxSeats),
		outcomes: newOutcomes(maxOutcomes),
		clusters: map[string]bool{}, groups: map[groupKey]*group{}, limit: math.MaxUint64,
	}
	for _, c := range h.Cuts {
		if countable(c.At) {
			m.cuts = append(m.cuts, c.At.UnixNano())
		}
	}
	slices.Sort(m.cuts)
	m.cuts = slices.Compact(m.cuts)
	return m
}

// add merges one record in.
func (m *merger) add(r *record) {
	m.cluster(r)
	e := r.event()
	if e == audit.Seen && (r.isReply() == yes || r.isReply() == unknown && r.looksLikeReply()) {
		r = r.turned()
	}
	var g *group
	f, ok := m.find(r, e)
	if ok {
		g = m.group(f.key)
	}
	if g == nil {
		m.folded++
		return
	}
	m.tally(g, f.at).count(r, r.opens(e), f.titles)
	m.shrink()
}

// found is what a record is merged by.
type found struct {
	key    groupKey
	at     addresses // zero between pods
	titles [2]string // of the ends
}

// find finds what a record is merged by. It fails where there is no room for
// another end or outcome.
func (m *merger) find(r *record, e audit.Event) (f found, ok bool) {
	from, to := m.labels.of(r.source.labels), m.labels.of(r.destination.labels)
	if from == nil || to == nil {
		return f, false
	}
	s, d := m.ends.seat(&r.source, from), m.ends.seat(&r.destination, to)
	o := m.outcomes.of(r, e)
	if s == nil || d == nil || o == nil {
		return f, false
	}
	s.first, d.first = min(s.first, r.at), min(d.first, r.at)
	f.key = groupKey{s.end, d.end, o, r.port, m.cut(r.at)}
	f.titles = [2]string{s.title, d.title}
	if !s.end.isPod() {
		f.at.from = r.source.ip
	}
	if !d.end.isPod() {
		f.at.to = r.destination.ip
	}
	if f.at.from.IsValid() || f.at.to.IsValid() {
		f.at.fromLabels, f.at.toLabels = from, to
	}
	return f, true
}

func (m *merger) cut(at int64) int32 {
	i, found := slices.BinarySearch(m.cuts, at)
	if found {
		i++
	}
	return int32(i)
}

// group returns the group for a key, or nil if that is folded.
func (m *merger) group(k groupKey) *group {
	if g := m.groups[k]; g != nil {
		return g
	}
	if k.sum() >= m.limit {
		return nil
	}
	g := &group{}
	m.groups[k] = g
	return g
}

func (k *groupKey) sum() uint64 {
	h := emptySum.number(k.from.sum).number(k.to.sum).number(k.outcome.sum).
		number(uint64(k.port)).number(uint64(k.cut))
	return k.outcome.rank(k.port)<<62 | h.mixed()>>2
}

// tally returns the tally for one flow with these addresses. Of more addresses
// than are kept apart those with the smallest hashes stay.
func (m *merger) tally(g *group, a addresses) *tally {
	if a.fromLabels == nil {
		return m.whole(g)
	}
	h := a.sum()
	i := g.find(h)
	if i < len(g.apart) && g.apart[i].sum == h {
		return g.apart[i].tally
	}
	if i >= m.options.Addresses {
		g.folded++
		return m.whole(g)
	}
	t := newTally()
	m.insert(g, i, &address{a, h, t})
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

func (m *merger) whole(g *group) *tally {
	if g.whole == nil {
		g.whole = newTally()
		m.tallies++
	}
	return g.whole
}

// insert puts an address in its place, and folds the last one if there are too
// many then.
func (m *merger) insert(g *group, i int, a *address) {
	g.apart = slices.Insert(g.apart, i, a)
	m.tallies++
	if n := len(g.apart) - 1; n >= m.options.Addresses {
		m.tallies--
		last := g.apart[n]
		g.apart[n] = nil
		g.apart = g.apart[:n]
		g.folded += last.tally.flows
		m.whole(g).add(last.tally)
	}
}

// shrink makes room if there are too many conversations. The limit falls in
// steps that are always the same, so that in the end it depends only on which
// conversations there were.
func (m *merger) shrink() {
	for m.tallies > m.options.Conversations && m.limit > 0 {
		m.limit -= m.limit/16 + 1
		m.evict()
	}
}

func (m *merger) evict() {
	for k, g := range m.groups {
		if k.sum() < m.limit {
			continue
		}
		delete(m.groups, k)
		if g.whole != nil {
			m.folded += g.whole.flows
			m.tallies--
		}
		for _, a := range g.apart {
			m.folded += a.tally.flows
			m.tallies--
		}
	}
}

// cluster notes the names of clusters: that of each end, and that of the node,
// which is "cluster/node".
func (m *merger) cluster(r *record) {
	node, _, _ := strings.Cut(r.node, "/")
	if node == r.node {
		node = ""
	}
	for _, c := range [...]string{r.source.cluster, r.destination.cluster, node} {
		if c != "" && !m.clusters[c] && len(m.clusters) < maxClusters {
			m.clusters[c] = true
		}
	}
}
