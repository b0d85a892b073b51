package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/segproof/segproof/audit"
)

// An announcer tells those who follow flows of changes of what is declared, so
// that no conversation spans one: at once who follows in this process, and, where
// the store is shared, collectors through it.
type announcer struct {
	settle time.Duration // after a change, which is another cut
	here   func(audit.Cut)
	shared func(context.Context, []audit.Cut) error // nil if the store is nobody else's
	log    *slog.Logger

	mu      sync.Mutex
	waiting []audit.Cut
	ring    chan struct{}
}

// maxAnnounced is how many wait for a store that is away. Of more the oldest are
// given up: conversations of that time span a change, and prove less.
const maxAnnounced = 10_000

func newAnnouncer(settle time.Duration, log *slog.Logger) *announcer {
	return &announcer{settle: settle, log: log, here: func(audit.Cut) {}, ring: make(chan struct{}, 1)}
}

// tell is told of a change. It never blocks.
func (a *announcer) tell(c audit.Cut) {
	both := []audit.Cut{c, {At: c.At.Add(a.settle), Namespace: c.Namespace}}
	for _, c := range both {
		a.here(c)
	}
	if a.shared != nil {
		a.wait(both)
	}
}

func (a *announcer) wait(cuts []audit.Cut) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = append(a.waiting, cuts...)
	if n := len(a.waiting) - maxAnnounced; n > 0 {
		a.waiting = a.waiting[n:]
		a.log.Warn("changes are given up that collectors were not told of", "changes", n)
	}
	select {
	case a.ring <- struct{}{}:
	default:
	}
}

func (a *announcer) take() (cuts []audit.Cut) {
	a.mu.Lock()
	defer a.mu.Unlock()
	cuts, a.waiting = a.waiting, nil
	return cuts
}

// run passes on to the store what it is told, until ctx ends.
func (a *announcer) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.ring:
		}
		cuts := a.take()
		err := a.shared(ctx, cuts)
		if err == nil || ctx.Err() != nil {
			continue
		}
		a.log.Warn("collectors are not told of changes yet, trying again", "changes", len(cuts), "err", err)
		a.wait(cuts)
		if !wait(ctx, 5*time.Second) {
			return nil
		}
	}
}
