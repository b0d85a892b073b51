package policy

import "github.com/segproof/segproof/audit"

// A section is one spec of a policy: whom it is about and what it says of them.
type section struct {
	ref      audit.PolicyRef // of the policy as a whole
	subject  *selector
	host     bool     // it is about nodes rather than pods
	isolates [2]truth // by direction: what no rule allows is denied
	rules    [2][]*rule
	doubt    string // why it is not wholly understood
}

// A rule allows or denies one direction.
type rule struct {
	ref     audit.PolicyRef
	deny    bool
	nobody  bool      // it has a list of peers, and the list is empty
	peers   []matcher // alternatives; none at all means everybody
	anyPort bool
	ports   []portRule // alternatives
	doubt   string     // why it is not wholly understood
}

// A matcher is one kind of peer that a rule names. If it can't tell, it says why.
type matcher interface {
	match(end) (truth, string)
}

// An ask is one question to the rules of one subject.
type ask struct {
	engine    *Engine
	direction int
	subject   *identity
	peer      end
	protocol  audit.Protocol
	bit       protocols
	port      uint16
}

// match tells whether the rule is about a connection, whether the proxy has a
// say after it, and if it can't be told, why.
func (r *rule) match(a *ask) (t truth, l7 bool, why string) {
	switch {
	case r.doubt != "":
		return maybe, false, r.doubt
	case r.nobody:
		return no, false, ""
	}
	ports, l7, why := r.matchPorts(a)
	if ports == no {
		return no, false, ""
	}
	peers, whyPeers := r.matchPeers(a.peer)
	if peers < ports {
		return peers, l7, whyPeers
	}
	return ports, l7, why
}

func (r *rule) matchPeers(p end) (t truth, why string) {
	if len(r.peers) == 0 {
		return yes, ""
	}
	for _, m := range r.peers {
		switch is, w := m.match(p); is {
		case yes:
			return yes, ""
		case maybe:
			t, why = maybe, w
		}
	}
	return t, why
}

func (r *rule) matchPorts(a *ask) (t truth, l7 bool, why string) {
	if r.anyPort {
		return yes, false, ""
	}
	for i := range r.ports {
		p := &r.ports[i]
		switch is, w := p.match(a); {
		case is == yes && !p.l7:
			return yes, false, ""
		case is == yes:
			t, l7, why = yes, true, ""
		case is == maybe && t == no:
			t, l7, why = maybe, p.l7, w
		}
	}
	return t, l7, why
}

// doubted gives a section whose every statement is doubtful: what it says may
// not hold, and what it does not say may.
func (s *section) doubted(why string, mayDeny bool) {
	s.doubt = why
	for d := range s.rules {
		s.isolates[d] = maybe
		for _, r := range s.rules[d] {
			if r.doubt == "" {
				r.doubt = why
			}
		}
		s.rules[d] = append(s.rules[d], &rule{ref: s.ref, doubt: why})
		if mayDeny {
			s.rules[d] = append(s.rules[d], &rule{ref: s.ref, doubt: why, deny: true})
		}
	}
}
