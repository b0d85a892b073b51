package policy

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

type operator uint8

const (
	in     operator = iota // the label is there and has one of the values
	notIn                  // it has none of them, or is not there
	exists                 // it is there
	absent                 // it is not there
	local                  // the end is a pod of our own cluster
)

// A requirement is one condition on the labels of an end.
type requirement struct {
	op     operator
	source string // "any" looks at the key alone
	key    string
	values []string
	prefix netip.Prefix // of a key whose source is cidr
	hidden bool         // Cilium never sees such labels, Kubernetes does
}

// A selector is a conjunction of requirements. Those that say the same are the
// same value, and its index is where an identity keeps whether it matches.
type selector struct {
	index   int
	reqs    []requirement
	doubt   string // why it is not wholly understood
	cluster string
}

// negative tells that the selector only excludes.
func (s *selector) negative() bool {
	return len(s.reqs) > 0 && !slices.ContainsFunc(s.reqs, func(r requirement) bool { return r.op != notIn && r.op != absent })
}

func (s *selector) wildcard() bool { return len(s.reqs) == 0 && s.doubt == "" }

// match tells whether the selector selects an identity, and remembers.
func (s *selector) match(id *identity) truth {
	word, shift := id.match(s.index), uint(s.index%32)*2
	if kept := word.Load() >> shift & 3; kept != 0 {
		return truth(kept - 1)
	}
	t := s.evaluate(id)
	word.Or(uint64(t+1) << shift)
	return t
}

func (s *selector) evaluate(id *identity) truth {
	if s.wildcard() {
		return yes
	}
	if id.unknown || s.doubt != "" {
		return maybe
	}
	t := yes
	for i := range s.reqs {
		t = min(t, s.holds(&s.reqs[i], id))
	}
	return t
}

func (s *selector) holds(r *requirement, id *identity) truth {
	if r.op == local {
		return truly(id.local(s.cluster))
	}
	if r.hidden && id.namespace != "" {
		return maybe
	}
	value, found := id.lookup(r)
	return truly(r.accepts(value, found))
}

func (r *requirement) accepts(value string, found bool) bool {
	switch r.op {
	case in:
		return found && slices.Contains(r.values, value)
	case notIn:
		return !found || !slices.Contains(r.values, value)
	case exists:
		return found
	}
	return !found
}

// lookup finds the label that a requirement is about. A cidr label answers for
// every range that it lies in.
func (id *identity) lookup(r *requirement) (value string, found bool) {
	if r.prefix.IsValid() {
		return "", slices.ContainsFunc(id.prefixes, func(p netip.Prefix) bool { return covers(r.prefix, p) })
	}
	for _, l := range id.labels {
		if l.key == r.key && (l.source == r.source || r.source == "any") {
			return l.value, true
		}
	}
	return "", false
}

// covers tells whether the range b lies inside a.
func covers(a, b netip.Prefix) bool { return a.Bits() <= b.Bits() && a.Contains(b.Addr()) }

// everyPod tells whether a selector selects every pod, also tomorrow's, of a
// namespace whose pods share these labels. What it asks of a pod's own labels
// is not true of every pod, whatever it asks.
func (s *selector) everyPod(shared *identity, known bool) truth {
	if s.doubt != "" {
		return maybe
	}
	t := yes
	for i := range s.reqs {
		r := &s.reqs[i]
		switch {
		case r.op == local:
		case r.source != "any" && r.source != "k8s":
			return no
		case r.key == audit.LabelNamespace, r.key == audit.LabelCluster && shared.cluster != "":
			t = min(t, s.holds(r, shared))
		case strings.HasPrefix(r.key, audit.PrefixNamespaceMeta):
			if h := s.holds(r, shared); known || r.key == labelMetaName {
				t = min(t, h)
			} else {
				t = min(t, maybe)
			}
		default:
			return no
		}
	}
	return t
}
