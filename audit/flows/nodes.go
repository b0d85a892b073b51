package flows

import (
	"cmp"
	"maps"
	"slices"

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
	n := &node{name: name, first: never, last: ever, standing: standing{at: ever}}
	ns[name] = n
	return n
}

// heard counts a flow.
func (n *node) heard(at int64) {
	n.flows++
	n.first, n.last = min(n.first, at), max(n.last, at)
}

// told keeps the latest standing; of several at one time the worst.
func (n *node) told(s standing) {
	if s.message = short(s.message); n.standing.compare(s) < 0 {
		n.standing = s
	}
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
// could not be reached, and no flow of theirs came either.
func (ns nodes) coverage() (all []audit.NodeCoverage, silent []string) {
	for _, name := range slices.Sorted(maps.Keys(ns)) {
		n := ns[name]
		c := audit.NodeCoverage{Name: name, Flows: n.flows, Lost: n.lost}
		if n.flows > 0 {
			c.From, c.To = moment(n.first), moment(n.last)
		}
		if s := n.standing; s.state > connected {
			c.Note = s.state.String()
			if s.message != "" {
				c.Note += ": " + s.message
			}
			if s.state >= unavailable && n.flows+n.lost == 0 {
				silent = append(silent, name)
			}
		}
		all = append(all, c)
	}
	return all, silent
}

// plus adds without wrapping around.
func plus(a, b uint64) uint64 {
	if a+b < a {
		return ^uint64(0)
	}
	return a + b
}
