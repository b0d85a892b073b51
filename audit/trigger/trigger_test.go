package trigger

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

func TestManyRingsAreOneRunForTheMostUrgentReason(t *testing.T) {
	b := NewBell()
	for _, rings := range [][]audit.Trigger{
		{audit.Change, audit.Change, audit.Change},
		{audit.Change, audit.Schedule, audit.Change},
		{audit.Schedule, audit.Manual, audit.Change},
		{audit.Manual, audit.Urgent, audit.Manual, audit.Schedule},
		{"unheard-of", audit.Change},
	} {
		want := rings[0]
		for _, r := range rings {
			b.Ring(r)
			if urgency(r) > urgency(want) {
				want = r
			}
		}
		if got := <-b.C(); got != want {
			t.Errorf("%v: rung for %s, want %s", rings, got, want)
		}
		select {
		case r := <-b.C():
			t.Errorf("%v: rung again for %s", rings, r)
		default:
		}
	}
	order := []audit.Trigger{audit.Change, audit.Schedule, audit.Manual, audit.Urgent}
	if !slices.IsSortedFunc(order, func(x, y audit.Trigger) int { return urgency(x) - urgency(y) }) {
		t.Error("a contradiction is not the most urgent")
	}
}

func TestARingDuringARunIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBell()
		var runs []audit.Trigger
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case r := <-b.C():
					runs = append(runs, r)
					time.Sleep(time.Minute) // the run
				}
			}
		})
		b.Ring(audit.Schedule)
		synctest.Wait()
		for range 100 {
			wg.Go(func() { b.Ring(audit.Change) })
		}
		time.Sleep(5 * time.Minute)
		cancel()
		wg.Wait()
		if d := cmp.Diff([]audit.Trigger{audit.Schedule, audit.Change}, runs); d != "" {
			t.Errorf("runs (-want +got):\n%s", d)
		}
	})
}

// rings runs something and tells, for as long as it takes, when the bell rang.
func rings(t *testing.T, b *Bell, run func(context.Context) error, during func()) (at []time.Duration) {
	began := time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := run(ctx); err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-b.C():
				at = append(at, time.Since(began))
			}
		}
	})
	during()
	cancel()
	wg.Wait()
	return at
}

func TestChangesRingOnceTheyAreQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBell()
		s := NewSettle(10*time.Second, time.Minute, b)
		at := rings(t, b, s.Run, func() {
			time.Sleep(100 * time.Second)
			for range 20 { // a rollout
				s.Changed()
				s.Changed()
				time.Sleep(time.Second)
			}
			time.Sleep(time.Hour)
			s.Changed()
			time.Sleep(9 * time.Second) // it ends before that has settled
		})
		if d := cmp.Diff([]time.Duration{129 * time.Second}, at); d != "" {
			t.Errorf("rings (-want +got):\n%s", d)
		}
	})
}

func TestAClusterThatNeverRestsIsAuditedAtTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBell()
		s := NewSettle(10*time.Second, time.Minute, b)
		at := rings(t, b, s.Run, func() {
			for range 100 {
				s.Changed()
				time.Sleep(2 * time.Second)
			}
			time.Sleep(time.Hour)
		})
		if len(at) != 4 || at[0] != time.Minute || at[3] > 200*time.Second+10*time.Second {
			t.Errorf("rang at %v", at)
		}
	})
}

func TestALimitBelowQuietIsAsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBell()
		s := NewSettle(10*time.Second, 0, b)
		at := rings(t, b, s.Run, func() { s.Changed(); time.Sleep(time.Minute) })
		if len(at) != 1 || at[0] != 10*time.Second {
			t.Errorf("rang at %v", at)
		}
	})
}

func TestAScheduleRingsAtItsTimes(t *testing.T) {
	for expression, want := range map[string][]time.Duration{
		"0 6,18 * * *":                      {6 * time.Hour, 18 * time.Hour},
		"CRON_TZ=Asia/Kolkata 0 6,18 * * *": {30 * time.Minute, 12*time.Hour + 30*time.Minute},
		"TZ=Asia/Kolkata 0 6 * * *":         {30 * time.Minute},
		"@every 9h":                         {9 * time.Hour, 18 * time.Hour},
		"@daily":                            nil,
		"0 12 1 1 *":                        {12 * time.Hour},
		"30 * * * MON":                      nil, // the first of January 2000 is a Saturday
	} {
		synctest.Test(t, func(t *testing.T) { // begins at midnight UTC
			b := NewBell()
			s, err := NewSchedule(expression, "", b)
			if err != nil {
				t.Fatal(err)
			}
			at := rings(t, b, s.Run, func() { time.Sleep(23 * time.Hour) })
			if d := cmp.Diff(want, at); d != "" {
				t.Errorf("%s rings at (-want +got):\n%s", expression, d)
			}
		})
	}
}

func TestClocksThatChangeSkipATimeOrRingTwice(t *testing.T) {
	for _, c := range []struct{ expression, from, want string }{
		{"30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z 2026-03-31T00:30:00Z"}, // none on the 29th
		{"30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z 2026-10-25T01:30:00Z 2026-10-26T01:30:00Z"},
		{"0 * * * *", "2026-03-28T23:30:00Z", "2026-03-29T00:00:00Z 2026-03-29T01:00:00Z 2026-03-29T02:00:00Z"},
		{"0 * * * *", "2026-10-24T23:30:00Z", "2026-10-25T00:00:00Z 2026-10-25T01:00:00Z 2026-10-25T02:00:00Z"},
		{"@daily", "2026-03-28T12:00:00Z", "2026-03-28T23:00:00Z 2026-03-29T22:00:00Z"},
		{"0 6 * * *", "2026-10-24T12:00:00Z", "2026-10-25T05:00:00Z 2026-10-26T05:00:00Z"},
		{"@every 6h", "2026-10-24T18:00:00Z", "2026-10-25T00:00:00Z 2026-10-25T06:00:00Z"},
	} {
		s, err := NewSchedule(c.expression, "Europe/Berlin", NewBell())
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range strings.FieldsSeq(c.want) {
			at = s.Next(at)
			got = append(got, at.UTC().Format(time.RFC3339))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s after %s: %v, want %s", c.expression, c.from, got, c.want)
		}
	}
}

func TestABadScheduleIsRefusedWithWhatIsExpected(t *testing.T) {
	for _, c := range []struct{ expression, zone, want string }{
		{"", "", `schedule "": it is empty` + hint},
		{"TZ=", "", `schedule "TZ=": it is empty` + hint},
		{"CRON_TZ=Europe/Berlin", "", `schedule "CRON_TZ=Europe/Berlin": it is empty` + hint},
		{"TZ= 0 6 * * *", "Europe/Berlin", "schedule \"TZ= 0 6 * * *\": two time zones, \"\" and \"Europe/Berlin\"\nname one of them"},
		{"CRON_TZ=Mars/Base 0 6 * * *", "", "schedule \"CRON_TZ=Mars/Base 0 6 * * *\": unknown time zone \"Mars/Base\"\nexpected a name such as Europe/Berlin"},
		{"0 6 * * *", "Local", "schedule \"0 6 * * *\": unknown time zone \"Local\"\nexpected a name such as Europe/Berlin"},
		{"0 6 * * *", "../../etc/passwd", "schedule \"0 6 * * *\": unknown time zone \"../../etc/passwd\"\nexpected a name such as Europe/Berlin"},
		{"0 6 * *", "", `schedule "0 6 * *": expected exactly 5 fields, found 4: [0 6 * *]` + hint},
		{"0 0 6 * * *", "", `schedule "0 0 6 * * *": expected exactly 5 fields, found 6: [0 0 6 * * *]` + hint},
		{"99 6 * * *", "", `schedule "99 6 * * *": end of range (99) above maximum (59): 99` + hint},
		{"@reboot", "", `schedule "@reboot": unrecognized descriptor: @reboot` + hint},
		{"0 0 30 2 *", "", "schedule \"0 0 30 2 *\": this time never comes\nlook at the day of the month"},
		{"@every -5s", "", "schedule \"@every -5s\": an audit takes longer\nsay @every 1m or more"},
	} {
		_, err := NewSchedule(c.expression, c.zone, NewBell())
		if err == nil || err.Error() != c.want {
			t.Errorf("%q: error is %v\nwant %s", c.expression, err, c.want)
		}
	}
}

func FuzzAScheduleIsTakenOrRefused(f *testing.F) {
	for _, e := range []string{"0 6 * * 1-5", "TZ=UTC @daily", "@every 6h", "*/5 1,2 1-3 JAN ?", "CRON_TZ= 1"} {
		f.Add(e, "Europe/Berlin")
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, expression, zone string) {
		s, err := NewSchedule(expression, zone, NewBell())
		if err == nil && !s.Next(from).After(from) {
			t.Errorf("%q in %q rings at once for ever", expression, zone)
		}
	})
}
