package flows

import (
	"maps"
	"slices"
	"time"
)

// held are flows that are too recent to be counted for good, in slots of time:
// news of a change of policy comes later than the first flows after it.
type held struct {
	slots map[int64][]mark // by the slot's number
	free  [][]mark         // room to use again
	count int
}

const (
	slotWidth = int64(5 * time.Second)
	maxHeld   = 200_000 // flows; of more, the oldest are settled before their time
	maxFree   = 16      // slots that are used again
)

func newHeld() *held { return &held{slots: map[int64][]mark{}} }

// put holds a flow. One from the future, which a wrong clock makes, is held as
// long as one of now.
func (h *held) put(m *mark, now int64) {
	slot := min(m.at, now) / slotWidth
	marks, ok := h.slots[slot]
	if n := len(h.free); !ok && n > 0 {
		marks, h.free = h.free[n-1], h.free[:n-1]
	}
	h.slots[slot] = append(marks, *m)
	h.count++
}

// isDue tells whether the slot of a time ends before another.
func (h *held) isDue(at, before int64) bool { return (at/slotWidth+1)*slotWidth <= before }

// due are the slots that end before a time, in order.
func (h *held) due(before int64) (out []int64) {
	for slot := range h.slots {
		if before == never || h.isDue(slot*slotWidth, before) {
			out = append(out, slot)
		}
	}
	slices.Sort(out)
	return out
}

// oldest is the slot that begins first.
func (h *held) oldest() int64 { return slices.Min(slices.Collect(maps.Keys(h.slots))) }

// from is when the oldest flow may have been; never if there is none.
func (h *held) from() int64 {
	if len(h.slots) == 0 {
		return never
	}
	return h.oldest() * slotWidth
}

func (h *held) drop(slot int64) {
	marks := h.slots[slot]
	h.count -= len(marks)
	delete(h.slots, slot)
	clear(marks)
	if len(h.free) < maxFree {
		h.free = append(h.free, marks[:0])
	}
}
