package policy

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/segproof/segproof/audit"
)

// question tells the answers of one plan apart.
type question struct {
	peer     *identity
	ip       netip.Addr
	protocol audit.Protocol
	port     uint16
}

// maxAnswers bounds the answers that are kept.
const maxAnswers = 1 << 20

// decide answers what is not remembered.
func (e *Engine) decide(q audit.Query) *audit.Decision {
	subject, peer := e.end(q.Subject), e.end(q.Peer)
	d := index(q.Direction)
	p := e.plan(subject.identity, d)
	if p.answer != nil {
		return p.answer
	}
	a := e.connect(p, q, subject.identity, peer)
	if q.HTTP == nil && q.DNS == "" && q.SNI == "" || a.Answer != audit.Allow || !a.L7 {
		return a
	}
	request := e.request(p, e.ask(p, q, subject.identity, peer))
	return &request
}

// connect answers for the connection alone.
func (e *Engine) connect(p *plan, q audit.Query, subject *identity, peer end) *audit.Decision {
	k := question{peer.identity, peer.ip, q.Protocol, q.Port}
	p.mu.RLock()
	kept := p.given[k]
	p.mu.RUnlock()
	if kept != nil {
		return kept
	}
	ask := e.ask(p, q, subject, peer)
	ask.http, ask.dns, ask.sni = nil, "", ""
	a := e.weigh(p, ask)
	if e.answers.Add(1) > maxAnswers {
		return &a
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	kept = p.shared(&a)
	p.given[k] = kept
	return kept
}

// mostShared bounds the answers that a new one is compared with.
const mostShared = 16

// shared is the answer that was given before in the same words, if there is one:
// most of the many questions about a subject are answered alike.
func (p *plan) shared(a *audit.Decision) *audit.Decision {
	for _, o := range p.answers {
		if o.Answer == a.Answer && o.Reason == a.Reason && o.L7 == a.L7 && o.Why == a.Why && slices.Equal(o.Policies, a.Policies) {
			return o
		}
	}
	kept := *a
	if len(p.answers) < mostShared {
		p.answers = append(p.answers, &kept)
	}
	return &kept
}

func (e *Engine) ask(p *plan, q audit.Query, subject *identity, peer end) *ask {
	peer.subject = subject
	return &ask{e, index(q.Direction), subject, peer, q.Protocol, protocolBit(q.Protocol), q.Port, q.HTTP, q.DNS, q.SNI, p.ends}
}

// request answers for a request over a connection that is let through as far as
// the proxy. A rule whose conditions the request does not meet is passed over
// as if its ports did not match.
func (e *Engine) request(p *plan, a *ask) audit.Decision {
	o := p.outcome(a)
	d := e.settle(p, a, &o)
	if d.Answer == audit.Deny {
		return audit.Decision{Answer: audit.Deny, Reason: audit.L7Denied, Policies: o.asked, L7: true}
	}
	d.L7 = true
	return d
}

func undetermined(why string) *audit.Decision {
	return &audit.Decision{Answer: audit.Undetermined, Reason: audit.Unknown, Why: why}
}

// weigh combines what the rules say of a connection.
func (e *Engine) weigh(p *plan, a *ask) audit.Decision {
	o := p.outcome(a)
	d := e.settle(p, a, &o)
	// Where nothing isolates, Cilium lets the proxy pass everything.
	d.L7 = d.Reason == audit.AllowedByRule && o.isProxied() && p.isolated != no
	return d
}

// settle gives the answer if no doubt could change it. The order is that of the
// package comment.
func (e *Engine) settle(p *plan, a *ask, o *outcome) audit.Decision {
	none := p.none(e, a)
	why := cmp.Or(o.why, "policies of one priority disagree, and the API does not say which of them counts")
	switch {
	case e.unreadableAbove != "":
		return *undetermined(e.unreadableAbove)
	case o.mayDeny && !o.mayAllow && !o.open:
		return audit.Decision{Answer: audit.Deny, Reason: audit.DeniedByRule, Policies: o.denies}
	case o.mayDeny && !o.mayAdmit && o.open && none.Answer == audit.Deny && !o.mayRefuse:
		none.Why = "a rule may deny it too, and nothing allows it: " + why
		return none
	case o.mayDeny:
		return *undetermined(why)
	case e.unreadable != "":
		return *undetermined(e.unreadable)
	case o.mayAllow && !o.open && p.refuses && p.quarrels(a):
		return *undetermined("one rule asks for an authentication that always fails, and another does not")
	case o.mayAllow && !o.open && p.isolated != no && o.blurred():
		return *undetermined(why)
	case o.mayAllow && !o.open && o.refused:
		return audit.Decision{Answer: audit.Deny, Reason: audit.AuthRequired, Policies: o.allows}
	case o.mayAllow && !o.open:
		return audit.Decision{Answer: audit.Allow, Reason: audit.AllowedByRule, Policies: o.allows}
	case o.mayAllow && (none.Answer != audit.Allow || o.mayRefuse):
		return *undetermined(why)
	}
	return none
}

// quarrels tells whether rules that allow differ in asking for an authentication
// that always fails. Cilium merges what they ask for by how special each is, also
// over priorities: a rule of a lower one may still make the connection fail.
func (p *plan) quarrels(a *ask) bool {
	var refuses, admits bool
	for i := range p.rules {
		if r := &p.rules[i]; r.verdict == allow && r.ask(a).truth != no {
			refuses, admits = refuses || r.refuses, admits || !r.refuses
		}
	}
	return refuses && admits
}

// none is the answer where no rule decides.
func (p *plan) none(e *Engine, a *ask) audit.Decision {
	local := e.localHost(p, a)
	switch {
	case p.isolated == no:
		return audit.Decision{Answer: audit.Allow, Reason: audit.NotIsolated}
	case local == yes:
		return audit.Decision{Answer: audit.Allow, Reason: audit.LocalHost}
	case local == maybe:
		return *undetermined("it is not known whether any rule is about the subject")
	case p.isolated == maybe:
		return *undetermined(p.why)
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
