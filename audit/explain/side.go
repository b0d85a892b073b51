package explain

import (
	"slices"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// A Side is what one end decides.
type Side struct {
	Verdict  audit.Answer      `json:"verdict"`
	Reason   audit.Reason      `json:"reason"`
	Policies []audit.PolicyRef `json:"policies"`
	L7       bool              `json:"l7,omitempty"`  // a proxy decides on
	Why      string            `json:"why,omitempty"` // of an undetermined answer
}

// both joins the answers of two ends: each may deny, and both must allow.
func both(a, b audit.Answer) audit.Answer {
	for _, worst := range []audit.Answer{audit.Deny, audit.Undetermined} {
		if a == worst || b == worst {
			return worst
		}
	}
	return audit.Allow
}

// A connection is a query whose ends were found.
type connection struct {
	from, to end
	protocol audit.Protocol
	port     uint16
	http     *audit.HTTP
	dns, sni string
}

// side decides one end: for each that either end may be.
func (c *connection) side(e *policy.Engine, d audit.Direction) Side {
	if why := c.from.unknown + c.to.unknown; why != "" {
		return Side{Verdict: audit.Undetermined, Reason: audit.Unknown, Policies: []audit.PolicyRef{}, Why: why}
	}
	var s Side
	for n, q := range c.queries(d) {
		one := decide(e, q)
		if n == 0 {
			s = one
		} else if !s.join(&one) {
			s = Side{Verdict: audit.Undetermined, Reason: audit.Unknown, Policies: []audit.PolicyRef{}, Why: c.depends(d)}
			break
		}
	}
	return s
}

// mayDecide tells whether any policy could be about an end. Outside there is
// nobody to decide.
func mayDecide(p *audit.Peer) bool { return len(p.Labels) > 0 && !p.IsWorld() }

// decide asks the engine, if the subject is one that a policy could be about.
func decide(e *policy.Engine, q audit.Query) Side {
	if !mayDecide(q.Subject) {
		return Side{Verdict: audit.Allow, Reason: audit.NotIsolated, Policies: []audit.PolicyRef{}}
	}
	d := e.Decide(q)
	s := Side{Verdict: d.Answer, Reason: d.Reason, Policies: d.Policies, L7: d.L7, Why: d.Why}
	if s.Policies == nil {
		s.Policies = []audit.PolicyRef{}
	}
	return s
}

// join adds what another of those that an end may be gets for an answer. It
// tells whether they agree.
func (s *Side) join(o *Side) bool {
	if s.Verdict != o.Verdict {
		return false
	}
	if s.Verdict == audit.Undetermined {
		return true // for the reason of the first
	}
	if s.Reason == audit.NotIsolated {
		s.Reason = o.Reason
	}
	for _, p := range o.Policies {
		if !slices.Contains(s.Policies, p) {
			s.Policies = append(slices.Clip(s.Policies), p) // what the engine returned is not ours
		}
	}
	s.L7 = s.L7 || o.L7
	return true
}

// queries are what the engine is asked about one end.
func (c *connection) queries(d audit.Direction) []audit.Query {
	subjects, peers := &c.from, &c.to
	if d == audit.Ingress {
		subjects, peers = peers, subjects
	}
	out := make([]audit.Query, 0, 1)
	for i := range subjects.are {
		for j := range peers.are {
			s, o := &subjects.are[i], &peers.are[j]
			port := c.port
			if to := max(s.port, o.port); to != 0 { // only a destination has one
				port = to
			}
			for _, peer := range o.seenFrom(s) {
				out = append(out, audit.Query{Direction: d, Subject: s.subject(), Peer: peer, Protocol: c.protocol, Port: port, HTTP: c.http, DNS: c.dns, SNI: c.sni})
			}
		}
	}
	return out
}

// depends says what an answer depends on that the query leaves open.
func (c *connection) depends(d audit.Direction) string {
	subject, peer := &c.from, &c.to
	if d == audit.Ingress {
		subject, peer = peer, subject
	}
	for _, e := range []*end{subject, peer} {
		if len(e.are) > 1 {
			return "it depends on which it is: " + e.several
		}
	}
	return "it depends on the node: " + peer.title + " may be the node that the pod runs on, or run the API server"
}
