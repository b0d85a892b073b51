package flows

import (
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// cuts are the instants that conversations may not span, of each namespace in
// order; "" are those that concern all.
type cuts struct {
	by    map[string][]int64
	count int
}

// maxCuts is how many are known. Of more, the oldest of a namespace is given
// up: conversations before the next one are then one.
const maxCuts = 200_000

func newCuts(list []audit.Cut) *cuts {
	c := &cuts{by: map[string][]int64{}}
	for _, one := range list {
		c.add(one)
	}
	return c
}

// add tells whether the cut was not known yet.
func (c *cuts) add(one audit.Cut) bool {
	if !countable(one.At) || len(one.Namespace) > maxName {
		return false
	}
	at, known := one.At.UnixNano(), c.by[one.Namespace]
	i, found := slices.BinarySearch(known, at)
	if found || c.count >= maxCuts && len(known) == 0 {
		return false
	}
	known = slices.Insert(known, i, at)
	if c.count++; c.count > maxCuts {
		known = slices.Delete(known, 0, 1)
		c.count--
	}
	c.by[one.Namespace] = known
	return true
}

// forget gives up cuts that no flow after a time can need.
func (c *cuts) forget(before time.Time) {
	at := before.UnixNano()
	for ns, known := range c.by {
		i, _ := slices.BinarySearch(known, at)
		if i > 1 { // the last one before it begins the interval it lies in
			c.by[ns] = slices.Delete(known, 0, i-1)
			c.count -= i - 1
		}
	}
}

// interval is the latest cut at or before a time that concerns a flow between
// two namespaces; ever if there is none.
func (c *cuts) interval(at int64, from, to string) int64 {
	if c.count == 0 {
		return ever
	}
	latest := last(c.by[""], at)
	if from != "" {
		latest = max(latest, last(c.by[from], at))
	}
	if to != "" && to != from {
		latest = max(latest, last(c.by[to], at))
	}
	return latest
}

// last is the last time at or before another; ever if there is none.
func last(times []int64, at int64) int64 {
	i, found := slices.BinarySearch(times, at)
	switch {
	case found:
		return at
	case i == 0:
		return ever
	}
	return times[i-1]
}
