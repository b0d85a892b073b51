package audit

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Bounds on the coverage of several who followed flows, taken together.
const (
	maxCoverageNodes    = 10_000
	maxCoverageClusters = 256
	maxRelabelled       = 10_000
	maxProblems         = 20
	maxGaps             = 1000
)

const otherNodes = "(others)" // stands for all nodes beyond the bound

// AbsorbCoverage adds what somebody else saw, but not the conversations: those
// are merged one by one, see [Conversation.Absorb]. Order does not matter. A node
// is silent if it was for whoever heard of it last. Nothing that o refers to is
// changed.
func (t *Traffic) AbsorbCoverage(o *Traffic) {
	t.Asked = t.askedWith(o)
	t.Since, t.Until = earlier(t.Since, o.Since), later(t.Until, o.Until)
	t.Flows, t.Lost, t.Folded = plus(t.Flows, o.Flows), plus(t.Lost, o.Lost), plus(t.Folded, o.Folded)
	t.BadRecords += o.BadRecords
	if len(o.LostBy) > 0 {
		by := maps.Clone(o.LostBy)
		for source, n := range t.LostBy {
			by[source] = plus(by[source], n)
		}
		t.LostBy = by
	}
	t.SilentNodes = uniteSilent(t, o)
	t.Nodes = uniteCoverage(t.Nodes, o.Nodes)
	t.Gaps = firstOf(maxGaps, compareGaps, t.Gaps, o.Gaps)
	t.Clusters = sorted(t.Clusters, o.Clusters)
	t.Clusters = t.Clusters[:min(len(t.Clusters), maxCoverageClusters)]
	t.Relabelled = firstOf(maxRelabelled, compareRelabelled, t.Relabelled, o.Relabelled)
	t.Problems = firstOf(maxProblems, compareProblems, t.Problems, o.Problems)
}

// askedWith is from when both asked. Zero asks for all there is, except of one
// who has not seen anything yet.
func (t *Traffic) askedWith(o *Traffic) time.Time {
	switch {
	case t.Until.IsZero() && t.Asked.IsZero():
		return o.Asked
	case o.Until.IsZero() && o.Asked.IsZero():
		return t.Asked
	case o.Asked.Before(t.Asked):
		return o.Asked
	}
	return t.Asked
}

// uniteSilent is who was silent last: one who could not reach a node does not
// outweigh another who heard of it later.
func uniteSilent(a, b *Traffic) []string {
	type heard struct {
		at     time.Time
		silent bool
	}
	last := map[string]heard{}
	note := func(name string, h heard) {
		switch was, ok := last[name]; {
		case !ok || h.at.After(was.at):
			last[name] = h
		case h.at.Equal(was.at):
			last[name] = heard{h.at, h.silent || was.silent}
		}
	}
	for _, t := range []*Traffic{a, b} {
		at := map[string]time.Time{}
		for _, n := range t.Nodes {
			at[n.Name] = n.To
		}
		for _, name := range t.SilentNodes {
			note(name, heard{at[name], true})
			delete(at, name)
		}
		for name, to := range at {
			note(name, heard{to, false})
		}
	}
	maps.DeleteFunc(last, func(_ string, h heard) bool { return !h.silent })
	return slices.Sorted(maps.Keys(last))
}

// uniteCoverage adds by node. What is said of a node is what was said last.
func uniteCoverage(a, b []NodeCoverage) []NodeCoverage {
	by := make(map[string]NodeCoverage, len(a)+len(b))
	for _, n := range slices.Concat(a, b) {
		by[n.Name] = n.with(by[n.Name])
	}
	out := make([]NodeCoverage, 0, len(by))
	for _, name := range slices.Sorted(maps.Keys(by)) {
		n := by[name]
		if len(out) < maxCoverageNodes {
			out = append(out, n)
			continue
		}
		last := &out[len(out)-1]
		*last = last.with(n)
		last.Name = otherNodes
	}
	return out
}

// with adds what another heard of the same node.
func (n NodeCoverage) with(o NodeCoverage) NodeCoverage {
	if c := cmp.Or(o.To.Compare(n.To), cmp.Compare(o.Note, n.Note)); c > 0 {
		n.Note = o.Note
	}
	n.Flows, n.Lost = plus(n.Flows, o.Flows), plus(n.Lost, o.Lost)
	n.From, n.To, n.Watched = earlier(n.From, o.From), later(n.To, o.To), later(n.Watched, o.Watched)
	return n
}

func sorted(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}

func firstOf[T any](most int, compare func(a, b T) int, a, b []T) []T {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, compare)
	all = slices.CompactFunc(all, func(x, y T) bool { return compare(x, y) == 0 })
	return all[:min(len(all), most)]
}

func compareRelabelled(a, b Relabelled) int {
	return cmp.Or(
		a.At.Compare(b.At), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod),
		slices.Compare(a.Labels, b.Labels), slices.Compare(a.Was, b.Was),
	)
}

func compareProblems(a, b Problem) int {
	return cmp.Or(
		cmp.Compare(a.File, b.File), cmp.Compare(a.Document, b.Document), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Err, b.Err),
	)
}

func compareGaps(a, b Gap) int {
	return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Node, b.Node), a.To.Compare(b.To), cmp.Compare(a.Why, b.Why))
}
