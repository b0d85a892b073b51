package slack

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/segproof/segproof/audit"
)

func TestAnHourHasSoManyMessagesAndTheOthersAreCounted(t *testing.T) {
	inBubble(t, func(d *desk) {
		d.o.PerHour = 6
		var fs []audit.Finding
		for i := range 30 {
			fs = append(fs, one(fmt.Sprint("f", i), audit.High, fmt.Sprint("team-", i)))
		}
		d.tell(holding(fs...))
		digest := d.top(channel)[0].ts
		said := d.thread(digest)
		d.expect(len(said), 4) // with the digest and the list that makes six
		d.expect(said[3], "*27 more new* (27 high) of 27 owners: not told one by one, since 6 messages an hour are the most here\nThe file in the thread has all of them")
		fs = append(fs, one("late", audit.High, "late"))
		d.tell(holding(fs...))
		d.expect(len(d.thread(digest)), 4) // it waits
		time.Sleep(time.Hour)
		d.tell(holding(fs...))
		d.expect(d.thread(digest)[4:], "[*`late`*: 1 new (1 high)]")
	})
}

func TestManyCriticalsAreAFewMessagesAndACount(t *testing.T) {
	inBubble(t, func(d *desk) {
		d.o.PerHour = 100
		var fs []audit.Finding
		for i := range 40 {
			fs = append(fs, one(fmt.Sprint("f", i), audit.Critical, "shop"))
		}
		d.tell(holding(fs...))
		top := d.top(channel)
		d.expect(len(top), 1+maxOwn+1)
		d.expect(textOf(top[len(top)-1]), "30 more critical in prod: the digest counts them, the file in its thread has each")
		d.calls()
		d.tell(holding(fs...))
		d.expect(d.calls(), "")
	})
}

func TestInQuietHoursOnlyCriticalFindingsAreSentAndTheRestIsToldAfterwards(t *testing.T) {
	inBubble(t, func(d *desk) { // it is midnight UTC
		d.o.QuietHours = QuietHours{From: 22 * time.Hour, To: 7 * time.Hour}
		a, c := one("a", audit.High, "shop"), one("c", audit.Critical, "shop")
		d.tell(holding(a, c))
		d.expect(len(d.slack.messages), 1)
		d.expect(strings.HasPrefix(textOf(d.slack.messages[0]), "Critical"), true)
		time.Sleep(8 * time.Hour)
		a.State, c.State = audit.Unchanged, audit.Unchanged
		d.tell(holding(a, c))
		d.expect(d.thread(d.top(channel)[1].ts)[0], "*`shop`*: 2 new (1 critical, 1 high)")
	})
}

func TestQuietHoursMayReachOverMidnightAndHaveATimeZone(t *testing.T) {
	zone := time.FixedZone("east", 2*3600)
	night, noon := QuietHours{From: 22 * time.Hour, To: 7 * time.Hour, Zone: zone}, QuietHours{From: 12 * time.Hour, To: 13 * time.Hour}
	for _, c := range []struct {
		q    QuietHours
		hour int
		want bool
	}{{night, 19, false}, {night, 20, true}, {night, 4, true}, {night, 5, false}, {noon, 12, true}, {noon, 13, false}, {QuietHours{}, 0, false}} {
		if got := c.q.hold(time.Date(2026, 3, 1, c.hour, 0, 0, 0, time.UTC)); got != c.want {
			t.Errorf("%v at %d UTC: %v, want %v", c.q, c.hour, got, c.want)
		}
	}
}

func TestAQuietChannelHearsOfNewsOnly(t *testing.T) {
	inBubble(t, func(d *desk) {
		d.o.Quiet = true
		d.tell(holding())
		d.expect(d.calls(), "conversations.history 1") // whether something stands there
		a := one("a", audit.High, "shop")
		d.tell(holding(a))
		d.expect(len(d.top(channel)), 1)
		d.calls()
		a.State = audit.Unchanged
		r := holding(a)
		r.Run.ID = "another"
		d.tell(r)
		d.expect(d.calls(), "")
		gone := holding()
		gone.Gone = []audit.Finding{a}
		d.tell(gone)
		d.expect(d.top(channel)[0].edits, 1)
	})
}
