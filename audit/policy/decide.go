package policy

import (
	"cmp"
	"net/netip"
	"sync"

	"github.com/segproof/segproof/audit"
)

// A plan is what is known of one identity as the subject of one direction: the
// rules that apply to it, and the answers given so far.
type plan struct {
	answer    *audit.Decision // if it does not depend on the peer
	rules     []applied
	ruled     truth // some section says something
	isolated  truth
	isolators []audit.PolicyRef
	why       string // why isolated is maybe

	mu    sync.RWMutex
	given map[question]*audit.Decision
}

// applied is a rule with how certain it is that its section is about the subject.
type applied struct {
	*rule
	subject truth
	why     string
}

// question tells the answers of one plan apart.
type question struct {
	peer     *identity
	ip       netip.Addr
	protocol audit.Protocol
	port     uint16
}

// maxAnswers bounds the answers that are kept.
const maxAnswers = 1 << 20

// Decide answers for one end of a connection.
func (e *Engine) Decide(q audit.Query) audit.Decision {
	subject, peer := e.end(q.Subject), e.end(q.Peer)
	d := index(q.Direction)
	p := e.plan(subject.identity, d)
	if p.answer != nil {
		return *p.answer
	}
	k := question{peer.identity, peer.ip, q.Protocol, q.Port}
	p.mu.RLock()
	kept := p.given[k]
	p.mu.RUnlock()
	if kept != nil {
		return *kept
	}
	a := e.weigh(p, &ask{e, d, subject.identity, peer, q.Protocol, protocolBit(q.Protocol), q.Port})
	if e.answers.Add(1) <= maxAnswers {
		p.mu.Lock()
		p.given[k] = &a
		p.mu.Unlock()
	}
	return a
}

// plan returns what is known of a subject, working it out on first use.
func (e *Engine) plan(id *identity, d int) *plan {
	if p := id.plans[d].Load(); p != nil {
		return p
	}
	id.plans[d].CompareAndSwap(nil, e.newPlan(id, d))
	return id.plans[d].Load()
}

func (e *Engine) newPlan(id *identity, d int) *plan {
	p := &plan{given: map[question]*audit.Decision{}}
	undetermined := func(why string) *audit.Decision {
		return &audit.Decision{Answer: audit.Undetermined, Reason: audit.Unknown, Why: why}
	}
	switch {
	case id.unknown || id == e.bare:
		p.answer = undetermined("the identity of the subject is not known")
		return p
	case id.is("init"):
		p.answer = undetermined("the subject is a pod that has no identity yet")
		return p
	case !id.host && id.namespace == "" && !id.is("health") && !id.is("ingress"):
		// Nothing can be declared for what Cilium has no endpoint of.
		p.answer = &audit.Decision{Answer: audit.Allow, Reason: audit.NotIsolated}
		return p
	case e.undecided[d] != "" && !id.host:
		p.answer = undetermined(e.undecided[d])
		return p
	}
	for _, s := range e.clusterwide {
		p.apply(s, id, d)
	}
	for _, s := range e.byNamespace[id.namespace] {
		p.apply(s, id, d)
	}
	if e.settings.always && (!id.host || e.settings.hostFirewall) {
		p.isolated = yes
	}
	return p
}

// apply adds what a section says of the subject, if it is about it.
func (p *plan) apply(s *section, id *identity, d int) {
	if s.host != id.host {
		return
	}
	about := s.subject.match(id)
	if about == no {
		return
	}
	if len(s.rules[d]) > 0 || s.isolates[d] != no {
		p.ruled = max(p.ruled, about)
	}
	for _, r := range s.rules[d] {
		p.rules = append(p.rules, applied{r, about, s.subject.why(end{identity: id})})
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

// outcome is what the rules of one plan say of one question.
type outcome struct {
	denies, allows           []audit.PolicyRef
	l7                       bool // every rule that allows leaves it to the proxy
	whyMayDeny, whyMayAllow  string
	mayBeDenied, mayBeLetOut bool
}

func (p *plan) outcome(a *ask) outcome {
	o := outcome{l7: true}
	for i := range p.rules {
		r := &p.rules[i]
		t, l7, why := r.match(a)
		if t > r.subject {
			t, why = r.subject, r.why
		}
		switch {
		case t == yes && r.deny:
			o.denies = append(o.denies, r.ref)
		case t == yes:
			o.allows = append(o.allows, r.ref)
			o.l7 = o.l7 && l7
		case t == maybe && r.deny:
			o.mayBeDenied, o.whyMayDeny = true, cmp.Or(o.whyMayDeny, r.named(why))
		case t == maybe:
			o.mayBeLetOut, o.whyMayAllow = true, cmp.Or(o.whyMayAllow, r.named(why))
		}
	}
	return o
}

// named says which rule it is that can't be decided.
func (r *rule) named(why string) string {
	s := r.ref.Ref.String()
	if r.ref.Rule != "" {
		s += " " + r.ref.Rule
	}
	return s + ": " + why
}

// weigh combines what the rules say. The order is that of the package comment.
func (e *Engine) weigh(p *plan, a *ask) audit.Decision {
	o, local := p.outcome(a), e.localHost(p, a)
	undetermined := func(why string) audit.Decision {
		return audit.Decision{Answer: audit.Undetermined, Reason: audit.Unknown, Why: why}
	}
	switch {
	case len(o.denies) > 0:
		return audit.Decision{Answer: audit.Deny, Reason: audit.DeniedByRule, Policies: o.denies}
	case o.mayBeDenied:
		return undetermined(o.whyMayDeny)
	case e.unreadable != "":
		return undetermined(e.unreadable)
	case len(o.allows) > 0:
		// Where nothing isolates, Cilium lets the proxy pass everything.
		return audit.Decision{Answer: audit.Allow, Reason: audit.AllowedByRule, Policies: o.allows, L7: o.l7 && p.isolated != no}
	case p.isolated == no:
		return audit.Decision{Answer: audit.Allow, Reason: audit.NotIsolated}
	case local == yes:
		return audit.Decision{Answer: audit.Allow, Reason: audit.LocalHost}
	case o.mayBeLetOut:
		return undetermined(o.whyMayAllow)
	case local == maybe:
		return undetermined("it is not known whether any rule is about the subject")
	case p.isolated == maybe:
		return undetermined(p.why)
	}
	return audit.Decision{Answer: audit.Deny, Reason: audit.DefaultDenied, Policies: p.isolators}
}

// localHost tells whether a node reaches one of its own pods, which Cilium lets
// pass below all rules, though with enable-policy: always only if there are
// rules. Kubernetes says the same of both directions.
func (e *Engine) localHost(p *plan, a *ask) truth {
	switch {
	case !a.peer.host || a.subject.host:
		return no
	case e.settings.semantics == Kubernetes:
		return yes
	case a.direction == egress || !e.settings.localHost:
		return no
	case e.settings.always:
		return p.ruled
	}
	return yes
}
