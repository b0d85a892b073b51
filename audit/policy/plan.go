package policy

import (
	"cmp"
	"slices"
	"sync"

	"github.com/segproof/segproof/audit"
)

// A plan is what is known of one identity as the subject of one direction: the
// rules that apply to it, in order, and the answers given so far.
type plan struct {
	about     []*section // that may be about the subject in this direction
	undecided string
	answer    *audit.Decision // if it does not depend on the peer
	rules     []applied
	stages    []stage
	ruled     truth // some section says something
	refuses   bool  // a rule asks for an authentication that always fails
	isolated  truth
	isolators []audit.PolicyRef
	why       string           // why isolated is maybe
	ends      map[portEnd]ends // of ranges that begin at a port name

	mu      sync.RWMutex
	given   map[question]*audit.Decision
	answers []*audit.Decision // the first of those given that differ
}

// applied is a rule with how certain it is that its section is about the subject.
type applied struct {
	*rule
	subject truth
	why     string
}

// plans are the two that were last made or found to hold, the latest first: who
// tries a change asks the engines before and after it by turns.
type plans [2]struct {
	owner uint64 // number of the engine for which it is known to hold
	*plan
}

// plan returns what is known of a subject, working it out on first use. One
// that was made for another engine on the same ground holds as well if the same
// sections are about the subject.
func (e *Engine) plan(id *identity, d int) *plan {
	kept := id.plans[d].Load()
	if kept == nil {
		kept = &plans{}
	}
	for i := range kept {
		if kept[i].plan != nil && kept[i].owner == e.number {
			return kept[i].plan
		}
	}
	p, about := (*plan)(nil), e.about(id, d)
	for i := range kept {
		if k := kept[i].plan; p == nil && k != nil && k.undecided == e.undecided[d] && slices.Equal(k.about, about) {
			p = k
		}
	}
	if p == nil {
		p = e.newPlan(id, d, about)
	}
	next := plans{{e.number, p}, kept[0]}
	id.plans[d].Store(&next)
	return p
}

// forget drops the answers that are kept.
func (id *identity) forget() {
	for d := range id.plans {
		kept := id.plans[d].Load()
		if kept == nil {
			continue
		}
		for i := range kept {
			if p := kept[i].plan; p != nil {
				p.mu.Lock()
				p.given, p.answers = map[question]*audit.Decision{}, nil
				p.mu.Unlock()
			}
		}
	}
}

// about are the sections that may be about a subject in a direction, in order.
func (e *Engine) about(id *identity, d int) []*section {
	var out []*section
	for _, list := range [][]*section{e.clusterwide, e.byNamespace[id.namespace]} {
		for _, s := range list {
			if s.host == id.host && (len(s.rules[d]) > 0 || s.isolates[d] != no) && s.subject.match(id) != no {
				out = append(out, s)
			}
		}
	}
	return out
}

func (e *Engine) newPlan(id *identity, d int, about []*section) *plan {
	p := &plan{about: about, undecided: e.undecided[d], given: map[question]*audit.Decision{}}
	switch {
	case id.unknown || id == e.bare:
		p.answer = undetermined("the identity of the subject is not known")
		return p
	case !id.host && id.namespace == "" && !id.is("init") && !id.is("health") && !id.is("ingress"):
		// Nothing can be declared for what Cilium has no endpoint of.
		p.answer = &audit.Decision{Answer: audit.Allow, Reason: audit.NotIsolated}
		return p
	case p.undecided != "" && !id.host:
		p.answer = undetermined(p.undecided)
		return p
	}
	for _, s := range about {
		p.apply(s, id, d)
	}
	if e.settings.always && (!id.host || e.settings.hostFirewall) || id.is("init") {
		p.isolated = yes // what has no identity yet is isolated with or without a policy
	}
	p.require()
	p.mergeServerNames()
	if d == ingress {
		p.findEnds()
	}
	p.arrange()
	return p
}

// apply adds what a section says of the subject.
func (p *plan) apply(s *section, id *identity, d int) {
	about := s.subject.match(id)
	p.ruled = max(p.ruled, about)
	for _, r := range s.rules[d] {
		p.rules = append(p.rules, applied{r, about, s.subject.why(end{identity: id})})
		p.refuses = p.refuses || r.refuses
	}
	switch min(about, s.isolates[d]) {
	case yes:
		p.isolated = yes
		if n := len(p.isolators); n == 0 || p.isolators[n-1] != s.ref {
			p.isolators = append(p.isolators, s.ref)
		}
	case maybe:
		p.isolated = max(p.isolated, maybe)
		p.why = cmp.Or(p.why, s.doubt, s.subject.why(end{identity: id}))
	}
}
