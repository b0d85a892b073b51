package trigger

import (
	"context"
	"time"

	"github.com/segproof/segproof/audit"
)

// Settle rings once changes have been quiet for a while: a rollout of 200 pods
// is one audit. A cluster that never rests is audited too, at a limit.
type Settle struct {
	quiet, limit time.Duration
	bell         *Bell
	changed      chan struct{}
}

// NewSettle rings the bell once there was no change for as long as quiet says,
// but no later than limit after the first one. A limit below quiet is as quiet.
func NewSettle(quiet, limit time.Duration, b *Bell) *Settle {
	return &Settle{quiet, max(quiet, limit), b, make(chan struct{}, 1)}
}

// Changed says that something changed. It never blocks.
func (s *Settle) Changed() {
	select {
	case s.changed <- struct{}{}:
	default: // one that was not looked at yet says the same
	}
}

// Run rings until ctx ends. What had not settled by then is not rung.
func (s *Settle) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.changed:
		}
		if s.settled(ctx) {
			s.bell.Ring(audit.Change)
		}
	}
}

// settled waits after a first change; it is false if ctx ends meanwhile.
func (s *Settle) settled(ctx context.Context) bool {
	quiet, limit := time.NewTimer(s.quiet), time.NewTimer(s.limit)
	defer quiet.Stop()
	defer limit.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-s.changed:
			quiet.Reset(s.quiet)
		case <-quiet.C:
			return true
		case <-limit.C:
			return true
		}
	}
}
