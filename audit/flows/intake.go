package flows

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/segproof/segproof/audit"
)

// An intake takes in what comes from one source, in any order.
type intake struct {
	merger   *merger
	nodes    nodes
	seen     *remembered
	flows    uint64
	lost     uint64
	lostBy   map[string]uint64
	first    int64
	last     int64
	bad      int
	problems []placed // the first bad records
	noted    []placed // the first record that is only partly understood
}

// placed is a problem with its place among all that is read.
type placed struct {
	file int
	audit.Problem
}

// maxProblems is how many bad records are told of one by one.
const maxProblems = 5

func newIntake(o Options, h audit.Hints, seen *remembered) *intake {
	return &intake{
		merger: newMerger(o, h), nodes: nodes{}, seen: seen, lostBy: map[string]uint64{}, first: never, last: ever,
	}
}

// flow takes a flow, unless it was taken before.
func (in *intake) flow(r *record) {
	if in.seen.before(r.uuid) {
		return
	}
	if r.node != "" {
		n := in.nodes.named(r.node)
		n.heard(r.at)
		r.node = n.name
	}
	in.flows++
	in.first, in.last = min(in.first, r.at), max(in.last, r.at)
	in.merger.add(r)
}

// lose takes the news that flows were lost. The time may be unknown (never).
func (in *intake) lose(node, source string, n uint64, at int64) {
	in.lost = plus(in.lost, n)
	in.lostBy[source] = plus(in.lostBy[source], n)
	if node != "" {
		s := in.nodes.named(node)
		s.lost = plus(s.lost, n)
	}
	if at != never {
		in.first, in.last = min(in.first, at), max(in.last, at)
	}
}

// refuse counts a record that can't be read.
func (in *intake) refuse(p placed) {
	in.bad++
	in.problems = firstOf(append(in.problems, p), maxProblems)
}

// note tells of a record that is only partly understood.
func (in *intake) note(p placed) {
	in.noted = firstOf(append(in.noted, p), 1)
}

func firstOf(ps []placed, n int) []placed {
	slices.SortFunc(ps, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Err, b.Err))
	})
	return ps[:min(len(ps), n)]
}

// absorb takes in all that another intake holds, which is useless afterwards.
func (in *intake) absorb(o *intake) {
	in.merger.absorb(o.merger)
	in.nodes.absorb(o.nodes)
	in.flows += o.flows
	in.lost = plus(in.lost, o.lost)
	for s, n := range o.lostBy {
		in.lostBy[s] = plus(in.lostBy[s], n)
	}
	in.first, in.last = min(in.first, o.first), max(in.last, o.last)
	in.bad += o.bad
	in.problems = firstOf(append(in.problems, o.problems...), maxProblems)
	in.noted = firstOf(append(in.noted, o.noted...), 1)
}

// traffic writes everything down. The intake can't be used afterwards.
func (in *intake) traffic() *audit.Traffic {
	t := &audit.Traffic{
		Flows: in.flows, Lost: in.lost, LostBy: in.lostBy, BadRecords: in.bad,
		Clusters: in.merger.clusterNames(), Relabelled: in.merger.ends.relabelled(),
	}
	t.Conversations, t.Folded = in.merger.conversations()
	t.Nodes, t.SilentNodes = in.nodes.coverage()
	if in.first != never {
		t.Since, t.Until = moment(in.first), moment(in.last)
	}
	for _, p := range slices.Concat(in.problems, in.noted) {
		t.Problems = append(t.Problems, p.Problem)
	}
	return t
}

// remembered knows which flows have been taken, so that files that overlap, or
// a stream that is asked again, do not count twice. It is safe for concurrent
// use. Once full it learns no more.
type remembered struct {
	mu   sync.Mutex
	seed maphash.Seed
	by   map[uint64]struct{}
	max  int
}

func remember(most int) *remembered {
	return &remembered{seed: maphash.MakeSeed(), by: map[uint64]struct{}{}, max: most}
}

// before tells whether a flow was taken before. One without a uuid never was.
func (s *remembered) before(uuid string) bool {
	if uuid == "" {
		return false
	}
	h := maphash.String(s.seed, uuid)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.by[h]; ok {
		return true
	}
	if len(s.by) < s.max {
		s.by[h] = struct{}{}
	}
	return false
}
