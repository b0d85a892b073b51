package flows

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cilium/cilium/api/v1/flow"

	"github.com/segproof/segproof/audit"
)

// shelf keeps in memory, as stores do: what a writer gives replaces what the
// same writer gave of the same conversation.
type shelf struct {
	mu       sync.Mutex
	rows     map[string]map[[16]byte]audit.Conversation // by writer
	coverage map[string]audit.Traffic
	batches  int
	broken   bool
}

func newShelf() *shelf {
	return &shelf{rows: map[string]map[[16]byte]audit.Conversation{}, coverage: map[string]audit.Traffic{}}
}

var errShelf = errors.New("the shelf is down")

func (s *shelf) Keep(ctx context.Context, b audit.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken || ctx.Err() != nil {
		return errShelf
	}
	s.batches++
	if s.rows[b.Writer] == nil {
		s.rows[b.Writer] = map[[16]byte]audit.Conversation{}
	}
	for _, c := range b.Conversations {
		s.rows[b.Writer][c.Identity()] = c
	}
	s.coverage[b.Writer] = b.Coverage
	return nil
}

func (s *shelf) Kept(context.Context, time.Time) (*audit.Traffic, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return nil, errShelf
	}
	t := &audit.Traffic{LostBy: map[string]uint64{}}
	all := map[[16]byte]audit.Conversation{}
	for w, rows := range s.rows {
		c := s.coverage[w]
		t.Flows += c.Flows
		t.Nodes = append(t.Nodes, c.Nodes...)
		t.Since, t.Until = earliest(t.Since, c.Since), latest(t.Until, c.Until)
		for id, c := range rows {
			if known, ok := all[id]; ok {
				c.Absorb(&known)
			}
			all[id] = c
		}
	}
	for _, c := range all {
		t.Conversations = append(t.Conversations, c)
	}
	slices.SortFunc(t.Conversations, func(a, b audit.Conversation) int { return a.Compare(&b) })
	return t, nil
}

func (s *shelf) Resume(context.Context) (map[string]time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return nil, errShelf
	}
	out := map[string]time.Time{}
	for _, c := range s.coverage {
		for _, n := range c.Nodes {
			out[n.Name] = latest(out[n.Name], n.To)
		}
	}
	return out, nil
}

func (s *shelf) set(broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = broken
}

func (s *shelf) flows() (n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rows := range s.rows {
		for _, c := range rows {
			n += c.Flows
		}
	}
	return n
}

func (s *shelf) told() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.batches
}

// hand gives flows to a follower as its stream would.
func hand(t *testing.T, f *Follower, fs ...*flow.Flow) {
	t.Helper()
	l := f.ledger()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up, l.ever, l.now = true, true, time.Now().UnixNano()
	for _, one := range fs {
		if err := l.takeBytes(encoded(t, response(one))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEverythingReceivedIsKeptBeforeTheEndAndNothingTwiceAfterIt(t *testing.T) {
	all, s := recently(0, 40), newShelf()
	r := &fake{answer: func(n int, s stream) error {
		if n == 1 {
			return stays(s, all[:25]...)
		}
		return stays(s, all[10:]...) // what a ring still holds
	}}
	address := serve(t, "tcp", "127.0.0.1:0", r)
	first := &Follower{Address: address, Keeper: s}
	stop := following(t, first)
	eventually(t, "25 flows", func() bool { return received(first) == 25 })
	stop()
	if n := s.flows(); n != 25 {
		t.Fatalf("%d flows kept, want 25", n)
	}
	second := &Follower{Address: address, Keeper: s}
	stop = following(t, second)
	eventually(t, "15 flows", func() bool { return received(second) == 15 })
	tr := now(t, second, audit.Hints{})
	if c := only(t, tr); c.Flows != 40 || tr.Flows != 40 || len(tr.Gaps) != 0 || tr.Nodes[0].Flows != 40 {
		t.Errorf("%d flows of %d, gaps %v, nodes %+v", c.Flows, tr.Flows, tr.Gaps, tr.Nodes)
	}
	if since, want := r.asked()[1].GetSince().AsTime(), all[24].Time.AsTime().Add(-overlap); !since.Equal(want) {
		t.Errorf("asked from %s on, want %s", since, want)
	}
	stop()
	if n := s.flows(); n != 40 || len(s.rows) != 2 {
		t.Errorf("%d flows kept by %d writers, want 40 by 2", n, len(s.rows))
	}
}

func TestAKeeperThatFailsIsGivenAllOfItLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		f := &Follower{Address: "unix:///nowhere/hubble.sock", Keeper: s, FlushEvery: 10 * time.Second, HoldBack: 10 * time.Second}
		stop := following(t, f)
		synctest.Wait()
		hand(t, f, recently(0, 5)...)
		sleep(t, 40*time.Second)
		if s.flows() != 5 {
			t.Fatalf("%d flows kept, want 5", s.flows())
		}
		before := s.told()
		sleep(t, time.Minute)
		if s.told() != before {
			t.Error("a batch although nothing grew")
		}
		s.set(true)
		hand(t, f, recently(5, 5)...)
		sleep(t, 10*time.Minute)
		if failed := f.Stats().Unkept; failed < 3 || failed > 8 {
			t.Errorf("tried %d times in ten minutes", failed)
		}
		hand(t, f, recently(10, 1)...)
		s.set(false)
		sleep(t, 6*time.Minute)
		if s.flows() != 11 {
			t.Errorf("%d flows kept, want 11", s.flows())
		}
		hand(t, f, recently(11, 1)...)
		s.set(true)
		stop() // must end in spite of it
	})
}

func TestAnEndKeepsTheNameItWasFirstKeptBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		f := &Follower{Address: "unix:///nowhere/hubble.sock", Keeper: s, HoldBack: time.Second}
		following(t, f)
		synctest.Wait()
		nameless := func(n int) *flow.Flow {
			return with(recently(n, 1)[0], func(f *flow.Flow) { f.Source.Workloads = nil })
		}
		hand(t, f, nameless(0))
		sleep(t, time.Minute)
		web := audit.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}
		hints := knows(map[string]audit.Ref{"shop/web-1": web})
		hand(t, f, nameless(1), recently(2, 1)[0])
		if c := only(t, now(t, f, hints)); c.From.Workload != web || c.Flows != 3 {
			t.Errorf("told as %s with %d flows", c.From.Workload, c.Flows)
		}
		sleep(t, time.Minute)
		kept, err := s.Kept(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]uint64{}
		for _, c := range kept.Conversations {
			got[c.From.Workload.String()] = c.Flows
		}
		diff(t, map[string]uint64{"Pod shop/web-1": 2, "Deployment shop/web": 1}, got)
	})
}

// sleep lets fake time pass.
func sleep(t *testing.T, d time.Duration) {
	t.Helper()
	<-time.After(d)
	synctest.Wait()
}
