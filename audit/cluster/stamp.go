package cluster

import (
	"encoding/json"
	"time"
)

// A stamp is a time as reports write it: seconds and nanoseconds, or RFC 3339.
type stamp time.Time

// UnmarshalJSON reads either form; what is neither is a time that is not known.
func (s *stamp) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case string:
		*s = parseStamp(v)
	case map[string]any:
		*s = secondsStamp(v["seconds"], v["nanos"])
	}
	return nil
}

func parseStamp(v string) stamp {
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		return stamp{}
	}
	return stamp(sane(t))
}

func secondsStamp(seconds, nanos any) stamp {
	s := whole(seconds)
	if s == 0 {
		return stamp{}
	}
	return stamp(sane(time.Unix(s, whole(nanos))))
}

func whole(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case float64:
		return int64(v)
	}
	return 0
}

// sane forgets a time that can't be written down again: RFC 3339 has four
// digits for the year.
func sane(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}
