package cluster

import (
	"cmp"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// Bounds on what is remembered of the past. What is older is forgotten, and the
// first epoch says how far the memory reaches.
const (
	maxEpochs   = 512
	maxVersions = 8192
)

// A history knows which network policies were declared when. An object that is
// in several epochs is in memory once. Times may arrive out of order: a change
// that a watch has missed is told later, with its own time.
type history struct {
	window   time.Duration // how far back it reaches
	coalesce time.Duration // changes closer together are one
	oldest   time.Time     // before it nothing is known
	bounded  bool          // the bounds, rather than the window, made it forget
	latest   time.Time     // of the change that was learnt last

	now    map[audit.Ref]tenure // what is in force
	former []tenure             // what was, in the order in which it was learnt
	unsure []gap

	built *annals // until the next change
}

// A tenure is one version of an object, and the time it was in force. From is
// zero if it may have been before anybody looked.
type tenure struct {
	object      *audit.Object
	from, until time.Time
}

// A gap is a time in which something changed, nobody knows when.
type gap struct{ from, until time.Time }

// annals are a history as an inventory tells it.
type annals struct {
	past     []audit.Epoch
	inForce  time.Time
	policies []*audit.Object
}

func newHistory(window, coalesce time.Duration, now time.Time) *history {
	return &history{window: window, coalesce: coalesce, oldest: now, now: map[audit.Ref]tenure{}}
}

// A change is that of one object: it came (no old), went (no new) or became
// another.
type change struct {
	ref      audit.Ref
	object   *audit.Object // nil if it went
	initial  bool          // it was there before its kind was looked at
	at       time.Time     // when it was told
	gap      time.Time     // since when nothing was heard before; zero if there was no gap
	declared time.Time     // when it changed, as the object says; zero if it does not
}

// apply takes a change in, and tells whether it is one of what is in force.
func (h *history) apply(c change) bool {
	old, was := h.now[c.ref]
	switch {
	case c.object == nil && !was:
		return false
	case c.object != nil && was && same(old.object, c.object):
		old.object = c.object
		h.now[c.ref], h.built = old, nil
		return false
	}
	h.built = nil
	if c.initial && !was {
		h.now[c.ref] = tenure{object: c.object}
		return true
	}
	at := h.moment(&c)
	h.latest = at
	if was {
		at = later(at, old.from)
		h.latest = at
		if at.After(old.from) {
			h.former = append(h.former, tenure{old.object, old.from, at})
		}
	}
	delete(h.now, c.ref)
	if c.object != nil {
		h.now[c.ref] = tenure{object: c.object, from: at}
	}
	if len(h.former) > maxVersions {
		h.forget(c.at)
	}
	return true
}

// moment is when a change took place: when the object says it did, if that is
// near; else when it was told. The object's time is that of the API server's
// clock, which may go a little wrong, and is in whole seconds; a time later than
// ours is no time. What was missed while the watch was broken and has no time
// of its own may have happened at any moment of the gap.
func (h *history) moment(c *change) time.Time {
	const near = 2 * time.Minute
	first := c.at.Add(-near)
	if !c.gap.IsZero() && c.gap.Before(first) {
		first = c.gap
	}
	if d := c.declared; !d.IsZero() && !d.Before(first) && !d.After(c.at) {
		return d
	}
	if c.gap.IsZero() {
		return c.at
	}
	if n := len(h.unsure); n > 0 && h.unsure[n-1].from.Equal(c.gap) {
		h.unsure[n-1].until = c.at
	} else {
		h.unsure = append(h.unsure, gap{c.gap, c.at})
	}
	return c.at
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// forget drops what lies before the window, and what is too much.
func (h *history) forget(now time.Time) {
	if n := len(h.former) - maxVersions; n > 0 {
		slices.SortFunc(h.former, func(a, b tenure) int { return a.until.Compare(b.until) })
		h.bounded, h.oldest = true, later(h.oldest, h.former[n+maxVersions/4-1].until)
	}
	starts := h.starts()
	if n := len(starts) - maxEpochs; n > 0 {
		h.bounded, h.oldest = true, starts[n-1]
		starts = starts[n:]
	}
	for _, s := range starts {
		if s.Before(now.Add(-h.window)) {
			h.oldest = later(h.oldest, s)
		}
	}
	h.former = slices.DeleteFunc(h.former, func(t tenure) bool { return !t.until.After(h.oldest) })
	h.unsure = slices.DeleteFunc(h.unsure, func(g gap) bool { return !g.until.After(h.oldest) })
}

// starts are the moments at which an epoch begins, but for the first. Changes
// that follow one of them closely belong to it.
func (h *history) starts() []time.Time {
	var all []time.Time
	see := func(t time.Time) {
		if t.After(h.oldest) {
			all = append(all, t)
		}
	}
	for _, t := range h.former {
		see(t.from)
		see(t.until)
	}
	for _, t := range h.now {
		see(t.from)
	}
	for _, g := range h.unsure {
		see(g.from)
		see(g.until)
	}
	slices.SortFunc(all, time.Time.Compare)
	out := all[:0]
	for _, t := range all {
		if len(out) == 0 || t.Sub(out[len(out)-1]) >= h.coalesce {
			out = append(out, t)
		}
	}
	return out
}

// annals tells the history. It is made anew only after a change.
func (h *history) annals(now time.Time) *annals {
	if h.built != nil && !h.built.outlived(now.Add(-h.window)) {
		return h.built
	}
	h.forget(now)
	starts := h.starts()
	steps := h.steps()
	a := &annals{}
	set := &sorted{}
	at := 0
	until := func(t time.Time) { // all steps before t
		for ; at < len(steps) && steps[at].at.Before(t); at++ {
			set.step(&steps[at])
		}
	}
	from := h.oldest
	for _, s := range starts {
		until(s)
		a.past = append(a.past, audit.Epoch{From: from, Policies: slices.Clone(set.objects), Unsure: h.isUnsure(from)})
		from, a.inForce = s, s
	}
	for ; at < len(steps); at++ {
		set.step(&steps[at])
	}
	a.policies = set.objects
	h.built = a
	return a
}

// outlived tells whether the first epoch ended before a time.
func (a *annals) outlived(t time.Time) bool {
	switch len(a.past) {
	case 0:
		return false
	case 1:
		return a.inForce.Before(t)
	}
	return a.past[1].From.Before(t)
}

func (h *history) isUnsure(t time.Time) bool {
	return slices.ContainsFunc(h.unsure, func(g gap) bool { return !t.Before(g.from) && t.Before(g.until) })
}

// A step is the coming or going of one version.
type step struct {
	at     time.Time
	object *audit.Object
	comes  bool
}

func (h *history) steps() []step {
	var out []step
	for _, t := range h.former {
		out = append(out, step{t.from, t.object, true}, step{t.until, t.object, false})
	}
	for _, t := range h.now {
		out = append(out, step{t.from, t.object, true})
	}
	// At one moment the old goes before the new comes.
	slices.SortStableFunc(out, func(a, b step) int {
		return cmp.Or(a.at.Compare(b.at), order(a.comes, b.comes), compareObjects(a.object, b.object))
	})
	return out
}

func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// sorted is a set of objects in the order of an inventory.
type sorted struct{ objects []*audit.Object }

func (s *sorted) step(st *step) {
	i, _ := slices.BinarySearchFunc(s.objects, st.object, compareObjects)
	if st.comes {
		s.objects = slices.Insert(s.objects, i, st.object)
		return
	}
	for ; i < len(s.objects); i++ {
		if s.objects[i] == st.object {
			s.objects = slices.Delete(s.objects, i, i+1)
			return
		}
	}
}
