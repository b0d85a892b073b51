package policy

import (
	"strings"

	"github.com/segproof/segproof/audit"
)

// Considered is a rule that is about the subject of a query in its direction,
// and what became of it.
type Considered struct {
	audit.PolicyRef
	Deny, Pass bool   // what it does where it matches; allow if neither
	Match      string // yes, no or maybe
	Peer       string // each of them too, if the others are left aside
	Port       string
	L7         string
	Why        string // what the rule wants and, where it does not match, what the query has
}

// Consider tells what each rule that is about the subject says of a query, in
// the order in which they are asked: the admin tier first, the baseline last.
// It is for explaining an answer to a person and may take its time.
func (e *Engine) Consider(q audit.Query) []Considered {
	subject, peer := e.end(q.Subject), e.end(q.Peer)
	p := e.plan(subject.identity, index(q.Direction))
	a := e.ask(p, q, subject.identity, peer)
	var out []Considered
	for i := range p.rules {
		out = append(out, p.rules[i].consider(a))
	}
	return out
}

func (r *applied) consider(a *ask) Considered {
	c := Considered{PolicyRef: r.ref, Deny: r.verdict == deny, Pass: r.verdict == pass, Match: r.ask(a).truth.String()}
	if r.doubt != "" {
		c.Peer, c.Port, c.L7 = maybe.String(), maybe.String(), maybe.String()
		c.Why = "it is not wholly understood: " + r.doubt
		return c
	}
	connection := *a
	connection.http, connection.dns, connection.sni = nil, "", ""
	port := r.matchPorts(&connection)
	request := r.request(a, port)
	peer, whyPeer := r.matchPeers(a.peer)
	if r.nobody {
		peer = no
	}
	c.Peer, c.Port, c.L7 = peer.String(), port.truth.String(), request.truth.String()
	var why []string
	if peer != yes {
		why = append(why, "wants "+r.wantsPeers()+"; the peer is "+a.peer.String()+reason(whyPeer))
	}
	if port.truth != yes {
		why = append(why, "wants "+r.wantsPorts()+"; asked is "+audit.PortName(a.protocol, a.port)+reason(port.why))
	}
	if port.truth != no && request.truth != yes {
		why = append(why, "lets pass "+r.wantsRequest(&connection)+"; the request is "+a.asked()+reason(request.why))
	}
	if r.subject != yes {
		why = append(why, "may not be about the subject"+reason(r.why))
	}
	if c.Why = strings.Join(why, "; it "); c.Why == "" {
		c.Why = "wants " + r.wantsPeers() + " on " + r.wantsPorts()
	}
	return c
}

// request tells what a proxy makes of the request at the ports that match.
func (r *rule) request(a *ask, port match) match {
	switch {
	case port.truth == no || r.anyPort || !port.proxied && (!port.dns || port.plain):
		return match{truth: yes}
	case !a.request():
		return match{truth: maybe, why: "the query names none"}
	}
	m := match{}
	for i := range r.ports {
		p := &r.ports[i]
		if is, _ := p.match(a); is == no || p.l7 == nil {
			continue
		}
		if let, w := p.l7.match(a); let > m.truth {
			m.truth, m.why = let, w
		}
	}
	return m
}

func reason(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

// String is the truth in a word.
func (t truth) String() string { return [...]string{"no", "maybe", "yes"}[t] }
