package audit

// LabelSets numbers label sets: equal ones have one number. A set that lies
// where one lay before costs no look at its labels, so that numbers make better
// keys than texts where a few sets come up again and again.
type LabelSets struct {
	places map[labelPlace]int
	texts  map[string]int
}

// A labelPlace is where a set lies in memory.
type labelPlace struct {
	at *string
	n  int
}

// NewLabelSets has numbered nothing yet.
func NewLabelSets() *LabelSets {
	return &LabelSets{map[labelPlace]int{}, map[string]int{}}
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
	key := ls.Key()
	n, ok := s.texts[key]
	if !ok {
		n = len(s.texts)
		s.texts[key] = n
	}
	s.places[at] = n
	return n
}
