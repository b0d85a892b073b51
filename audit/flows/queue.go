package flows

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// A queue holds messages between the stream and the merging. When it is full
// the stream waits, and then the server, which counts what it loses meanwhile.
type queue struct {
	frames chan frame
	bytes  *semaphore.Weighted
}

const (
	queueFrames = 4096
	queueBytes  = 32 << 20
)

func newQueue() *queue {
	return &queue{make(chan frame, queueFrames), semaphore.NewWeighted(queueBytes)}
}

func weight(f frame) int64 { return min(int64(f.Len()), queueBytes) }

// put hands a message over, and adds the time it had to wait.
func (q *queue) put(ctx context.Context, f frame, blocked *atomic.Int64) error {
	if q.bytes.TryAcquire(weight(f)) {
		select {
		case q.frames <- f:
			return nil
		default:
		}
	} else if err := q.wait(ctx, f, blocked); err != nil {
		return err
	}
	began := time.Now()
	defer func() { blocked.Add(int64(time.Since(began))) }()
	select {
	case q.frames <- f:
		return nil
	case <-ctx.Done():
		q.done(f)
		return context.Cause(ctx)
	}
}

// wait waits until there is room for a message.
func (q *queue) wait(ctx context.Context, f frame, blocked *atomic.Int64) error {
	began := time.Now()
	err := q.bytes.Acquire(ctx, weight(f))
	blocked.Add(int64(time.Since(began)))
	if err != nil {
		f.Free()
	}
	return err
}

// done gives back the room of a message that was taken.
func (q *queue) done(f frame) {
	q.bytes.Release(weight(f))
	f.Free()
}
