package trigger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // images without a system have no time zones otherwise

	"github.com/robfig/cron/v3"

	"github.com/segproof/segproof/audit"
)

// A Schedule rings at the times that a cron expression names. A time that was
// missed, because the process did not run, is not made up for.
//
// Twice a year a zone changes its clocks. A time of day that is left out is
// skipped: "30 2 * * *" in Europe/Berlin does not ring on the last Sunday of
// March. One that comes twice rings twice, on the last Sunday of October.
// "0 * * * *" rings every hour that really passes, and @daily every day. Who
// wants neither names a time outside that hour, or no zone.
type Schedule struct {
	times cron.Schedule
	bell  *Bell
}

// looking is how often the clock is looked at: it may be set, or the machine
// may have slept, while a timer runs.
const looking = time.Minute

const shortest = time.Minute // of an @every

// NewSchedule takes the five fields of cron (minute, hour, day, month, weekday),
// or @hourly, @daily, @weekly, @monthly, @yearly or @every 6h. The zone is a
// name such as Europe/Berlin, "" for UTC; CRON_TZ=Europe/Berlin before the
// fields says the same.
func NewSchedule(expression, zone string, b *Bell) (*Schedule, error) {
	times, err := parse(expression, zone)
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w", expression, err)
	}
	if every, ok := times.(cron.ConstantDelaySchedule); ok && every.Delay < shortest {
		return nil, fmt.Errorf("schedule %q: an audit takes longer\nsay @every 1m or more", expression)
	}
	if times.Next(time.Now()).IsZero() {
		return nil, fmt.Errorf("schedule %q: this time never comes\nlook at the day of the month", expression)
	}
	return &Schedule{times, b}, nil
}

// Next is the first time after t at which it rings.
func (s *Schedule) Next(t time.Time) time.Time { return s.times.Next(t) }

// Run rings until ctx ends.
func (s *Schedule) Run(ctx context.Context) error {
	next := s.times.Next(time.Now())
	for {
		timer := time.NewTimer(min(time.Until(next), looking))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if now := time.Now(); !now.Before(next) {
			s.bell.Ring(audit.Schedule)
			next = s.times.Next(now)
		}
	}
}

const hint = "\nexpected minute, hour, day of month, month and weekday, as in \"0 6 * * 1-5\", or @daily, or @every 6h"

func parse(expression, zone string) (cron.Schedule, error) {
	fields := strings.Fields(expression)
	if len(fields) > 0 {
		if name, ok := zoneOf(fields[0]); ok {
			if zone != "" && zone != name {
				return nil, fmt.Errorf("two time zones, %q and %q\nname one of them", name, zone)
			}
			zone, fields = name, fields[1:]
		}
	}
	if len(fields) == 0 {
		return nil, errors.New("it is empty" + hint)
	}
	if zone == "" {
		zone = "UTC"
	}
	// The parser panics where a zone is followed by nothing, and takes the
	// machine's own for "Local": neither may happen.
	if _, err := time.LoadLocation(zone); err != nil || strings.ContainsAny(zone, " \t\n") || zone == "Local" {
		return nil, fmt.Errorf("unknown time zone %q\nexpected a name such as Europe/Berlin", zone)
	}
	p := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	times, err := p.Parse("CRON_TZ=" + zone + " " + strings.Join(fields, " "))
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, hint)
	}
	return times, nil
}

// zoneOf takes the name out of CRON_TZ=name or TZ=name.
func zoneOf(field string) (string, bool) {
	if name, ok := strings.CutPrefix(field, "CRON_TZ="); ok {
		return name, true
	}
	return strings.CutPrefix(field, "TZ=")
}
