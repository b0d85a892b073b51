package flows

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cilium/cilium/api/v1/flow"

	"github.com/segproof/segproof/audit"
)

// collector follows nothing but what it is handed.
func collector(s *shelf) *Follower {
	return &Follower{
		Address: "unix:///nowhere/hubble.sock", Keeper: s, HoldBack: 20 * time.Second, FlushEvery: 10 * time.Second,
		Grid: 10 * time.Second, Heartbeat: time.Minute,
	}
}

func stored(t *testing.T, s *shelf, h audit.Hints) *audit.Traffic {
	t.Helper()
	tr, err := (&Stored{Keeper: s}).Traffic(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestWhatAGridDividedIsDrawnTogetherAgainBetweenCuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, all := newShelf(), recently(0, 40)
		change := audit.Cut{At: all[25].Time.AsTime(), Namespace: "shop"}
		f := collector(s)
		f.Cuts = func(context.Context, time.Time) ([]audit.Cut, error) { return []audit.Cut{change}, nil }
		following(t, f)
		synctest.Wait()
		hand(t, f, all[30:]...) // in whichever order
		sleep(t, 15*time.Second)
		hand(t, f, all[:30]...)
		sleep(t, 2*time.Minute)
		if n := len(s.rows[slices.Collect(keysOf(s.rows))[0]]); n < 5 {
			t.Fatalf("%d rows, want one for each ten seconds", n)
		}
		if c := only(t, stored(t, s, audit.Hints{})); c.Flows != 40 || !c.Interval.IsZero() || c.First != all[0].Time.AsTime() || c.Last != all[39].Time.AsTime() {
			t.Errorf("got %+v", c)
		}
		cs := stored(t, s, audit.Hints{Cuts: []audit.Cut{change}}).Conversations
		slices.SortFunc(cs, func(a, b audit.Conversation) int { return a.First.Compare(b.First) })
		if len(cs) != 2 || cs[0].Flows != 25 || cs[1].Flows != 15 || !cs[1].Interval.Equal(change.At) {
			t.Errorf("with the change between: %+v", cs)
		}
	})
}

func keysOf[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestAConversationThatSpansALateCutStaysAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, all := newShelf(), recently(0, 40)
		f := collector(s)
		f.Grid = 0
		following(t, f)
		synctest.Wait()
		hand(t, f, all...)
		sleep(t, time.Minute)
		late := audit.Hints{Cuts: []audit.Cut{{At: all[25].Time.AsTime()}}}
		if c := only(t, stored(t, s, late)); c.Flows != 40 || !c.Interval.IsZero() {
			t.Errorf("got %+v", c)
		}
	})
}

func TestANodeThatSaysNothingIsListenedToAndOneWithoutACollectorIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newShelf(), (*Follower)(nil)
		f = collector(s)
		stop := following(t, f)
		synctest.Wait()
		hand(t, f, recently(0, 1)...)
		for range 40 { // the stream is up, though nothing comes
			sleep(t, 30*time.Second)
			hand(t, f)
		}
		if tr := stored(t, s, audit.Hints{}); len(tr.SilentNodes) != 0 {
			t.Errorf("silent although listened to: %v", tr.SilentNodes)
		}
		stop()
		sleep(t, 11*time.Minute)
		tr := stored(t, s, audit.Hints{})
		if len(tr.Nodes) != 1 || len(tr.SilentNodes) != 1 || !strings.Contains(tr.Nodes[0].Note, "nobody listens to it since") {
			t.Errorf("silent %v, nodes %+v", tr.SilentNodes, tr.Nodes)
		}
		if tr := stored(t, s, audit.Hints{Nodes: map[string]bool{"another": true}}); len(tr.SilentNodes) != 0 {
			t.Errorf("a node that is not there any more is silent: %v", tr.SilentNodes)
		}
	})
}

func TestMerePodsGetTheWorkloadsThatAreKnownByNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		f := collector(s)
		following(t, f)
		synctest.Wait()
		nameless := func(n int, pod string) *flow.Flow {
			return with(recently(n, 1)[0], func(f *flow.Flow) { f.Source.Workloads, f.Source.PodName = nil, pod })
		}
		hand(t, f, nameless(0, "web-1"), nameless(1, "web-2"))
		sleep(t, time.Minute)
		if cs := stored(t, s, audit.Hints{}).Conversations; len(cs) != 2 {
			t.Fatalf("%d conversations of pods that nobody knows, want 2", len(cs))
		}
		web := audit.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}
		// Of one pod the owner is known, and the other has the same labels.
		hints := knows(map[string]audit.Ref{"shop/web-1": web})
		if c := only(t, stored(t, s, hints)); c.From.Workload != web || c.Flows != 2 {
			t.Errorf("%s with %d flows", c.From.Workload, c.Flows)
		}
	})
}

func TestAFollowerThatRunsAgainGoesOnFromWhatIsKept(t *testing.T) {
	all, s := recently(0, 40), newShelf()
	r := &fake{answer: func(n int, s stream) error {
		if n == 1 {
			return stays(s, all[:25]...)
		}
		return stays(s, all[10:]...)
	}}
	f := &Follower{Address: serve(t, "tcp", "127.0.0.1:0", r), Keeper: s}
	stop := following(t, f)
	eventually(t, "25 flows", func() bool { return received(f) == 25 })
	stop()
	following(t, f)
	eventually(t, "15 more", func() bool { return received(f) == 15 })
	if tr := now(t, f, audit.Hints{}); only(t, tr).Flows != 40 || tr.Flows != 40 {
		t.Errorf("%d flows in the conversation, %d in all, want 40", only(t, tr).Flows, tr.Flows)
	}
}

func TestACollectorWaitsForItsStoreRatherThanCountTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, all := newShelf(), recently(0, 5)
		first := collector(s)
		stop := following(t, first)
		synctest.Wait()
		hand(t, first, all...)
		stop()
		s.set(true)
		again := collector(s)
		again.Await = true
		following(t, again)
		sleep(t, 3*time.Minute)
		if again.Stats().Reconnects > 0 || again.ledger().broken != nil {
			t.Error("it follows without knowing what is kept")
		}
		s.set(false)
		sleep(t, time.Minute)
		hand(t, again, all...)
		sleep(t, time.Minute)
		if n := s.flows(); n != 5 {
			t.Errorf("%d flows are kept, want 5", n)
		}
	})
}

func TestFlowsThatGrewOldBeforeAnybodyKeptThemAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		f := collector(s)
		following(t, f)
		synctest.Wait()
		hand(t, f, recently(0, 3)...)
		sleep(t, time.Minute)
		s.set(true)
		hand(t, f, recently(3, 4)...)
		sleep(t, 26*time.Hour)
		s.set(false)
		hand(t, f, recently(7, 1)...)
		sleep(t, 10*time.Minute)
		var folded uint64
		for _, c := range s.coverage {
			folded += c.Folded
		}
		if folded != 4 {
			t.Errorf("%d flows are counted as lost, want 4", folded)
		}
	})
}

func TestAStoreThatNobodyFillsIsNoCleanCluster(t *testing.T) {
	_, err := (&Stored{Keeper: newShelf()}).Traffic(t.Context(), audit.Hints{})
	if err == nil || !strings.Contains(err.Error(), "segproof collect") {
		t.Errorf("got %v", err)
	}
}
