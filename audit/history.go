package audit

import (
	"slices"
	"time"
)

// A history knows what was declared when, as each namespace saw it: the
// policies of other namespaces select no pods of it.
type history struct {
	states []*state
	lines  map[string]timeline
}

// A state is what was declared from a time on until the next state.
type state struct {
	from     time.Time // zero for the first: nothing before it is known
	engine   Engine
	declared map[Ref][]*Object
	changed  map[string]bool // namespaces whose policies differ from the state before; "" for all
	unsure   bool            // something else changed meanwhile, nobody knows when
}

// A timeline is the states of a history that differ for one namespace. It has
// at least one.
type timeline []*state

func newHistory(i *Inventory, now Engine) *history {
	h := &history{lines: map[string]timeline{}}
	var before []*Object
	add := func(from time.Time, policies []*Object, engine Engine, unsure bool) {
		s := &state{from: from, engine: engine, unsure: unsure, declared: map[Ref][]*Object{}, changed: differing(before, policies)}
		for _, o := range policies {
			s.declared[o.Ref] = append(s.declared[o.Ref], o)
		}
		if len(h.states) == 0 {
			s.from = time.Time{}
		}
		h.states = append(h.states, s)
		before = policies
	}
	for _, e := range i.Past {
		add(e.From, e.Policies, e.Engine, e.Unsure)
	}
	add(i.InForce, i.Policies, now, false)
	return h
}

// unsure tells whether a time touches a state by which nothing can be judged.
func (h *history) unsure(from, to time.Time) bool {
	all := timeline(h.states)
	if len(all) == 1 {
		return false
	}
	return slices.ContainsFunc(all[all.at(from):all.at(to)+1], func(s *state) bool { return s.unsure })
}

// differing names the namespaces of objects that are in one list only; "" for
// those of objects that have none.
func differing(a, b []*Object) map[string]bool {
	once := map[*Object]bool{}
	for _, o := range slices.Concat(a, b) {
		once[o] = !once[o]
	}
	out := map[string]bool{}
	for o, differs := range once {
		if differs {
			out[o.Namespace] = true
		}
	}
	return out
}

// line is the history as one namespace saw it.
func (h *history) line(namespace string) timeline {
	if l, ok := h.lines[namespace]; ok {
		return l
	}
	l := timeline{h.states[0]}
	for _, s := range h.states[1:] {
		if s.changed[namespace] || s.changed[""] {
			l = append(l, s)
		}
	}
	h.lines[namespace] = l
	return l
}

// at is the state in force at a time.
func (l timeline) at(t time.Time) int {
	i := len(l) - 1
	for i > 0 && t.Before(l[i].from) {
		i--
	}
	return i
}

// since is from when on, without a break, the answer was the one given in state
// at; zero if it was never another as far as is known.
func (l timeline) since(q Query, a Answer, at int) time.Time {
	for at > 0 && l[at-1].engine.Decide(q).Answer == a {
		at--
	}
	return l[at].from
}

// declares tells whether a policy named by a verdict was declared: of that kind
// (older Hubble does not say it), name and uid.
func (s *state) declares(p NamedPolicy) bool {
	same := func(o *Object) bool { return p.UID == "" || o.UID == "" || p.UID == o.UID }
	if p.Kind != "" {
		return slices.ContainsFunc(s.declared[p.Ref], same)
	}
	for ref, objects := range s.declared {
		if ref.Name == p.Name && ref.Namespace == p.Namespace && slices.ContainsFunc(objects, same) {
			return true
		}
	}
	return false
}
