package audit

import (
	"cmp"
	"slices"
	"time"
)

// An Edge is all that was seen, or is declared, between two workloads on one port.
type Edge struct {
	From        Ref       `json:"from"`
	To          Ref       `json:"to"`
	Protocol    Protocol  `json:"protocol"`
	Port        uint16    `json:"port"`
	State       EdgeState `json:"state"`
	Egress      EdgeEnd   `json:"egress"`
	Ingress     EdgeEnd   `json:"ingress"`
	Connections uint64    `json:"connections,omitempty"`
	Flows       uint64    `json:"flows,omitempty"`
	First       time.Time `json:"first,omitzero"`
	Last        time.Time `json:"last,omitzero"`
	Samples     []Sample  `json:"samples,omitempty"`
	Findings    []string  `json:"findings,omitempty"` // fingerprints
}

// Bounds on the edges of a report; what is beyond them is counted in its coverage.
const (
	maxEdges  = 20_000
	maxUnseen = 2_000
)

// EdgeState is what becomes of a connection.
type EdgeState string

// States of an edge.
const (
	EdgeCarried      EdgeState = "carried"      // allowed, and carried
	EdgeRefused      EdgeState = "refused"      // denied, and dropped
	EdgeContradicted EdgeState = "contradicted" // denied, and carried
	EdgeUnjudged     EdgeState = "unjudged"     // carried, and held against nothing
	EdgeUnseen       EdgeState = "unseen"       // allowed by a rule that names both ends, and never seen
)

// An EdgeEnd is what one end decides.
type EdgeEnd struct {
	Answer   Answer      `json:"answer,omitempty"` // "" if it has no say: no pod of ours
	Reason   Reason      `json:"reason,omitempty"`
	Policies []PolicyRef `json:"policies,omitempty"`
	Outcome  Outcome     `json:"outcome,omitempty"`
}

// between names an edge.
type between struct {
	from, to Ref
	protocol Protocol
	port     uint16
}

func pairOf(c *Conversation) between { return between{c.From.Ref(), c.To.Ref(), c.Protocol, c.Port} }

func (p between) compare(o between) int {
	if n := p.from.Compare(o.from); n != 0 {
		return n
	}
	if n := p.to.Compare(o.to); n != 0 {
		return n
	}
	return cmp.Or(cmp.Compare(p.protocol, o.protocol), cmp.Compare(p.port, o.port))
}

// pairs numbers who calls whom and where.
type pairs struct {
	of []int32 // by conversation
	n  int
}

// pairNumber names an edge by numbers of its ends, whose names are long.
type pairNumber struct {
	from, to int32
	protocol Protocol
	port     uint16
}

func (s *Snapshot) pairs() *pairs {
	p := &pairs{of: make([]int32, len(s.Conversations))}
	ends, known := map[Ref]int32{}, map[pairNumber]int32{}
	for i := range s.Conversations {
		c := &s.Conversations[i]
		k := pairNumber{number32(ends, c.From.Ref()), number32(ends, c.To.Ref()), c.Protocol, c.Port}
		p.of[i] = number32(known, k)
	}
	p.n = len(known)
	return p
}

// number32 numbers keys from 0 on.
func number32[K comparable](known map[K]int32, k K) int32 {
	n, ok := known[k]
	if !ok {
		n = int32(len(known))
		known[k] = n
	}
	return n
}

// String is who calls whom, and where.
func (p between) String() string {
	return p.from.String() + " → " + p.to.String() + " " + PortName(p.protocol, p.port)
}

// A drawing is an edge in the making.
type drawing struct {
	Edge
	tally   tally
	dropped bool
	passed  bool
}

// edges draws what was carried and refused between workloads, each edge once
// whatever the pods and however often.
func (r *Report) edges(s *Snapshot, j *Judgement) {
	if s.Traffic == nil {
		return
	}
	all := s.drawings(j)
	slices.SortFunc(all, func(a, b *drawing) int { return a.pair().compare(b.pair()) })
	if more := len(all) - maxEdges; more > 0 {
		r.Coverage.FoldedEdges, all = more, weightiest(all, maxEdges)
	}
	r.Edges = slices.Grow(r.Edges, len(all)+maxUnseen) // there is room for what was not seen
	for _, d := range all {
		d.Connections = d.tally.connections()
		r.Edges = append(r.Edges, d.Edge)
	}
}

// weightiest are the n that matter most, in the order in which they come.
func weightiest(all []*drawing, n int) []*drawing {
	var many [len(states)]int
	for _, d := range all {
		many[d.weight()]++
	}
	for w := range many {
		many[w] = min(many[w], n)
		n -= many[w]
	}
	return slices.DeleteFunc(all, func(d *drawing) bool {
		many[d.weight()]--
		return many[d.weight()] < 0
	})
}

// drawings has one for each pair of which something is proven.
func (s *Snapshot) drawings(j *Judgement) []*drawing {
	var p *pairs
	if j != nil {
		p = j.pairs
	} else {
		p = s.pairs()
	}
	found, room := make([]*drawing, p.n), make([]drawing, 0, p.n)
	all := make([]*drawing, 0, p.n)
	for i := range s.Conversations {
		c := &s.Conversations[i]
		if len(c.Proves()) == 0 || c.IsNoise() {
			continue
		}
		d := found[p.of[i]]
		if d == nil {
			k := pairOf(c)
			room = append(room, drawing{Edge: Edge{From: k.from, To: k.to, Protocol: k.protocol, Port: k.port}})
			d = &room[len(room)-1]
			found[p.of[i]] = d
			all = append(all, d)
		}
		d.see(c)
	}
	if j != nil {
		for i := range j.Ends {
			if d := found[j.Ends[i].pair]; d != nil {
				d.judged(&j.Ends[i])
			}
		}
	}
	return all
}

func (e *Edge) pair() between { return between{e.From, e.To, e.Protocol, e.Port} }

// see adds what was seen of a conversation.
func (d *drawing) see(c *Conversation) {
	d.Flows += c.Flows
	if d.First.IsZero() || c.First.Before(d.First) {
		d.First = c.First
	}
	if c.Last.After(d.Last) {
		d.Last = c.Last
	}
	if len(c.Samples) > 0 && (len(d.Samples) == 0 || c.Samples[0].before(d.Samples[0])) {
		d.Samples = c.Samples[:1:1]
	}
	d.dropped = d.dropped || c.Verdict == Dropped
	d.passed = d.passed || c.Verdict != Dropped
	d.tally.add(c)
	d.State = EdgeUnjudged
}

func (s Sample) before(o Sample) bool {
	return cmp.Or(s.Time.Compare(o.Time), cmp.Compare(s.UUID, o.UUID), cmp.Compare(s.From, o.From), cmp.Compare(s.Address, o.Address)) < 0
}

// judged adds what one end of a conversation proves.
func (d *drawing) judged(v *Judged) {
	end := &d.Ingress
	if v.End == Egress {
		end = &d.Egress
	}
	end.judged(v)
	d.State = max(gravity(d.Egress.Outcome), gravity(d.Ingress.Outcome)).state()
}

// judged keeps the gravest outcome of an end, with who decided it.
func (e *EdgeEnd) judged(v *Judged) {
	switch was, is := gravity(e.Outcome), gravity(v.Outcome); {
	case e.Outcome != "" && is < was:
	case e.Outcome != "" && is == was && e.Reason == v.Decision.Reason:
		e.Policies = union(e.Policies, v.Decision.Policies)
	case e.Outcome == "" || is > was || v.Decision.Reason < e.Reason:
		*e = EdgeEnd{v.Decision.Answer, v.Decision.Reason, v.Decision.Policies, v.Outcome}
	}
}

// union joins two ordered lists of policies. It changes neither of them.
func union(a, b []PolicyRef) []PolicyRef {
	same := func(a, b PolicyRef) bool { return a.Ref == b.Ref && a.Rule == b.Rule }
	if slices.EqualFunc(a, b, same) {
		return a
	}
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b PolicyRef) int { return cmp.Or(a.Ref.Compare(b.Ref), cmp.Compare(a.Rule, b.Rule)) })
	return slices.CompactFunc(all, same)
}

// rank orders outcomes by how much they matter to who looks at an edge.
type rank int

func gravity(o Outcome) rank {
	switch o {
	case Used:
		return 0
	case Withheld:
		return 1
	case Proven:
		return 2
	case Refused:
		return 3
	case AuditOnly:
		return 4
	case Contradicted:
		return 5
	}
	return -1
}

func (r rank) state() EdgeState {
	switch {
	case r >= gravity(AuditOnly):
		return EdgeContradicted
	case r >= gravity(Proven):
		return EdgeRefused
	case r == gravity(Used):
		return EdgeCarried
	}
	return EdgeUnjudged
}

// weight puts first what must not be folded.
func (d *drawing) weight() int {
	return slices.Index(states[:], d.State)
}

// states are those of edges that are drawn, those first that must not be folded.
var states = [...]EdgeState{EdgeContradicted, EdgeRefused, EdgeUnjudged, EdgeCarried}

// A tally counts connections. One that passes makes an event at each point where
// it is seen, so the largest number seen at one kind of point counts; one that is
// refused is tried again and again, so those are told apart by their hashes.
type tally struct {
	events  [3]uint64 // at each kind of point: verdicts, what was delivered, what left
	refused []uint64
	last    time.Time
}

func (t *tally) add(c *Conversation) {
	if c.Last.After(t.last) {
		t.last = c.Last
	}
	if c.Verdict == Dropped {
		for _, o := range c.Opens {
			t.refused = append(t.refused, o.Hash)
		}
		return
	}
	switch c.Event {
	case PolicyVerdict:
		t.events[0] += c.Opened
	case Delivered:
		t.events[1] += c.Opened
	case Left:
		t.events[2] += c.Opened
	}
}

func (t *tally) connections() uint64 {
	slices.Sort(t.refused)
	n := uint64(len(slices.Compact(t.refused)))
	return n + slices.Max(t.events[:])
}

// name puts the fingerprints of findings on the edges that they are about.
func (r *Report) name() {
	by := map[between][]string{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Peer == nil || f.Port == nil {
			continue
		}
		k := between{f.Subject, *f.Peer, f.Protocol, *f.Port}
		if f.Direction == Ingress {
			k.from, k.to = k.to, k.from
		}
		by[k] = append(by[k], f.Fingerprint)
	}
	for i := range r.Edges {
		fs := by[r.Edges[i].pair()]
		slices.Sort(fs)
		r.Edges[i].Findings = slices.Compact(fs)
	}
}
