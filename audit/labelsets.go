package audit

import (
	"hash/maphash"
	"slices"
)

// LabelSets numbers label sets: equal ones have one number. A set that lies
// where one lay before costs no look at its labels, so that numbers make better
// keys than texts where a few sets come up again and again.
type LabelSets struct {
	seed   maphash.Seed
	places map[labelPlace]int
	hashes map[uint64]int // of sets; one whose hash is taken has the next that is free
	sets   []Labels
}

// A labelPlace is where a set lies in memory.
type labelPlace struct {
	at *string
	n  int
}

// NewLabelSets has numbered nothing yet.
func NewLabelSets() *LabelSets {
	return &LabelSets{seed: maphash.MakeSeed(), places: map[labelPlace]int{}, hashes: map[uint64]int{}}
}

// Number is the number of a set. The set must not be changed afterwards.
func (s *LabelSets) Number(ls Labels) int {
	var at labelPlace
	if len(ls) > 0 {
		at = labelPlace{&ls[0], len(ls)}
	}
	if n, ok := s.places[at]; ok {
		return n
	}
	n := s.find(ls)
	s.places[at] = n
	return n
}

// find looks at the labels themselves.
func (s *LabelSets) find(ls Labels) int {
	var h uint64
	for _, l := range ls {
		h = h*31 + maphash.String(s.seed, l)
	}
	for ; ; h++ {
		n, ok := s.hashes[h]
		if !ok {
			n = len(s.sets)
			s.hashes[h], s.sets = n, append(s.sets, ls)
			return n
		}
		if slices.Equal(s.sets[n], ls) {
			return n
		}
	}
}
