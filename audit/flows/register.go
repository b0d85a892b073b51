package flows

import (
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A register keeps everything that has a name once: labels, ends, outcomes.
type register struct {
	labels   *labelSets
	ends     *ends
	outcomes *outcomes
	texts    *recent[*texts]
	clusters map[string]bool
	turned   record // reused
	key      []byte // of texts, reused
}

func newRegister(o Options, owner func(string, string) (audit.Ref, bool)) *register {
	o = o.filled()
	return &register{
		labels: newLabelSets(o.LabelSets), ends: newEnds(owner, maxSeats), outcomes: newOutcomes(maxOutcomes),
		texts: newRecent[*texts](maxRecentBytes), clusters: map[string]bool{},
	}
}

// mark reduces a flow. It fails where there is no room for another end or
// outcome.
func (g *register) mark(r *record, m *mark) bool {
	e := r.event()
	if e == audit.Seen && (r.isReply() == yes || r.isReply() == unknown && r.looksLikeReply()) {
		r = r.turn(&g.turned)
	}
	from, to := g.party(&r.source), g.party(&r.destination)
	o := g.outcomes.of(r, e)
	if from.seat == nil || to.seat == nil || o == nil {
		return false
	}
	*m = mark{
		sample: sample{
			at: r.at, id: r.id, texts: g.text(r), node: r.node,
			from: from.seat, to: to.seat, fromIP: r.source.ip, toIP: r.destination.ip,
		},
		outcome: o, port: r.port, opens: r.opens(e),
	}
	from.seat.saw(r.at)
	to.seat.saw(r.at)
	if e == audit.L7 {
		m.request = r.request
	}
	if m.opens {
		m.connection = r.connection()
	}
	if !from.seat.end.isPod() && m.fromIP.IsValid() || !to.seat.end.isPod() && m.toIP.IsValid() {
		m.fromLabels, m.toLabels = from.labels, to.labels
	}
	return true
}

// A party is what the register knows of an end of a flow.
type party struct {
	labels *labelSet
	seat   *seat // nil if there is no room
}

// party looks an end up, unless whoever read the flow has done so before.
func (g *register) party(e *endpoint) party {
	if e.party != nil && e.party.seat != nil {
		return *e.party
	}
	g.cluster(e.cluster)
	p := party{labels: g.labels.of(e.labels)}
	if p.labels != nil {
		p.seat = g.ends.seat(e, p.labels)
	}
	if e.party != nil {
		*e.party = p
	}
	return p
}

// text returns the texts that serve as evidence, nil if there are none.
func (g *register) text(r *record) *texts {
	names := r.evidentNames()
	if r.idText == "" && r.summary == "" && len(names) == 0 {
		return nil
	}
	names = names[:min(len(names), maxNames)]
	g.key = append(append(g.key[:0], r.idText...), 0)
	g.key = append(append(g.key, r.summary...), 0)
	for _, n := range names {
		g.key = append(append(g.key, n...), 0)
	}
	if t, ok := g.texts.get(g.key); ok {
		return t
	}
	t := &texts{id: strings.Clone(r.idText), summary: strings.Clone(short(r.summary))}
	for _, n := range names {
		t.names = append(t.names, strings.Clone(short(n)))
	}
	g.texts.put(g.key, t)
	return t
}

// cluster notes the name of a cluster.
func (g *register) cluster(name string) {
	if name != "" && !g.clusters[name] && len(g.clusters) < maxClusters {
		g.clusters[name] = true
	}
}

func (g *register) clusterNames() []string { return slices.Sorted(maps.Keys(g.clusters)) }

// sweep forgets what was not seen since a time and stands in no conversation:
// pods come and go, and the bounds are not there for the dead. Flows that are
// held back must not be older. It tells whether any seat was given up.
func (g *register) sweep(before int64, pins renaming, b *book, h *held) bool {
	seats := len(g.ends.seats)
	used := map[*end]bool{}
	sets := map[*labelSet]bool{}
	outs := map[*outcome]bool{}
	for k, group := range b.groups {
		used[k.from], used[k.to], outs[k.outcome] = true, true, true
		for _, a := range group.apart {
			sets[a.fromLabels], sets[a.toLabels] = true, true
		}
	}
	for _, marks := range h.slots {
		for i := range marks {
			m := &marks[i]
			outs[m.outcome], sets[m.fromLabels], sets[m.toLabels] = true, true, true
		}
	}
	maps.DeleteFunc(g.ends.seats, func(_ seatKey, s *seat) bool { return s.last < before })
	for _, s := range g.ends.seats {
		used[s.end], sets[s.labels] = true, true
	}
	maps.DeleteFunc(pins, func(e, _ *end) bool { return !used[e] })
	for _, as := range pins {
		used[as] = true
	}
	maps.DeleteFunc(g.ends.by, func(_ endKey, e *end) bool { return !used[e] })
	for _, e := range g.ends.by {
		sets[e.labels] = true
	}
	pods := g.ends.pods()
	gone := func(p podName, _ audit.Ref) bool { return !pods[p] }
	maps.DeleteFunc(g.ends.owners, gone)
	maps.DeleteFunc(g.ends.heard, gone)
	g.labels.sweep(sets)
	g.outcomes.sweep(outs)
	return len(g.ends.seats) < seats
}
