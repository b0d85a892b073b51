package flows

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cilium/cilium/api/v1/flow"
	"github.com/cilium/cilium/api/v1/observer"
	relaypb "github.com/cilium/cilium/api/v1/relay"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/segproof/segproof/audit"
)

type stream = grpc.ServerStreamingServer[observer.GetFlowsResponse]

// following runs a follower until the test ends, or stop is called.
func following(t *testing.T, f *Follower) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	within := time.NewTimer(20 * time.Second)
	defer within.Stop()
	every := time.NewTicker(5 * time.Millisecond)
	defer every.Stop()
	for !holds() {
		select {
		case <-within.C:
			t.Fatalf("never: %s", what)
		case <-every.C:
		}
	}
}

// recently is some deliveries, a second apart, the last one now.
func recently(from, n int) (out []*flow.Flow) {
	now := time.Now()
	for i := range n {
		out = append(out, with(delivery(), func(f *flow.Flow) {
			f.Uuid = fmt.Sprintf("00000000-0000-0000-0000-%012x", from+i+1)
			f.Time = timestamppb.New(now.Add(time.Duration(i-n+1) * time.Second))
			f.L4.GetTCP().SourcePort = uint32(30000 + from + i)
		}))
	}
	return out
}

// stays sends some flows, and keeps the stream open.
func stays(s stream, fs ...*flow.Flow) error {
	if err := sends(fs...)(0, s); err != nil {
		return err
	}
	<-s.Context().Done()
	return s.Context().Err()
}

func now(t *testing.T, f *Follower, h audit.Hints) *audit.Traffic {
	t.Helper()
	tr, err := f.Traffic(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func received(f *Follower) uint64 {
	var n uint64
	for _, k := range f.Stats().Flows {
		n += k
	}
	return n
}

func TestAFollowerTellsAtAnyTimeWhatWasCarriedSoFar(t *testing.T) {
	all := recently(0, 20)
	more := make(chan struct{})
	r := &fake{answer: func(_ int, s stream) error {
		if err := sends(all[:10]...)(0, s); err != nil {
			return err
		}
		<-more
		return stays(s, all[10:]...)
	}}
	f := &Follower{Address: serve(t, "tcp", "127.0.0.1:0", r), Since: time.Hour}
	if _, err := f.Traffic(t.Context(), audit.Hints{}); !errors.Is(err, errNotFollowed) {
		t.Errorf("got %v, want %v", err, errNotFollowed)
	}
	following(t, f)
	eventually(t, "10 flows", func() bool { return received(f) == 10 })
	first := now(t, f, audit.Hints{})
	close(more)
	eventually(t, "20 flows", func() bool { return received(f) == 20 })
	second := now(t, f, audit.Hints{})
	if a, b := only(t, first), only(t, second); a.Flows != 10 || b.Flows != 20 || first.Flows != 10 || second.Flows != 20 {
		t.Errorf("%d flows of %d, then %d of %d", a.Flows, first.Flows, b.Flows, second.Flows)
	}
	diff(t, second, now(t, f, audit.Hints{}))
	if f.Ready() != nil || !r.asked()[0].GetFollow() || r.asked()[0].GetSince() == nil {
		t.Errorf("ready: %v, asked %v", f.Ready(), r.asked()[0])
	}
}

func TestLateNewsOfAChangeStillCutsWhatIsHeldBack(t *testing.T) {
	all := recently(0, 20)
	r := &fake{answer: func(_ int, s stream) error { return stays(s, all...) }}
	f := &Follower{Address: serve(t, "tcp", "127.0.0.1:0", r)}
	following(t, f)
	eventually(t, "20 flows", func() bool { return received(f) == 20 })
	only(t, now(t, f, audit.Hints{}))
	at := all[12].Time.AsTime()
	cuts := []audit.Cut{{At: all[3].Time.AsTime(), Namespace: "elsewhere"}, {At: at, Namespace: "shop"}}
	tr := now(t, f, audit.Hints{Cuts: cuts})
	if len(tr.Conversations) != 2 {
		t.Fatalf("%d conversations, want 2", len(tr.Conversations))
	}
	a, b := tr.Conversations[0], tr.Conversations[1]
	if a.Flows != 12 || b.Flows != 8 || !a.Interval.IsZero() || !b.Interval.Equal(at) || !a.Last.Before(at) {
		t.Errorf("%d from %s, %d from %s", a.Flows, a.Interval, b.Flows, b.Interval)
	}
	f.Cut(audit.Cut{At: all[16].Time.AsTime()})
	if tr := now(t, f, audit.Hints{}); len(tr.Conversations) != 3 {
		t.Errorf("%d conversations, want 3: cuts are remembered", len(tr.Conversations))
	}
}

func TestAFollowerAsksAgainFromWhereItWasAndCountsNothingTwice(t *testing.T) {
	all := recently(0, 30)
	r := &fake{answer: func(n int, s stream) error {
		if n == 1 {
			return sends(all[:20]...)(0, s)
		}
		return stays(s, all[10:]...)
	}}
	f := &Follower{Address: serve(t, "tcp", "127.0.0.1:0", r)}
	following(t, f)
	eventually(t, "30 flows", func() bool { return received(f) == 30 })
	tr := now(t, f, audit.Hints{})
	if c := only(t, tr); c.Flows != 30 || len(tr.Gaps) != 0 || f.Stats().Reconnects != 1 {
		t.Errorf("%d flows, gaps %v, %d reconnects", c.Flows, tr.Gaps, f.Stats().Reconnects)
	}
	if since, want := r.asked()[1].GetSince().AsTime(), all[19].Time.AsTime().Add(-overlap); !since.Equal(want) {
		t.Errorf("asked again from %s on, want %s", since, want)
	}
}

func TestWhatWasOverwrittenMeanwhileIsAGap(t *testing.T) {
	all := recently(0, 30)
	r := &fake{answer: func(n int, s stream) error {
		if n == 1 {
			return sends(all[:10]...)(0, s)
		}
		return stays(s, all[20:]...)
	}}
	f := &Follower{Address: serve(t, "tcp", "127.0.0.1:0", r)}
	following(t, f)
	eventually(t, "20 flows", func() bool { return received(f) == 20 })
	tr := now(t, f, audit.Hints{})
	diff(t, []audit.Gap{{
		Node: "lab/n1", From: all[9].Time.AsTime(), To: all[20].Time.AsTime(), Why: "overwritten while the stream was broken",
	}}, tr.Gaps)
	if tr.Nodes[0].Note != "a gap of 11s" {
		t.Errorf("note %q", tr.Nodes[0].Note)
	}
}

func TestANodeThatIsAwayIsSilentUntilItSpeaksAgain(t *testing.T) {
	all := recently(0, 3)
	told := func(s relaypb.NodeState, at *flow.Flow) *observer.GetFlowsResponse {
		return &observer.GetFlowsResponse{
			Time: timestamppb.New(at.Time.AsTime().Add(time.Millisecond)),
			ResponseTypes: &observer.GetFlowsResponse_NodeStatus{NodeStatus: &relaypb.NodeStatusEvent{
				StateChange: s, NodeNames: []string{"lab/n1"}, Message: "no route",
			}},
		}
	}
	back := make(chan struct{})
	r := &fake{answer: func(_ int, s stream) error {
		err := errors.Join(s.Send(response(all[0])), s.Send(told(relaypb.NodeState_NODE_UNAVAILABLE, all[0])),
			s.Send(&observer.GetFlowsResponse{NodeName: "lab/n1", ResponseTypes: &observer.GetFlowsResponse_LostEvents{
				LostEvents: &flow.LostEvent{Source: flow.LostEventSource_HUBBLE_RING_BUFFER, NumEventsLost: 7},
			}}))
		<-back
		return errors.Join(err, s.Send(told(relaypb.NodeState_NODE_CONNECTED, all[1])), stays(s, all[2]))
	}}
	f := &Follower{Address: serve(t, "tcp", "127.0.0.1:0", r)}
	following(t, f)
	eventually(t, "a loss", func() bool { return f.Stats().Lost["HUBBLE_RING_BUFFER"] == 7 })
	tr := now(t, f, audit.Hints{})
	diff(t, []string{"lab/n1"}, tr.SilentNodes)
	diff(t, []audit.Gap{{Node: "lab/n1", From: all[0].Time.AsTime(), Why: "unavailable: no route"}}, tr.Gaps)
	if tr.Lost != 7 || tr.Nodes[0].Lost != 7 || tr.Nodes[0].Note != "unavailable: no route" || f.Stats().Nodes["unavailable"] != 1 {
		t.Errorf("lost %d, node %+v, stats %+v", tr.Lost, tr.Nodes[0], f.Stats())
	}
	close(back)
	eventually(t, "two flows", func() bool { return received(f) == 2 })
	tr = now(t, f, audit.Hints{})
	if len(tr.SilentNodes) != 0 || len(tr.Gaps) != 1 || !tr.Gaps[0].To.Equal(all[2].Time.AsTime()) {
		t.Errorf("silent %v, gaps %+v", tr.SilentNodes, tr.Gaps)
	}
}

func TestTheOwnerOfAPodIsRememberedWhenThePodIsGone(t *testing.T) {
	f1 := with(recently(0, 1)[0], func(f *flow.Flow) { f.Source.Workloads = nil })
	r := &fake{answer: func(_ int, s stream) error { return stays(s, f1) }}
	f := &Follower{Address: serve(t, "tcp", "127.0.0.1:0", r)}
	following(t, f)
	eventually(t, "a flow", func() bool { return received(f) == 1 })
	from := func(h audit.Hints) audit.Ref { return only(t, now(t, f, h)).From.Workload }
	pod, web := audit.Ref{Kind: "Pod", Namespace: "shop", Name: "web-1"}, audit.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}
	if got := from(audit.Hints{}); got != pod {
		t.Errorf("before: %s", got)
	}
	if got := from(knows(map[string]audit.Ref{"shop/web-1": web})); got != web {
		t.Errorf("known: %s", got)
	}
	if got := from(knows(nil)); got != web {
		t.Errorf("gone: %s", got)
	}
}

func TestAFollowerWithAWrongAddressEndsAtOnce(t *testing.T) {
	if err := (&Follower{Address: "nonsense"}).Run(t.Context()); err == nil {
		t.Error("want an error")
	}
}
