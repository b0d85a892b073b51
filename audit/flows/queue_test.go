package flows

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/mem"
)

func TestAQueueThatIsFullMakesTheStreamWaitAndLosesNothing(t *testing.T) {
	for name, size := range map[string]int{"many": 10, "large": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, blocked := newQueue(), &atomic.Int64{}
				room := min(queueFrames, queueBytes/size)
				n := room + 100
				go func() {
					defer close(q.frames)
					for range n {
						if err := q.put(t.Context(), frame{mem.SliceBuffer(make([]byte, size))}, blocked); err != nil {
							t.Error(err)
						}
					}
				}()
				<-time.After(3 * time.Second)
				if len(q.frames) != room {
					t.Errorf("%d waiting, want %d", len(q.frames), room)
				}
				got := 0
				for f := range q.frames {
					got++
					q.done(f)
				}
				if got != n || time.Duration(blocked.Load()) != 3*time.Second {
					t.Errorf("%d of %d came, after %s", got, n, time.Duration(blocked.Load()))
				}
				if !q.bytes.TryAcquire(queueBytes) {
					t.Error("some room is not given back")
				}
			})
		})
	}
}

func TestAStreamThatWaitsEndsWithItsContext(t *testing.T) {
	q, blocked := newQueue(), &atomic.Int64{}
	ctx, cancel := context.WithCancel(t.Context())
	large := frame{mem.SliceBuffer(make([]byte, 2*queueBytes))} // larger than all room: it is let in alone
	if err := q.put(ctx, large, blocked); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := q.put(ctx, large, blocked); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
