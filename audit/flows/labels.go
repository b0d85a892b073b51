package flows

import (
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A labelSet is a list of labels that is kept once, however many flows carry it.
type labelSet struct {
	list      audit.Labels
	sum       uint64
	bare      *labelSet // without gen: and cidr:, so what makes up the identity
	wide      *labelSet // without cidr:, so what many addresses have in common
	node      bool      // the node itself
	nobody    bool      // it is not known who this is
	namespace string
}

// labelSets finds the set for a list of labels.
type labelSets struct {
	by    map[string]*labelSet
	key   []byte // of the last list, reused
	max   int
	bytes int
}

func newLabelSets(most int) *labelSets {
	return &labelSets{by: map[string]*labelSet{}, max: most}
}

// of returns the set for a list in any order, or nil if there is no room for
// another one.
func (s *labelSets) of(list []string) *labelSet {
	if !slices.IsSorted(list) {
		list = audit.NewLabels(slices.Clone(list)...)
	}
	s.key = s.key[:0]
	for _, l := range list {
		s.key = append(append(s.key, l...), 0)
	}
	if set := s.by[string(s.key)]; set != nil {
		return set
	}
	if len(s.by) >= s.max || s.bytes+len(s.key) > maxLabelBytes {
		return nil
	}
	return s.add(string(s.key), slices.Clone(list))
}

// add keeps a new set, and the two sets that it is compared by; these find
// room in any case.
func (s *labelSets) add(key string, list audit.Labels) *labelSet {
	h := emptySum
	for _, l := range list {
		h = h.text(l)
	}
	set := &labelSet{
		list: list, sum: h.mixed(), node: isNode(list), namespace: labelledNamespace(list),
		nobody: len(list) == 0 || list.Reserved("unknown"),
	}
	s.by[key] = set
	s.bytes += len(key)
	set.bare = s.without(set, "gen:", "cidr:")
	set.wide = s.without(set, "cidr:")
	return set
}

func (s *labelSets) without(set *labelSet, sources ...string) *labelSet {
	rest := slices.DeleteFunc(slices.Clone(set.list), func(l string) bool {
		return slices.ContainsFunc(sources, func(p string) bool { return strings.HasPrefix(l, p) })
	})
	if len(rest) == len(set.list) {
		return set
	}
	var key strings.Builder
	for _, l := range rest {
		key.WriteString(l)
		key.WriteByte(0)
	}
	if known := s.by[key.String()]; known != nil {
		return known
	}
	return s.add(key.String(), rest)
}

// sweep forgets all sets but those that are used, and those they are compared by.
func (s *labelSets) sweep(used map[*labelSet]bool) {
	for _, set := range s.by {
		if used[set] {
			used[set.bare], used[set.wide] = true, true
		}
	}
	for key, set := range s.by {
		if !used[set] {
			delete(s.by, key)
			s.bytes -= len(key)
		}
	}
}
