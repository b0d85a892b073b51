package flows

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// An intake takes in what comes from one source, in any order.
type intake struct {
	*register
	to       taker
	reader   *reader
	nodes    nodes
	gaps     gaps
	seen     *remembered
	flows    uint64
	lost     uint64
	lostBy   map[string]uint64
	first    int64
	last     int64
	bad      int
	problems []placed // the first bad records
	noted    []placed // the first record that is only partly understood
	mark     mark     // reused
}

// A taker counts what an intake takes in.
type taker interface {
	take(*mark)
	fold(*record) // there is no room for one of its ends, or its outcome
}

// placed is a problem with its place among all that is read.
type placed struct {
	file int
	audit.Problem
}

// maxProblems is how many bad records are told of one by one.
const maxProblems = 5

func newIntake(g *register, to taker, seen *remembered) *intake {
	return &intake{register: g, to: to, reader: newReader(), nodes: nodes{}, seen: seen, lostBy: map[string]uint64{}, first: never, last: ever}
}

// flow takes a flow, unless it was taken before.
func (in *intake) flow(r *record) {
	n := in.node(r)
	if n != nil {
		if g, found := n.gap(r.at); found {
			in.gaps.add(g)
		}
	}
	if n != nil && n.stored(r.at) || in.seen.before(r.id, r.idText) {
		return
	}
	if n != nil {
		n.heard(r.at)
	}
	in.flows++
	in.first, in.last = min(in.first, r.at), max(in.last, r.at)
	if in.register.mark(r, &in.mark) {
		in.to.take(&in.mark)
	} else {
		in.to.fold(r)
	}
}

// node is the node that reports a flow, nil if it is not told. Its name is
// "cluster/node".
func (in *intake) node(r *record) *node {
	if r.node == "" {
		return nil
	}
	n := in.nodes[r.node]
	if n == nil {
		if cluster, _, ok := strings.Cut(r.node, "/"); ok {
			in.cluster(cluster)
		}
		n = in.nodes.named(strings.Clone(r.node))
	}
	r.node = n.name
	return n
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

// absorb takes in what another intake counted, which is useless afterwards.
func (in *intake) absorb(o *intake) {
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

// traffic writes down what was counted, besides conversations and nodes.
func (in *intake) traffic() *audit.Traffic {
	t := &audit.Traffic{
		Flows: in.flows, Lost: in.lost, LostBy: maps.Clone(in.lostBy), BadRecords: in.bad,
		Clusters: in.clusterNames(), Relabelled: in.ends.relabelled(),
	}
	if in.first != never {
		t.Since, t.Until = moment(in.first), moment(in.last)
	}
	for _, p := range slices.Concat(in.problems, in.noted) {
		t.Problems = append(t.Problems, p.Problem)
	}
	return t
}

// A run is an intake whose flows are merged at once.
type run struct {
	*intake
	merger *merger
}

func newRun(o Options, h audit.Hints, seen *remembered) *run {
	m := newMerger(o, h)
	return &run{newIntake(m.register, m, seen), m}
}

// absorb takes in all that another run holds, which is useless afterwards.
func (r *run) absorb(o *run) {
	r.merger.absorb(o.merger)
	r.intake.absorb(o.intake)
}

// traffic writes everything down. The run can't be used afterwards.
func (r *run) traffic() *audit.Traffic {
	t := r.intake.traffic()
	t.Conversations, t.Folded = r.merger.conversations()
	t.Nodes, t.SilentNodes = r.nodes.coverage(ever)
	return t
}
