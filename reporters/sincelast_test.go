package reporters

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

// A shelf is a memory that can be out of reach.
type shelf struct {
	things         map[string][]byte
	recall, shelve error
}

func (s *shelf) Recall(_ context.Context, key string) ([]byte, error) { return s.things[key], s.recall }

func (s *shelf) Remember(_ context.Context, key string, value []byte) error {
	if s.shelve == nil {
		s.things[key] = value
	}
	return s.shelve
}

func newShelf() *shelf { return &shelf{things: map[string][]byte{}} }

// seen is a report of findings by name; its rule was applied and saw everything.
func seen(names ...string) *audit.Report {
	r := &audit.Report{
		Rules:    []audit.RuleInfo{{Name: "flow-drop-gap"}},
		Coverage: audit.Coverage{Flows: 1, Withheld: map[string]int{}, Skipped: map[string]string{}},
	}
	r.Run.Ended = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, n := range names {
		r.Findings = append(r.Findings, audit.Finding{
			ID: "SEG401", Rule: "flow-drop-gap", Severity: audit.High, Kind: audit.Fails, State: audit.New, Fingerprint: n, Message: n,
			Subject: audit.Ref{Kind: "Deployment", Namespace: "shop", Name: n}, Evidence: []audit.Evidence{{What: "seen"}},
		})
	}
	return r
}

// blindly is a report for which nothing was looked for.
func blindly(r *audit.Report) *audit.Report {
	r.Coverage.Skipped["flow-drop-gap"] = "no flows"
	return r
}

// heard is what a receiver was told last: names and states, and what is gone.
func heard(x *receiver) string {
	if len(x.told) == 0 {
		return "nothing"
	}
	var out []string
	r := x.told[len(x.told)-1]
	for _, f := range r.Findings {
		out = append(out, f.Fingerprint+" "+string(f.State))
	}
	for _, f := range r.Gone {
		out = append(out, f.Fingerprint+" gone")
	}
	return strings.Join(out, ", ")
}

func TestEachIsToldWhatChangedSinceItWasLastTold(t *testing.T) {
	memory, x := newShelf(), &receiver{}
	for i, step := range []struct {
		now  *audit.Report
		want string
	}{
		{seen("a", "b"), "a new, b new"},
		{seen("a", "b"), "a unchanged, b unchanged"},
		{seen("a"), "a unchanged, b gone"},
		{seen("a"), "a unchanged"}, // gone is told once
		{seen("a", "b", "c"), "a unchanged, b back, c new"},
		{seen("a", "b", "c"), "a unchanged, b unchanged, c unchanged"},
		{blindly(seen("a")), "a unchanged"}, // b and c were not looked for: not gone
		{seen("a", "b"), "a unchanged, b unchanged, c gone"},
		{blindly(seen()), ""},
		{blindly(seen("c")), "c back"},
		{seen(), "a gone, b gone, c gone"},
	} {
		// A new one each time: as after a restart, all is in the memory.
		s := &SinceLast{Name: "slack", Memory: memory, Reporter: x}
		if err := s.Report(t.Context(), step.now); err != nil {
			t.Fatal(err)
		}
		if got := heard(x); got != step.want {
			t.Errorf("step %d: told %q, want %q", i, got, step.want)
		}
	}
}

func TestWhoFailedHearsTheNewsAgainAndNobodyElseDoes(t *testing.T) {
	memory, good, bad := newShelf(), &receiver{}, &receiver{errs: []error{again(true), again(true)}}
	all := All(
		&SinceLast{Name: "good", Memory: memory, Reporter: good},
		&SinceLast{Name: "bad", Memory: memory, Reporter: bad},
	)
	for i, want := range []struct{ good, bad string }{
		{"a new", "a new"}, {"a unchanged, b new", "a new, b new"}, {"a unchanged, b unchanged", "a new, b new"}, {"a unchanged, b gone", "a unchanged, b gone"},
	} {
		r := [][]string{{"a"}, {"a", "b"}, {"a", "b"}, {"a"}}[i]
		if err := all.Report(t.Context(), seen(r...)); (err != nil) != (i < 2) {
			t.Errorf("run %d: error is %v", i, err)
		}
		if heard(good) != want.good || heard(bad) != want.bad {
			t.Errorf("run %d: told %q and %q, want %q and %q", i, heard(good), heard(bad), want.good, want.bad)
		}
	}
}

func TestTheReportItselfIsNotChanged(t *testing.T) {
	s := &SinceLast{Name: "x", Memory: newShelf(), Reporter: &receiver{}}
	for range 2 {
		r := seen("a")
		if err := s.Report(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(seen("a"), r); d != "" {
			t.Errorf("the next one hears (-want +got):\n%s", d)
		}
	}
}

func TestAMemoryOutOfReachKeepsNobodyFromBeingTold(t *testing.T) {
	memory, x := newShelf(), &receiver{}
	s := &SinceLast{Name: "slack", Memory: memory, Reporter: x}
	tell := func(r *audit.Report, want string, trouble error) {
		t.Helper()
		if err := s.Report(t.Context(), r); !errors.Is(err, trouble) || (err != nil) != (trouble != nil) {
			t.Errorf("error is %v, want %v", err, trouble)
		}
		if got := heard(x); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		if problems := x.told[len(x.told)-1].Coverage.Problems; (len(problems) > 0) != (memory.recall != nil) {
			t.Errorf("problems told: %v", problems)
		}
	}
	full, away := errors.New("disk full"), errors.New("store away")
	tell(seen("a", "b"), "a new, b new", nil)
	memory.shelve = full
	tell(seen("a", "c"), "a unchanged, c new, b gone", full)
	tell(seen("a", "c"), "a unchanged, c unchanged", full) // not told twice
	memory.shelve = nil
	tell(seen("a", "b", "c"), "a unchanged, b back, c unchanged", nil)
	s = &SinceLast{Name: "slack", Memory: memory, Reporter: x} // restarted
	memory.recall = away
	tell(seen("a", "d"), "a new, d new", away)
	tell(seen("a", "d"), "a unchanged, d unchanged", away)
	memory.recall = nil
	tell(seen("a", "d"), "a unchanged, d unchanged, b gone, c gone", nil) // what was stored meanwhile is not lost
}

func TestAMemoryThatMakesNoSenseIsReplacedAndTheReportSaysSo(t *testing.T) {
	newer := &told{Version: toldVersion + 1}
	b, err := newer.encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string][]byte{"bytes": []byte("nonsense"), "cut short": b[:len(b)/2], "newer": b} {
		memory, x := newShelf(), &receiver{}
		memory.things["told/slack"] = value
		s := &SinceLast{Name: "slack", Memory: memory, Reporter: x}
		if err := s.Report(t.Context(), seen("a")); err == nil || !strings.Contains(err.Error(), "read what slack was last told: ") {
			t.Errorf("%s: error is %v", name, err)
		}
		if heard(x) != "a new" || len(x.told[0].Coverage.Problems) != 1 {
			t.Errorf("%s: told %q, problems %v", name, heard(x), x.told[0].Coverage.Problems)
		}
		if err := s.Report(t.Context(), seen("a")); err != nil || heard(x) != "a unchanged" {
			t.Errorf("%s: then told %q, %v", name, heard(x), err)
		}
	}
}

func TestWhatIsRememberedIsSmallAndBounded(t *testing.T) {
	memory := newShelf()
	s := &SinceLast{Name: "x", Memory: memory, Reporter: &receiver{}}
	var names []string
	for i := range 2000 {
		names = append(names, fmt.Sprintf("%032x", i*7919))
	}
	if err := s.Report(t.Context(), seen(names...)); err != nil {
		t.Fatal(err)
	}
	if n := len(memory.things["told/x"]) / len(names); n > 100 || bytes.Contains(memory.things["told/x"], []byte("seen")) {
		t.Errorf("%d bytes a finding", n)
	}
	m := &told{}
	for i := range maxGone + 10 {
		m.Gone = append(m.Gone, goneFinding{Fingerprint: fmt.Sprint(i), At: time.Unix(int64(i), 0)})
	}
	next := m.after(seen())
	if len(next.Gone) != maxGone || slices.ContainsFunc(next.Gone, func(g goneFinding) bool { return g.At.Before(time.Unix(10, 0)) }) {
		t.Errorf("%d are remembered, and not the latest", len(next.Gone))
	}
}
