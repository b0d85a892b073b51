package flows

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// state of a node, as Relay or a status tells it; ordered from good to bad.
type state uint8

const (
	untold state = iota
	connected
	gone
	unavailable
	failing
)

func (s state) String() string {
	return [...]string{"", "connected", "gone", "unavailable", "error"}[s]
}

// A node and what was heard of it.
type node struct {
	name        string
	flows, lost uint64
	first, last int64
	standing    standing

	kept    span  // of its flows those that are in conversations, not held back
	before  int64 // the last flow that an earlier start stored; ever if there is none
	awaited int64 // the last flow before the stream broke, until one comes; else ever
	away    int64 // the last flow before the node went away, until one comes; else ever
}

// A span is some flows and their times.
type span struct {
	flows       uint64
	first, last int64
}

func (s *span) add(at int64) {
	s.flows++
	s.first, s.last = min(s.first, at), max(s.last, at)
}

// A standing is what was said of a node at one time.
type standing struct {
	at      int64
	state   state
	message string
}

func (s standing) compare(o standing) int {
	return cmp.Or(cmp.Compare(s.at, o.at), cmp.Compare(s.state, o.state), cmp.Compare(s.message, o.message))
}

// text is what is worth telling of it.
func (s standing) text() string {
	switch {
	case s.state <= connected:
		return ""
	case s.message == "":
		return s.state.String()
	}
	return s.state.String() + ": " + s.message
}

// nodes finds nodes by name. Those beyond the bound are one.
type nodes map[string]*node

const otherNodes = "(others)"

func (ns nodes) named(name string) *node {
	if n := ns[name]; n != nil {
		return n
	}
	if len(ns) >= maxNodes && name != otherNodes || len(name) > maxName {
		return ns.named(otherNodes)
	}
	n := &node{
		name: name, first: never, last: ever, standing: standing{at: ever},
		kept: span{first: never, last: ever}, before: ever, awaited: ever, away: ever,
	}
	ns[name] = n
	return n
}

// heard counts a flow.
func (n *node) heard(at int64) {
	n.flows++
	n.first, n.last = min(n.first, at), max(n.last, at)
}

// stored tells a flow that an earlier start has stored.
func (n *node) stored(at int64) bool { return at <= n.before }

// told keeps the latest standing; of several at one time the worst. A node that
// goes away misses flows until one comes.
func (n *node) told(s standing) {
	if s.message = short(s.message); n.standing.compare(s) >= 0 {
		return
	}
	n.standing = s
	if s.state > connected && n.away == ever && n.last != ever {
		n.away = n.last
	}
}

// broke notes that the stream broke, and will be asked again from a time on. If
// the node's ring still holds what we had last, that comes again.
func (n *node) broke(since int64) {
	if last := max(n.last, n.before); last >= since && n.awaited == ever {
		n.awaited = last
	}
}

// gap is the time that is missing before a flow, if the flow tells of one.
func (n *node) gap(at int64) (g audit.Gap, found bool) {
	if n.awaited != ever {
		found = at > n.awaited
		g = audit.Gap{Node: n.name, From: moment(n.awaited), To: moment(at), Why: "overwritten while the stream was broken"}
		n.awaited = ever
	}
	if n.away != ever && at > n.away && at > n.standing.at {
		found = true
		g = audit.Gap{Node: n.name, From: moment(n.away), To: moment(at), Why: cmp.Or(n.standing.text(), "unavailable")}
		n.away = ever
	}
	return g, found
}

func (ns nodes) absorb(o nodes) {
	for name, theirs := range o {
		n := ns.named(name)
		n.flows += theirs.flows
		n.lost = plus(n.lost, theirs.lost)
		n.first, n.last = min(n.first, theirs.first), max(n.last, theirs.last)
		n.told(theirs.standing)
	}
}

// coverage tells what was heard of each node, and which nodes were silent: they
// could not be reached, and no flow of theirs came either; or, if a time is
// given (else ever), none came since then although there were some before.
func (ns nodes) coverage(since int64) (all []audit.NodeCoverage, silent []string) {
	for _, name := range slices.Sorted(maps.Keys(ns)) {
		n := ns[name]
		if n.flows+n.lost == 0 && n.standing.at == ever {
			continue // nobody spoke of it but an earlier start
		}
		c := audit.NodeCoverage{Name: name, Flows: n.flows, Lost: n.lost, Note: n.standing.text()}
		if n.flows > 0 {
			c.From, c.To = moment(n.first), moment(n.last)
		}
		if n.silent(since) {
			silent = append(silent, name)
		}
		all = append(all, c)
	}
	return all, silent
}

func (n *node) silent(since int64) bool {
	// Relay tells that a node went away, and not always that it is back: a flow
	// that is newer tells.
	if n.standing.state >= unavailable && (n.flows+n.lost == 0 || since != ever && n.last <= n.standing.at) {
		return true
	}
	return n.flows > 0 && n.last < since && n.standing.state != gone
}

// gaps are the times that are missing, of some nodes each; the oldest ones are
// drawn together where there are too many.
type gaps []audit.Gap

const maxGaps = 1000

func (gs *gaps) add(g audit.Gap) {
	*gs = append(*gs, g)
	if len(*gs) <= maxGaps {
		return
	}
	first, second := (*gs)[0], (*gs)[1]
	if first.Node != second.Node {
		second.Node = otherNodes
	}
	second.From = first.From
	if first.To.After(second.To) {
		second.To = first.To
	}
	(*gs)[1] = second
	*gs = slices.Delete(*gs, 0, 1)
}

// forget drops what ended before a time.
func (gs *gaps) forget(before time.Time) {
	*gs = slices.DeleteFunc(*gs, func(g audit.Gap) bool { return g.To.Before(before) })
}

// told are all gaps in order, with those that last, and notes them at the nodes.
func (gs gaps) told(ns nodes, all []audit.NodeCoverage) []audit.Gap {
	out := slices.Clone(gs)
	for _, n := range ns {
		if n.away != ever {
			out = append(out, audit.Gap{Node: n.name, From: moment(n.away), Why: n.standing.text()})
		}
	}
	slices.SortFunc(out, func(a, b audit.Gap) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Node, b.Node), a.To.Compare(b.To), cmp.Compare(a.Why, b.Why))
	})
	missing, count := map[string]time.Duration{}, map[string]int{}
	for _, g := range out {
		if !g.To.IsZero() {
			missing[g.Node] += g.To.Sub(g.From)
			count[g.Node]++
		}
	}
	for i := range all {
		c := &all[i]
		if n := count[c.Name]; n > 0 {
			note := fmt.Sprintf("%d gaps, %s in all", n, missing[c.Name].Round(time.Second))
			if n == 1 {
				note = fmt.Sprintf("a gap of %s", missing[c.Name].Round(time.Second))
			}
			if c.Note != "" {
				note = c.Note + "; " + note
			}
			c.Note = note
		}
	}
	return out
}

// plus adds without wrapping around.
func plus(a, b uint64) uint64 {
	if a+b < a {
		return ^uint64(0)
	}
	return a + b
}
