package policy

import "sync/atomic"

// places finds the identity of a label set by where the set lies in memory, so
// that one that was met before costs no look at a label. It holds on to the
// labels, as [memo] does, and for the same reason.
type places [placeSlots]atomic.Pointer[placed]

// placeSlots is a power of two; one set can take the slot of another.
const (
	placeBits  = 14
	placeSlots = 1 << placeBits
)

type placed struct {
	place
	*identity
}

func (p *places) slot(at place) *atomic.Pointer[placed] {
	const odd = 0x9E3779B97F4A7C15
	return &p[(at.number()^uint64(at.n))*odd>>(64-placeBits)]
}

// placed is where identities are found by place, made when it is first needed.
func (g *ground) placed() *places {
	if p := g.places.Load(); p != nil {
		return p
	}
	g.places.CompareAndSwap(nil, new(places))
	return g.places.Load()
}
