package trigger

import (
	"sync"

	"github.com/segproof/segproof/audit"
)

// A Bell calls for a run. It holds one ring: whoever rings while nobody
// listens, because a run goes on, calls for one more run and not for many. Of
// several reasons the most urgent is told.
type Bell struct {
	mu sync.Mutex // of those who ring; who listens never waits for it
	c  chan audit.Trigger
}

// NewBell returns a bell that has not been rung.
func NewBell() *Bell { return &Bell{c: make(chan audit.Trigger, 1)} }

// C is where to listen. It is never closed.
func (b *Bell) C() <-chan audit.Trigger { return b.c }

// Ring never blocks. A contradiction is more urgent than what a person wants,
// that more than a schedule, and that more than a change.
func (b *Bell) Ring(t audit.Trigger) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case waiting := <-b.c:
		if urgency(waiting) > urgency(t) {
			t = waiting
		}
	default:
	}
	b.c <- t // there is room: only who holds the lock sends
}

func urgency(t audit.Trigger) int {
	switch t {
	case audit.Urgent:
		return 4
	case audit.Manual:
		return 3
	case audit.Schedule:
		return 2
	case audit.Change:
		return 1
	}
	return 0
}
