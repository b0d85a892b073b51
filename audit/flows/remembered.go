package flows

import (
	"hash/maphash"
	"sync"
)

// remembered knows which flows have been taken, so that files that overlap, or
// a stream that is asked again, do not count twice. It is safe for concurrent
// use. It has two generations: when the young one is full, or a while has
// passed, the old one is forgotten.
type remembered struct {
	mu         sync.Mutex
	seed       maphash.Seed
	young, old map[uint64]struct{}
	max        int // of one generation
}

func remember(most int) *remembered {
	return &remembered{seed: maphash.MakeSeed(), young: map[uint64]struct{}{}, max: max(1, most/2)}
}

// before tells whether a flow was taken before. One without a uuid never was.
func (s *remembered) before(id uid, text string) bool {
	var h uint64
	switch {
	case text != "":
		h = maphash.String(s.seed, text)
	case id != uid{}:
		h = maphash.Bytes(s.seed, id[:])
	default:
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.young[h]; ok {
		return true
	}
	if _, ok := s.old[h]; ok {
		return true
	}
	if len(s.young) >= s.max {
		s.turn()
	}
	s.young[h] = struct{}{}
	return false
}

// age begins another generation.
func (s *remembered) age() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
}

// turn empties the old generation and uses it again: its room is as large as
// what comes in a while.
func (s *remembered) turn() {
	s.young, s.old = s.old, s.young
	if s.young == nil {
		s.young = map[uint64]struct{}{}
	}
	clear(s.young)
}
