package flows

import (
	"fmt"
	"testing"
	"time"

	"github.com/cilium/cilium/api/v1/flow"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/segproof/segproof/audit"
)

func TestACutConcernsTheConversationsOfItsNamespace(t *testing.T) {
	at := func(s int) time.Time { return noon().Add(time.Duration(s) * time.Second) }
	var fs []*flow.Flow
	for s := range 60 {
		fs = append(fs, with(delivery(), func(f *flow.Flow) {
			f.Time = timestamppb.New(at(s))
			f.Source, f.Destination = pod("a", "a-1", "Deployment", "a"), pod("b", "b-1", "Deployment", "b")
		}))
	}
	for name, tc := range map[string]struct {
		cuts []audit.Cut
		want []time.Time // intervals
	}{
		"none":                 {nil, []time.Time{{}}},
		"of the source":        {[]audit.Cut{{At: at(10), Namespace: "a"}}, []time.Time{{}, at(10)}},
		"of the destination":   {[]audit.Cut{{At: at(10), Namespace: "b"}}, []time.Time{{}, at(10)}},
		"of another":           {[]audit.Cut{{At: at(10), Namespace: "c"}}, []time.Time{{}}},
		"of all":               {[]audit.Cut{{At: at(10)}}, []time.Time{{}, at(10)}},
		"before all flows":     {[]audit.Cut{{At: at(-10), Namespace: "a"}}, []time.Time{at(-10)}},
		"all kinds, unordered": {[]audit.Cut{{At: at(30)}, {At: at(20), Namespace: "a"}, {At: at(40), Namespace: "b"}, {At: at(20), Namespace: "a"}}, []time.Time{{}, at(20), at(30), at(40)}},
	} {
		var got []time.Time
		for _, c := range takeAll(t, Options{}, audit.Hints{Cuts: tc.cuts}, fs...).Conversations {
			got = append(got, c.Interval)
			if c.First.Before(c.Interval) {
				t.Errorf("%s: first flow %s, in the interval from %s on", name, c.First, c.Interval)
			}
		}
		t.Run(name, func(t *testing.T) { diff(t, tc.want, got) })
	}
}

func TestCutsThatNoFlowCanNeedAreForgotten(t *testing.T) {
	c := newCuts(nil)
	for i := range 100 {
		c.add(audit.Cut{At: noon().Add(time.Duration(i) * time.Minute), Namespace: "shop"})
	}
	c.add(audit.Cut{At: noon()})
	c.forget(noon().Add(90*time.Minute + time.Second))
	if c.count != 11 || c.interval(noon().Add(90*time.Minute+2*time.Second).UnixNano(), "shop", "") != noon().Add(90*time.Minute).UnixNano() {
		t.Errorf("%d known", c.count)
	}
}

func TestTooManyCutsForgetTheOldest(t *testing.T) {
	c := newCuts(nil)
	for i := range maxCuts + 10 {
		c.add(audit.Cut{At: noon().Add(time.Duration(i) * time.Second), Namespace: "shop"})
	}
	if c.count != maxCuts || len(c.by["shop"]) != maxCuts || c.by["shop"][0] != noon().Add(10*time.Second).UnixNano() {
		t.Errorf("%d known, the first at %s", c.count, moment(c.by["shop"][0]))
	}
}

func TestAUUIDIsToldAsItCame(t *testing.T) {
	for text, packed := range map[string]bool{
		"9a2b47b0-12ab-4cde-8f01-23456789abcd": true,
		"9A2B47B0-12AB-4CDE-8F01-23456789ABCD": false,
		"00000000-0000-0000-0000-000000000000": false,
		"9a2b47b0x12ab-4cde-8f01-23456789abcd": false,
		"9a2b47b0-12ab-4cde-8f01-23456789abcg": false,
		"u1":                                   false,
		"":                                     false,
	} {
		u, ok := newUID(text)
		if b, bytesOK := newUID([]byte(text)); ok != packed || bytesOK != ok || b != u {
			t.Errorf("%q: packed %v", text, ok)
		}
		f := with(delivery(), func(f *flow.Flow) { f.Uuid = text })
		if s := only(t, takeAll(t, Options{}, audit.Hints{}, f)).Samples[0]; s.UUID != text {
			t.Errorf("got %q, want %q", s.UUID, text)
		}
	}
}

func TestGapsBeyondTheBoundAreDrawnTogether(t *testing.T) {
	var gs gaps
	for i := range maxGaps + 5 {
		from := noon().Add(time.Duration(i) * time.Minute)
		gs.add(audit.Gap{Node: fmt.Sprint("n", i%2), From: from, To: from.Add(time.Second)})
	}
	if len(gs) != maxGaps || gs[0].Node != otherNodes || !gs[0].From.Equal(noon()) || !gs[0].To.Equal(noon().Add(5*time.Minute+time.Second)) {
		t.Errorf("%d gaps, the first %+v", len(gs), gs[0])
	}
}

func TestFlowsBeyondTheRoomAreSettledEarlyAndCounted(t *testing.T) {
	f := &Follower{}
	l := f.ledger()
	l.now = noon().Add(20 * time.Second).UnixNano()
	r := recordOf(t, delivery())
	for i := range maxHeld + 1 {
		r.at = noon().Add(time.Duration(i) * 50 * time.Microsecond).UnixNano()
		l.flow(r)
	}
	s := f.Stats()
	if want := uint64(5 * time.Second / (50 * time.Microsecond)); s.Early != want || s.Held != maxHeld+1-int(want) {
		t.Errorf("%d settled early, %d held, want %d", s.Early, s.Held, want)
	}
	if s.Conversations != 1 {
		t.Errorf("%d conversations, want 1", s.Conversations)
	}
}

func TestWhatIsAskedForAgainStaysRemembered(t *testing.T) {
	r := newRecent[int](10 * 2 * (recentCost + 1))
	for i := range 200 {
		r.put([]byte{byte(i)}, i)
		if v, ok := r.get([]byte{0}); !ok || v != 0 {
			t.Fatalf("the first is forgotten after %d others", i)
		}
	}
	if _, ok := r.get([]byte{5}); ok || len(r.young)+len(r.old) > 20 {
		t.Errorf("%d remembered, want at most 20", len(r.young)+len(r.old))
	}
}
