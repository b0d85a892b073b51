package store

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/segproof/segproof/audit"
)

// suite is what every database must pass. Fresh returns the address of an empty
// store.
func suite(t *testing.T, fresh func(*testing.T) string) {
	for name, test := range map[string]func(*testing.T, string){
		"what is kept is read back as it was":                 keptIsReadBack,
		"hostile text is kept byte for byte":                  hostileText,
		"the same batch again changes nothing":                sameBatchAgain,
		"a writer replaces its own rows and no others":        writersApart,
		"parts in one batch are one conversation":             partsInOneBatch,
		"who goes on past midnight is counted once":           pastMidnight,
		"only what lasted until then is returned":             onlySince,
		"a forgotten conversation is added to its former row": forgotten,
		"old days are dropped":                                oldDays,
		"a wrong clock makes no room for years":               wrongClock,
		"what is remembered outlives the process":             remembered,
		"up to when flows are stored is known by node":        resumed,
		"who follows flows learns of changes":                 changesAnnounced,
		"a newer schema is refused":                           newerSchema,
		"a row that can't be read is counted":                 unreadableRow,
		"beyond the bound flows are folded and counted":       folded,
		"many at once lose nothing and double nothing":        manyAtOnce,
		"a batch that breaks off leaves nothing":              brokenOff,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

func open(t testing.TB, url string, o Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func keep(t testing.TB, s *Store, bs ...audit.Batch) {
	t.Helper()
	for _, b := range bs {
		if err := s.Keep(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
}

func kept(t testing.TB, s *Store, since time.Time) *audit.Traffic {
	t.Helper()
	out, err := s.Kept(context.Background(), since)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var exactly = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmpopts.EquateEmpty(),
}

// same compares conversations in order.
func same(t *testing.T, want, got []audit.Conversation) {
	t.Helper()
	want = slices.SortedFunc(slices.Values(want), func(a, b audit.Conversation) int { return a.Compare(&b) })
	if d := cmp.Diff(want, got, exactly); d != "" {
		t.Errorf("conversations (-want +got):\n%s", d)
	}
}

func keptIsReadBack(t *testing.T, url string) {
	s := open(t, url, Options{})
	b := batch("a", 100, noon())
	b.Coverage.SilentNodes = []string{"prod/node-3"}
	b.Coverage.Relabelled = []audit.Relabelled{{Namespace: "shop", Pod: "p", Labels: audit.Labels{"k8s:a=b"}, At: noon()}}
	keep(t, s, b)
	for _, s := range []*Store{s, open(t, url, Options{})} { // a second one as after a restart
		got := kept(t, s, time.Time{})
		same(t, b.Conversations, got.Conversations)
		got.Conversations = nil
		if d := cmp.Diff(&b.Coverage, got, exactly); d != "" {
			t.Errorf("coverage (-want +got):\n%s", d)
		}
	}
}

func hostileText(t *testing.T, url string) {
	s := open(t, url, Options{})
	bad := "a\x00b\xff'; DROP TABLE conversations; --\u202e"
	c := sample(1, noon())
	c.From.Labels = audit.Labels{"", bad}
	c.From.Namespace, c.From.Workload.Name, c.Reason, c.Nodes, c.Allowed = bad, bad, bad, []string{"", bad}, []string{bad}
	c.Samples[0].UUID, c.Samples[0].From = bad, bad
	b := audit.Batch{Writer: bad, Conversations: []audit.Conversation{c}}
	keep(t, s, b)
	same(t, b.Conversations, kept(t, s, time.Time{}).Conversations)
	if err := s.Remember(t.Context(), bad, []byte(bad)); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Recall(t.Context(), bad); string(v) != bad || err != nil {
		t.Errorf("recalled %q, %v", v, err)
	}
}

func sameBatchAgain(t *testing.T, url string) {
	s := open(t, url, Options{})
	b := batch("a", 20, noon())
	keep(t, s, b)
	want := kept(t, s, time.Time{})
	keep(t, s, b, b)
	if d := cmp.Diff(want, kept(t, s, time.Time{}), exactly); d != "" {
		t.Errorf("a repetition changes (-want +got):\n%s", d)
	}
}

func writersApart(t *testing.T, url string) {
	s := open(t, url, Options{})
	a, b := batch("a", 20, noon()), batch("b", 30, noon().Add(time.Minute))
	keep(t, s, a, b)
	grown := a.Conversations[3]
	grown.Flows, grown.Last = grown.Flows+7, grown.Last.Add(time.Minute)
	a.Conversations = []audit.Conversation{grown}
	keep(t, s, a)
	want := batch("", 20, noon()).Conversations
	want[3] = grown
	for i := range want {
		want[i].Absorb(&b.Conversations[i])
	}
	got := kept(t, s, time.Time{})
	same(t, append(want, b.Conversations[20:]...), got.Conversations)
	if got.Flows != 20 || got.Lost != 4 || got.LostBy["PERF_EVENT_RING_BUFFER"] != 4 || len(got.Nodes) != 1 || got.Nodes[0].Flows != 20 {
		t.Errorf("the coverage of both is not added: %+v", got)
	}
}

func partsInOneBatch(t *testing.T, url string) {
	s := open(t, url, Options{})
	a, b := sample(1, noon()), sample(1, noon())
	b.Flows = 5
	keep(t, s, audit.Batch{Writer: "a", Conversations: []audit.Conversation{a, b}})
	if got := kept(t, s, time.Time{}); len(got.Conversations) != 1 || got.Conversations[0].Flows != a.Flows+5 {
		t.Errorf("two parts became %d conversations with %d flows", len(got.Conversations), total(got))
	}
}

func pastMidnight(t *testing.T, url string) {
	s := open(t, url, Options{})
	b := batch("a", 10, noon().Add(-36*time.Hour))
	other := batch("b", 10, noon().Add(-36*time.Hour))
	keep(t, s, b, other)
	for d := range 3 { // it goes on for three days
		for i := range b.Conversations {
			c := &b.Conversations[i]
			c.Flows, c.Last = c.Flows+1, c.Last.Add(time.Duration(d)*12*time.Hour)
		}
		keep(t, s, b, b)
	}
	want := uint64(0)
	for i := range b.Conversations {
		want += b.Conversations[i].Flows + other.Conversations[i].Flows
	}
	if got := kept(t, s, time.Time{}); total(got) != want || len(got.Conversations) != 10 {
		t.Errorf("%d flows in %d conversations, want %d in 10", total(got), len(got.Conversations), want)
	}
	if err := s.Expire(t.Context(), noon()); err != nil {
		t.Fatal(err)
	}
	same(t, b.Conversations, kept(t, s, time.Time{}).Conversations)
}

func onlySince(t *testing.T, url string) {
	s := open(t, url, Options{})
	old, now := batch("a", 5, noon().Add(-72*time.Hour)), batch("a", 3, noon())
	for i := range now.Conversations {
		now.Conversations[i].Port += 500
	}
	now.Coverage = coverageOf(noon().Add(-72*time.Hour), 72*time.Hour+3*time.Minute, 17) // since the writer began
	now.Coverage.Lost, now.Coverage.LostBy = 5, map[string]uint64{"PERF_EVENT_RING_BUFFER": 5}
	keep(t, s, old, now)
	got := kept(t, s, noon().Add(time.Minute))
	same(t, now.Conversations, got.Conversations)
	if got.Flows != 7 || got.Lost != 3 || got.LostBy["PERF_EVENT_RING_BUFFER"] != 3 || got.Nodes[0].Flows != 7 {
		t.Errorf("of 17 flows 10, and of 5 lost 2, were of former days; told are %d, %d, %v", got.Flows, got.Lost, got.LostBy)
	}
	if want := noon().Add(time.Minute); !got.Since.Equal(want) || !got.Nodes[0].From.Equal(want) {
		t.Errorf("the window begins at %v, want %v", got.Since, want)
	}
	if got := kept(t, s, noon().Add(10*time.Minute)); len(got.Conversations) != 0 || got.Flows != 0 {
		t.Errorf("nothing lasted so long, but %d conversations and %d flows are told", len(got.Conversations), got.Flows)
	}
	if got := kept(t, s, time.Time{}); len(got.Conversations) != 8 || got.Flows != 17 {
		t.Errorf("all are %d conversations and %d flows, want 8 and 17", len(got.Conversations), got.Flows)
	}
}

func forgotten(t *testing.T, url string) {
	s := open(t, url, Options{})
	b := batch("a", 1, noon().Add(-72*time.Hour))
	again := batch("a", 1, noon())
	keep(t, s, b, again)
	want := b.Conversations[0]
	want.Absorb(&again.Conversations[0])
	same(t, []audit.Conversation{want}, kept(t, s, time.Time{}).Conversations)
}

func oldDays(t *testing.T, url string) {
	s := open(t, url, Options{})
	old, now := batch("a", 50, noon().Add(-96*time.Hour)), batch("b", 60, noon())
	gone := sample(999, noon().Add(-96*time.Hour))
	gone.From.Labels = audit.NewLabels("k8s:only=here")
	old.Conversations = append(old.Conversations, gone)
	keep(t, s, old, now)
	for range 2 {
		if err := s.Expire(t.Context(), noon().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		got := kept(t, s, time.Time{})
		same(t, now.Conversations, got.Conversations)
		if got.Flows != 10 {
			t.Errorf("%d flows, want those of the writer that goes on", got.Flows)
		}
	}
	counts := map[string]int64{"conversations": 60, "coverage": 1}
	for table, want := range counts {
		if n := count(t, s, "SELECT COUNT(*) FROM "+table); n != want {
			t.Errorf("%d rows of %s are left, want %d", n, table, want)
		}
	}
	if n := count(t, s, "SELECT COUNT(*) FROM labels WHERE seen < ?", dayOf(noon())); n != 0 {
		t.Errorf("%d sets of labels are left that nothing refers to", n)
	}
	keep(t, s, old) // and days that were dropped can come again
	if got := kept(t, s, time.Time{}); total(got) != total(&audit.Traffic{Conversations: append(old.Conversations, now.Conversations...)}) {
		t.Errorf("%d flows after the old day came again", total(got))
	}
}

func count(t *testing.T, s *Store, sql string, args ...any) (n int64) {
	t.Helper()
	err := s.db.read(t.Context(), func(tx session) (err error) { n, err = number(t.Context(), tx, sql, args...); return err })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func wrongClock(t *testing.T, url string) {
	s := open(t, url, Options{})
	b := audit.Batch{Writer: "a"}
	for i := range 50 {
		b.Conversations = append(b.Conversations,
			sample(i, time.Date(2100+3*i, 3, i%27, 0, 0, 0, 0, time.UTC)),
			sample(100+i, time.Date(1700+5*i, 3, i%27, 0, 0, 0, 0, time.UTC)))
	}
	keep(t, s, b, b)
	same(t, b.Conversations, kept(t, s, time.Time{}).Conversations)
	if n := count(t, s, "SELECT COUNT(DISTINCT day) FROM conversations"); n > 2 {
		t.Errorf("%d days were made", n)
	}
}

func remembered(t *testing.T, url string) {
	s := open(t, url, Options{})
	if v, err := s.Recall(t.Context(), "k"); v != nil || err != nil {
		t.Errorf("recalled %q, %v of what was never told", v, err)
	}
	for _, v := range []string{"one", "two"} {
		if err := s.Remember(t.Context(), "k", []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, url, Options{})
	if v, err := s.Recall(t.Context(), "k"); string(v) != "two" || err != nil {
		t.Errorf("recalled %q, %v, want two", v, err)
	}
	if err := s.Remember(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Recall(t.Context(), "k"); v != nil || err != nil {
		t.Errorf("recalled %q, %v of what was forgotten", v, err)
	}
}

func resumed(t *testing.T, url string) {
	s := open(t, url, Options{})
	early, late := batch("a", 1, noon()), batch("b", 1, noon().Add(time.Hour))
	late.Coverage.Nodes = append(late.Coverage.Nodes, audit.NodeCoverage{Name: "prod/node-9", To: noon()})
	keep(t, s, early, late)
	got, err := s.Resume(t.Context())
	want := map[string]time.Time{"prod/node-1": noon().Add(time.Hour + 3*time.Minute), "prod/node-9": noon()}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v, (-want +got):\n%s", err, d)
	}
}

func newerSchema(t *testing.T, url string) {
	s := open(t, url, Options{})
	err := s.db.write(t.Context(), func(tx session) error {
		return tx.exec(t.Context(), "INSERT INTO schema_versions (version) VALUES (?)", int64(99))
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), url, Options{})
	if err == nil || !strings.Contains(err.Error(), "schema has version 99, this segproof knows versions up to 2\nuse a newer segproof") {
		t.Errorf("error is %v", err)
	}
}

func unreadableRow(t *testing.T, url string) {
	s := open(t, url, Options{})
	b := batch("a", 10, noon())
	keep(t, s, b)
	err := s.db.write(t.Context(), func(tx session) error {
		id := b.Conversations[4].Identity()
		return tx.exec(t.Context(), "UPDATE conversations SET body = ? WHERE identity = ?", []byte{bodyVersion + 1, 0}, id[:])
	})
	if err != nil {
		t.Fatal(err)
	}
	got := kept(t, s, time.Time{})
	want := "1 stored conversations could not be read; the first: body has version 2, this segproof knows version 1"
	if len(got.Conversations) != 9 || got.BadRecords != 1 || len(got.Problems) != 1 || got.Problems[0].Err != want {
		t.Errorf("%d conversations, %d bad, problems %v", len(got.Conversations), got.BadRecords, got.Problems)
	}
}

func folded(t *testing.T, url string) {
	s := open(t, url, Options{Conversations: 30})
	a, b := batch("a", 200, noon()), batch("b", 200, noon())
	keep(t, s, a)
	one := kept(t, s, time.Time{})
	if n := len(one.Conversations); n > 30 || n < 10 || one.Folded+total(one) != total(&audit.Traffic{Conversations: a.Conversations}) {
		t.Errorf("%d conversations, %d flows and %d folded", n, total(one), one.Folded)
	}
	keep(t, s, b)
	both := kept(t, s, time.Time{})
	if both.Folded != 2*one.Folded || total(both) != 2*total(one) || both.Conversations[0].Port != one.Conversations[0].Port {
		t.Error("a second writer of the same makes another choice")
	}
}
