package policy

import "github.com/segproof/segproof/audit"

// A section is one spec of a policy: whom it is about and what it says of them.
type section struct {
	ref      audit.PolicyRef // of the policy as a whole
	subject  *selector
	host     bool // it is about nodes rather than pods
	order    order
	isolates [2]truth // by direction: what no rule allows is denied
	rules    [2][]*rule
	doubt    string // why it is not wholly understood
}

// A verdict is what a rule does to the connections it is about.
type verdict uint8

const (
	allow verdict = iota
	deny
	pass // the rest of its tier is not asked
)

// A rule allows, denies or passes on one direction.
type rule struct {
	ref     audit.PolicyRef
	verdict verdict
	order   order
	nobody  bool      // it has a list of peers, and the list is empty
	peers   []matcher // alternatives; none at all means everybody
	anyPort bool
	ports   []portRule // alternatives
	doubt   string     // why it is not wholly understood
	refuses bool       // it asks for an authentication that always fails

	requires []*selector // that must hold for every selector of peers beside it
}

// A matcher is one kind of peer that a rule names. If it can't tell, it says why.
type matcher interface {
	match(end) (truth, string)
	wants() string // in words, such as "pods app=web of namespace shop"
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

	// Of the request, if the proxy's part is asked about too.
	http *audit.HTTP
	dns  string
	sni  string

	ends map[portEnd]ends // of port names at ingress
}

func (a *ask) request() bool { return a.http != nil || a.dns != "" || a.sni != "" }

// A match tells whether a rule is about a connection, and who decides then.
type match struct {
	truth   truth
	why     string // if that can't be told
	proxied bool   // the proxy has a say
	dns     bool   // and it is the DNS proxy
	plain   bool   // the very port is open for every name too
	asked   bool   // but for the request it matches for certain, and the proxy decides
}

func (r *rule) match(a *ask) match {
	switch {
	case r.doubt != "":
		return match{truth: maybe, why: r.doubt}
	case r.nobody:
		return match{}
	}
	m := r.matchPorts(a)
	if m.truth == no && !m.asked {
		return match{}
	}
	peers, why := r.matchPeers(a.peer)
	if peers < m.truth {
		m.truth, m.why = peers, why
	}
	m.asked = m.asked && peers == yes
	return m
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

// matchPorts joins the ports. Where one leaves it to a proxy and another does
// not, the proxy lets everything pass; the DNS proxy does so only if the other
// names the very port.
func (r *rule) matchPorts(a *ask) match {
	narrow := a.dns != "" && r.verdict == allow
	if r.anyPort {
		return match{truth: truly(!narrow)}
	}
	m := match{proxied: true}
	for i := range r.ports {
		p := &r.ports[i]
		is, why := p.match(a)
		if is == yes {
			m.proxied = m.proxied && p.l7 != nil
			m.dns = m.dns || p.l7 != nil && p.l7.dns != nil
			m.plain = m.plain || p.l7 == nil && p.single()
			m.asked = m.asked || p.l7 != nil && a.request()
		}
		switch {
		case p.l7 == nil && narrow && !p.single():
			is = no
		case p.l7 != nil && a.request():
			if let, w := p.l7.match(a); let < is {
				is, why = let, w
			}
		}
		if is > m.truth {
			m.truth, m.why = is, why
		}
	}
	return m
}

// doubted makes every statement of a section doubtful: what it says may not
// hold, and what it does not say may.
func (s *section) doubted(why string, may ...verdict) {
	s.doubt = why
	for d := range s.rules {
		if s.order.tier == normal {
			s.isolates[d] = maybe
		}
		for _, r := range s.rules[d] {
			if r.doubt == "" {
				r.doubt = why
			}
		}
		for _, v := range may {
			s.rules[d] = append(s.rules[d], &rule{ref: s.ref, order: s.order, doubt: why, verdict: v})
		}
	}
}
