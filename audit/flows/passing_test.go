package flows

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cilium/cilium/api/v1/flow"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/segproof/segproof/audit"
)

// pauses collects how long the follower says it will wait.
type pauses struct {
	slog.Handler
	mu   sync.Mutex
	told []time.Duration
}

func (p *pauses) Enabled(context.Context, slog.Level) bool { return true }

func (p *pauses) Handle(_ context.Context, r slog.Record) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "after" {
			p.told = append(p.told, a.Value.Duration())
		}
		return true
	})
	return nil
}

func TestAServerThatIsAwayIsAskedMoreAndMoreSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pauses{}
		f := &Follower{Address: "unix:///nowhere/hubble.sock", Log: slog.New(p)}
		stop := following(t, f)
		sleep(t, 10*time.Minute)
		if err := f.Ready(); err == nil {
			t.Error("ready without a server")
		}
		stop()
		most := firstPause
		for i, d := range p.told {
			if d > most || d < most/2 {
				t.Errorf("pause %d is %s, want up to %s", i, d, most)
			}
			most = min(2*most, lastPause)
		}
		if n := len(p.told); n < 20 || n > 60 {
			t.Errorf("asked %d times in ten minutes", n)
		}
	})
}

func TestANodeThatFallsSilentIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &Follower{Address: "unix:///nowhere/hubble.sock", SilentAfter: 5 * time.Minute}
		following(t, f)
		synctest.Wait()
		hand(t, f, recently(0, 1)...)
		sleep(t, 4*time.Minute)
		if tr := now(t, f, audit.Hints{}); len(tr.SilentNodes) != 0 {
			t.Errorf("silent %v after 4 minutes", tr.SilentNodes)
		}
		sleep(t, 2*time.Minute)
		diff(t, []string{"lab/n1"}, now(t, f, audit.Hints{}).SilentNodes)
	})
}

func TestWhatTheWindowLeavesBehindIsForgottenAndNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &Follower{Address: "unix:///nowhere/hubble.sock", Window: 2 * time.Hour}
		following(t, f)
		synctest.Wait()
		hand(t, f, recently(0, 3)...)
		sleep(t, time.Hour)
		other := with(recently(3, 1)[0], func(f *flow.Flow) {
			f.L4.GetTCP().DestinationPort, f.Source = 9, pod("new", "x-1", "Deployment", "x")
		})
		hand(t, f, other)
		if tr := now(t, f, audit.Hints{}); len(tr.Conversations) != 2 || tr.Flows != 4 {
			t.Fatalf("%d conversations of %d flows", len(tr.Conversations), tr.Flows)
		}
		sleep(t, 95*time.Minute)
		tr := now(t, f, audit.Hints{})
		if c := only(t, tr); c.Port != 9 || tr.Flows != 1 || tr.Folded != 0 || tr.Lost != 0 {
			t.Errorf("port %d, %d flows, %d folded", c.Port, tr.Flows, tr.Folded)
		}
		if ago := time.Since(tr.Since); ago != 2*time.Hour || f.Stats().Expired != 1 {
			t.Errorf("window began %s ago, %d expired", ago, f.Stats().Expired)
		}
		sleep(t, 3*time.Hour)
		tr = now(t, f, audit.Hints{})
		l := f.ledger()
		if len(tr.Conversations) != 0 || tr.Flows != 0 || len(l.ends.seats)+len(l.ends.by)+len(l.outcomes.by) != 0 {
			t.Errorf("%d conversations, %d seats, %d ends, %d outcomes", len(tr.Conversations), len(l.ends.seats), len(l.ends.by), len(l.outcomes.by))
		}
		hand(t, f, recently(4, 1)...)
		if c := only(t, now(t, f, audit.Hints{})); c.Flows != 1 || c.From.Workload.Name != "web" {
			t.Errorf("%d flows from %s", c.Flows, c.From.Workload)
		}
	})
}

func TestTheFirstFlowOfAConversationIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told [][]audit.Conversation
		f := &Follower{Address: "unix:///nowhere/hubble.sock"}
		f.OnNew = func(cs []audit.Conversation) { told = append(told, cs) }
		following(t, f)
		synctest.Wait()
		hand(t, f, verdict(flow.Verdict_DROPPED))
		hand(t, f, recently(0, 5)...)
		sleep(t, 2*time.Second)
		if len(told) != 1 || len(told[0]) != 2 {
			t.Fatalf("told %d times: %+v", len(told), told)
		}
		if c := told[0][1]; c.Event != audit.Delivered || c.Flows != 1 || c.From.Workload.Name != "web" || len(c.Samples) != 1 {
			t.Errorf("told of %+v", c)
		}
		for n := range 10 { // also while it is settled
			hand(t, f, recently(10*(n+1), 1)...)
			sleep(t, 30*time.Second)
		}
		if len(told) != 1 {
			t.Errorf("told again: %+v", told[1:])
		}
		f.Cut(audit.Cut{At: time.Now(), Namespace: "shop"})
		sleep(t, time.Second)
		hand(t, f, recently(1000, 1)...)
		sleep(t, 2*time.Second)
		if len(told) != 2 || told[1][0].Interval.IsZero() {
			t.Errorf("told %d times, want twice: there are other policies now", len(told))
		}
	})
}

// A follower whose flows are held back, settled, swept and copied tells the
// same as one reading of all of them.
func TestFollowingTellsTheSameAsReadingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := rand.New(rand.NewPCG(1, 2))
		var all []*flow.Flow
		for i := range 3000 {
			all = append(all, with(delivery(), func(f *flow.Flow) {
				f.Time = timestamppb.New(began.Add(time.Duration(i) * 100 * time.Millisecond))
				f.Uuid = fmt.Sprintf("00000000-0000-0000-0001-%012x", i)
				f.Source = pod(fmt.Sprint("ns", r.IntN(3)), fmt.Sprint("p-", r.IntN(20)), "", "")
				f.L4.GetTCP().DestinationPort, f.L4.GetTCP().SourcePort = uint32(80+r.IntN(2)), uint32(i)
				if r.IntN(4) == 0 {
					f.Source, f.IP.Source = world(), fmt.Sprint("192.0.2.", r.IntN(9))
				}
			}))
		}
		h := audit.Hints{Cuts: []audit.Cut{{At: began.Add(20 * time.Second), Namespace: "ns0"}, {At: began.Add(99 * time.Second)}, {At: began.Add(203 * time.Second), Namespace: "ns1"}}}
		f := &Follower{Address: "unix:///nowhere/hubble.sock", HoldBack: 20 * time.Second}
		for _, c := range h.Cuts {
			f.Cut(c)
		}
		following(t, f)
		for i, one := range all {
			hand(t, f, one)
			if i%10 == 9 {
				sleep(t, time.Second)
			}
			if i == 1500 {
				now(t, f, audit.Hints{})
			}
		}
		want := takeAll(t, Options{}, h, all...)
		diff(t, want.Conversations, now(t, f, h).Conversations)
		sleep(t, time.Hour)
		diff(t, want.Conversations, now(t, f, h).Conversations)
		if n := f.Stats().Held; n != 0 {
			t.Errorf("%d still held back", n)
		}
	})
}
