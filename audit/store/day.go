package store

import (
	"time"

	"github.com/segproof/segproof/audit"
)

// What a wrong clock, or a recording of long ago, says of days is drawn into
// these bounds: each day is a table in PostgreSQL.
const (
	oldestDay = 400 // before today
	newestDay = 1   // after today
)

const dayLength = 24 * 60 * 60 // seconds

// dayOf is the number of days since 1970 in UTC.
func dayOf(t time.Time) int64 {
	s := t.Unix()
	if s < 0 {
		s -= dayLength - 1
	}
	return s / dayLength
}

func startOf(day int64) time.Time { return time.Unix(day*dayLength, 0).UTC() }

// A filing is how rows are put under days, as seen from today.
type filing struct{ today int64 }

func (f filing) day(t time.Time) int64 {
	return min(max(dayOf(t), f.today-oldestDay), f.today+newestDay)
}

// days is that of the first flow, the earliest under which a former row of the
// same conversation can be, and that of the last, its own.
func (f filing) days(c *audit.Conversation) (first, last int64) {
	last = f.day(c.Last)
	// The bounds may have moved since: a day more is only looked at in vain.
	return min(dayOf(c.First), last), last
}

// nanoseconds since 1970, drawn into the bounds of what can be counted.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.Year() <= 1678:
		return time.Date(1679, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	case t.Year() >= 2262:
		return time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	}
	return t.UnixNano()
}
