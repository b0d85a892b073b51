package flows

import (
	"maps"
	"time"
)

// milestones are what the counts were at some times: the counts of a window are
// the difference between now and then.
type milestones []milestone

type milestone struct {
	at          int64
	flows, lost uint64
	folded      uint64
	bad         int
	lostBy      map[string]uint64
	nodes       map[string]counted
}

type counted struct{ flows, lost uint64 }

// milestoneEvery is how far they are apart: so much longer than the window may
// the counts reach back.
const milestoneEvery = int64(30 * time.Minute)

func (ms *milestones) add(l *ledger, at int64) {
	if n := len(*ms); n > 0 && at-(*ms)[n-1].at < milestoneEvery {
		return
	}
	m := milestone{
		at: at, flows: l.flows, lost: l.lost, folded: l.book.folded, bad: l.bad,
		lostBy: maps.Clone(l.lostBy), nodes: make(map[string]counted, len(l.nodes)),
	}
	for name, n := range l.nodes {
		m.nodes[name] = counted{n.flows, n.lost}
	}
	*ms = append(*ms, m)
}

// at is the last one before a time; of nothing if there is none.
func (ms milestones) at(t int64) (last milestone) {
	for _, m := range ms {
		if m.at <= t {
			last = m
		}
	}
	return last
}

// forget drops those that no window can begin with.
func (ms *milestones) forget(before int64) {
	for len(*ms) > 1 && (*ms)[1].at <= before {
		*ms = (*ms)[1:]
	}
}
