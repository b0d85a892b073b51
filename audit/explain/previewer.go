package explain

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// previewer decides before and after.
type previewer struct {
	before, after *policy.Engine
	outlook       *outlook
	changed       map[audit.Ref]string
	places        map[netip.Addr]place
	cluster       string
	groups        map[string]*Effect
	out           *Preview
}

// see decides one conversation, if it proves that a connection was tried.
func (p *previewer) see(c *audit.Conversation) {
	switch c.Event {
	case audit.PolicyVerdict, audit.Drop, audit.Delivered, audit.Left:
	default:
		return
	}
	if c.Opened == 0 || !c.From.IsPod() && !c.To.IsPod() || c.IsNoise() {
		return
	}
	switch {
	case c.Verdict == audit.Dropped && c.Reason != audit.ReasonDefault && c.Reason != audit.ReasonRule:
		p.out.Skipped["dropped for a reason that is not policy"] += c.Flows
		return
	case p.isNobody(&c.From) || p.isNobody(&c.To):
		p.out.Skipped["an end's identity was not known"] += c.Flows
		return
	}
	e := Effect{Protocol: c.Protocol, Port: c.Port}
	from, to := p.outlook.after(&c.From), p.outlook.after(&c.To)
	e.Egress = p.shift(audit.Query{Direction: audit.Egress, Subject: &c.From, Peer: &c.To, Protocol: c.Protocol, Port: c.Port}, from, to)
	e.Ingress = p.shift(audit.Query{Direction: audit.Ingress, Subject: &c.To, Peer: &c.From, Protocol: c.Protocol, Port: c.Port}, to, from)
	p.judge(&e, c)
	p.group(&e, c)
}

// isNobody tells an end that flows did not know, or took for the world although
// it is a pod, a node or a Service.
func (p *previewer) isNobody(e *audit.Peer) bool {
	if len(e.Labels) == 0 || e.Labels.Reserved("unknown") {
		return true
	}
	_, inside := p.places[e.IP]
	return inside && e.IsWorld()
}

func (p *previewer) shift(q audit.Query, subject, peer *audit.Peer) Shift {
	if cluster, ok := q.Subject.Labels.Get(audit.LabelCluster); ok && p.cluster != "" && cluster != p.cluster {
		elsewhere := Side{Verdict: audit.Allow, Reason: audit.NotIsolated, Policies: []audit.PolicyRef{}}
		return Shift{elsewhere, elsewhere} // another cluster's policies are not ours to know
	}
	before := decide(p.before, q)
	q.Subject, q.Peer = subject, peer
	return Shift{before, decide(p.after, q)}
}

// judge says what becomes of the connection, and which end is to be named.
func (p *previewer) judge(e *Effect, c *audit.Conversation) {
	before, after := e.verdicts()
	requests := cmp.Or(p.requests(&e.Egress), p.requests(&e.Ingress))
	switch {
	case before == audit.Allow && after == audit.Deny:
		e.Outcome = Breaks
	case before == audit.Undetermined || after == audit.Undetermined:
		e.Outcome = Unsure
		e.Why = cmp.Or(e.Egress.After.Why, e.Ingress.After.Why, e.Egress.Before.Why, e.Ingress.Before.Why)
	case before == audit.Deny && after == audit.Allow:
		e.Outcome = Opens
	case after == audit.Allow && requests != "":
		e.Outcome, e.Why = Unsure, requests
	default:
		e.Outcome = Unchanged
	}
	e.Direction, e.Subject, e.Peer = audit.Egress, c.From.Ref(), c.To.Ref()
	if e.Egress.decides() < e.Ingress.decides() {
		e.Direction, e.Subject, e.Peer = audit.Ingress, e.Peer, e.Subject
	}
}

// requests says why the proxy may judge requests otherwise after the change: the
// flows don't say what was asked of it.
func (p *previewer) requests(s *Shift) string {
	switch {
	case s.Before.L7 && !s.After.L7:
		return "a proxy would no longer decide on: requests that it refuses would pass"
	case s.After.L7 && !s.Before.L7:
		return "HTTP or DNS rules would decide on, and the flows don't tell which requests were sent"
	case s.After.L7 && slices.ContainsFunc(slices.Concat(s.Before.Policies, s.After.Policies), func(r audit.PolicyRef) bool { return p.changed[r.Ref] != "" }):
		return "HTTP or DNS rules change, and the flows don't tell which requests were sent"
	}
	return ""
}
