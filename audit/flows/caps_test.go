package flows

import (
	"fmt"
	"testing"

	"github.com/cilium/cilium/api/v1/flow"

	"github.com/segproof/segproof/audit"
)

func fromWorld(n int) (out []*flow.Flow) {
	for i := range n {
		f := delivery()
		f.IP.Source = fmt.Sprintf("198.51.%d.%d", i/256, i%256)
		f.Source = world("cidr:" + f.IP.Source + "/32")
		out = append(out, f)
	}
	return out
}

func TestAddressesBeyondTheCapAreOneConversationWithoutAddress(t *testing.T) {
	tr := takeAll(t, Options{}, audit.Hints{}, fromWorld(1000)...)
	if len(tr.Conversations) != 65 || tr.Folded != 936 {
		t.Fatalf("%d conversations, %d folded, want 64 and one with 936", len(tr.Conversations), tr.Folded)
	}
	c := tr.Conversations[0]
	for _, other := range tr.Conversations {
		if !other.From.IP.IsValid() {
			c = other
		}
	}
	diff(t, audit.Peer{Labels: audit.Labels{"reserved:world"}}, c.From)
	if c.Flows != 936 {
		t.Errorf("%d flows without address, want 936", c.Flows)
	}
}

func TestWhatProvesNothingIsFoldedFirst(t *testing.T) {
	var fs []*flow.Flow
	for i := range uint32(400) {
		f := verdict(flow.Verdict_DROPPED)
		f.L4.GetTCP().DestinationPort = 1000 + i
		if i%2 == 1 {
			f.EventType.Type = 3
		}
		fs = append(fs, f)
	}
	tr := takeAll(t, Options{Conversations: 250}, audit.Hints{}, fs...)
	kept := map[audit.Event]int{}
	for _, c := range tr.Conversations {
		kept[c.Event]++
	}
	if kept[audit.PolicyVerdict] != 200 || kept[audit.Seen] > 50 || kept[audit.Seen] == 0 {
		t.Errorf("kept %v, want all 200 verdicts and up to 50 others", kept)
	}
	if want := uint64(400 - len(tr.Conversations)); tr.Folded != want || tr.Flows != 400 {
		t.Errorf("%d folded of %d, want %d of 400", tr.Folded, tr.Flows, want)
	}
}

func TestLabelSetsBeyondTheCapAreFoldedAndCounted(t *testing.T) {
	var fs []*flow.Flow
	for i := range 100 {
		f := delivery()
		f.Source.Labels = append(f.Source.Labels, fmt.Sprintf("k8s:n=%d", i))
		fs = append(fs, f)
	}
	tr := takeAll(t, Options{LabelSets: 11}, audit.Hints{}, fs...)
	if len(tr.Conversations) != 10 || tr.Folded != 90 {
		t.Errorf("%d conversations, %d folded, want 10 and 90", len(tr.Conversations), tr.Folded)
	}
}

func TestWhatWasTakenIsRememberedForTwoGenerations(t *testing.T) {
	r := remember(4)
	for _, id := range []string{"a", "b", "c"} {
		if r.before(uid{}, id) {
			t.Errorf("%s was there before", id)
		}
	}
	if !r.before(uid{}, "a") || !r.before(uid{}, "c") || r.before(uid{}, "") || r.before(uid{}, "") {
		t.Error("want a and c remembered, and not those without a name")
	}
	r.before(uid{1}, "")
	r.before(uid{2}, "")
	if r.before(uid{}, "a") || !r.before(uid{1}, "") {
		t.Error("want the oldest forgotten, the newest remembered")
	}
	if n := len(r.young) + len(r.old); n > 4 {
		t.Errorf("%d remembered, want at most 4", n)
	}
	r.age()
	r.age()
	if r.before(uid{2}, "") {
		t.Error("want all forgotten that is two generations old")
	}
}

func TestNodesBeyondTheCapAreOne(t *testing.T) {
	ns := nodes{}
	for i := range maxNodes + 50 {
		ns.named(fmt.Sprint("n", i)).heard(1)
	}
	if len(ns) != maxNodes+1 || ns[otherNodes].flows != 50 {
		t.Errorf("%d nodes, %d flows of others", len(ns), ns[otherNodes].flows)
	}
}
