package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// proxied is what was seen of a namespace at layer 7.
type proxied struct {
	seen    uint64    // records of the proxy, and connections that were redirected to it
	newest  time.Time // of those
	rules   int
	passed  uint64           // requests that a rule allows, and that passed
	refused uint64           // requests that no rule allows, and that the proxy refused
	proven  time.Time        // the newest of both
	atWork  map[ruleKey]bool // rules that decided them
	doubts  uint64           // requests that were refused although a rule allows them
	against contradiction
}

// A contradiction is what passed a proxy although no rule allows it.
type contradiction struct {
	requests uint64
	newest   time.Time
	example  string // the first in order
}

// listen counts what the proxy told of, and holds requests against the rules.
func (g *scoring) listen(sp *space, c *Conversation) {
	p := &sp.l7
	switch {
	case c.Event == L7, c.Event == PolicyVerdict && c.Verdict == Redirected:
		p.seen += c.Flows
	default:
		return
	}
	p.newest = later(p.newest, c.Last)
	if c.Event != L7 || g.engine == nil || g.elsewhere(speaker(c)) {
		return
	}
	if n := p.unknown(c); n > 0 {
		p.refused += n
		p.proven = later(p.proven, c.Last)
	}
	for i := range c.Requests {
		g.request(p, c, &c.Requests[i])
	}
}

// unknown are the refusals of which it is not known what was asked.
func (p *proxied) unknown(c *Conversation) uint64 {
	switch {
	case c.Verdict != Dropped:
		return 0
	case len(c.Requests) == 0:
		return c.Flows
	}
	return c.Unkept
}

// request holds one kind of request against the rules as they are now, where
// they were so already then.
func (g *scoring) request(p *proxied, c *Conversation, r *Request) {
	q, ok := c.asked(r)
	if !ok || g.Inventory != nil && len(g.Past) > 0 && c.First.Before(g.InForce) {
		return
	}
	d := g.engine.Decide(q)
	switch {
	case c.Verdict == Dropped && d.Reason == L7Denied:
		p.refused += r.Flows
		p.agree(c, d)
	case c.Verdict == Dropped && d.Answer == Allow:
		p.doubts += r.Flows
	case c.Verdict == Forwarded && d.Answer == Allow && d.L7:
		p.passed += r.Flows
		p.agree(c, d)
	case c.Verdict == Forwarded && d.Reason == L7Denied && g.settled(c, d):
		p.against.add(c, r)
	}
}

// asked is the question that a request puts to the end that the proxy speaks
// for; false if it is of no kind that policies are about.
func (c *Conversation) asked(r *Request) (Query, bool) {
	q := Query{Direction: c.Direction, Subject: &c.From, Peer: &c.To, Protocol: c.Protocol, Port: c.Port}
	if c.Direction == Ingress {
		q.Subject, q.Peer = q.Peer, q.Subject
	}
	switch {
	case c.Direction != Ingress && c.Direction != Egress || !q.Subject.IsPod():
		return q, false
	case r.Kind == HTTPRequest && r.Path != "":
		q.Protocol, q.HTTP = TCP, &HTTP{Method: r.Method, Path: r.Path, Host: r.Host}
	case r.Kind == DNSRequest && r.Name != "":
		q.DNS = strings.TrimSuffix(r.Name, ".")
	default:
		return q, false
	}
	return q, true
}

// agree notes the rules that decided as was seen. A refusal agrees from when the
// first of them was declared.
func (p *proxied) agree(c *Conversation, d Decision) {
	p.proven = later(p.proven, c.Last)
	if p.atWork == nil {
		p.atWork = map[ruleKey]bool{}
	}
	for _, r := range d.Policies {
		p.atWork[ruleKey{r.Ref, r.Rule, c.Direction}] = true
	}
}

func (x *contradiction) add(c *Conversation, r *Request) {
	x.requests += r.Flows
	x.newest = later(x.newest, c.Last)
	what := Clean(strings.TrimSpace(r.Method + " " + r.Path + r.Name))
	if text := fmt.Sprintf("%s from %s to %s", what, c.From.Ref(), c.To.Ref()); x.example == "" || text < x.example {
		x.example = text
	}
}

// settled tells whether nothing else explains a request that passed although no
// rule allows it: rules that settled later or whose time is not known, labels
// that changed, policies that are not declared any more, and headers, which
// records don't keep.
func (g *scoring) settled(c *Conversation, d Decision) bool {
	for _, p := range d.Policies {
		switch o := p.Object; {
		case o == nil:
		case asksHeaders(o.Raw), !o.Created.IsZero() && o.Changed.IsZero(), c.First.Before(o.Changed.Add(g.Settle)):
			return false
		}
	}
	if g.report.Coverage.Unjudged[whyUnlisted] > 0 {
		return false
	}
	return !slices.ContainsFunc(g.Relabelled, func(r Relabelled) bool {
		around := span{r.At, r.At}.widen(g.Settle)
		for _, ls := range []Labels{c.From.Labels.Bare(), c.To.Labels.Bare()} {
			if k := ls.Key(); (k == r.Labels.Key() || k == r.Was.Key()) && !around.to.Before(c.First) && !around.from.After(c.Last) {
				return true
			}
		}
		return false
	})
}

// asksHeaders tells whether a policy has conditions on headers.
func asksHeaders(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for k, under := range v {
			if k == "headers" || k == "headerMatches" || asksHeaders(under) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, asksHeaders)
	}
	return false
}

// elsewhere tells a pod of another cluster, whose policies are not ours.
func (g *scoring) elsewhere(p *Peer) bool {
	cluster, ok := p.Labels.Get(LabelCluster)
	return ok && g.local != "" && cluster != g.local
}

// judged notes that a rule of this layer decided, also one of a clusterwide
// policy.
func (p *proxied) judged(v *Judged) {
	if v.Decision.L7 {
		p.rules = max(p.rules, 1)
	}
}

// layer7 scores what a proxy decides.
func (g *scoring) layer7(sp *space) Layer {
	p := &sp.l7
	declared := 0
	for i := range g.rules {
		if r := &g.rules[i]; r.L7 && !r.NoEffect && g.concerns(r, sp) {
			declared++
		}
	}
	declared = max(declared, p.rules)
	why := plural(uint64(declared), "rule") + " of layer 7"
	switch {
	case declared == 0 && g.engine == nil:
		return Layer{State: NotCovered, Why: "nothing was read of what is declared"}
	case declared == 0:
		return Layer{State: NotCovered, Why: "no rule of layer 7"}
	case p.against.requests > 0:
		return Layer{State: Disproved, Newest: p.against.newest, Why: fmt.Sprintf("%s; the proxy let pass %s that no rule allows: %s", why, plural(p.against.requests, "request"), p.against.example)}
	case p.doubts > 0:
		return Layer{State: Enforced, Newest: p.newest, Why: why + "; the proxy takes part, but refused " + plural(p.doubts, "request") + " that a rule allows"}
	case p.refused+p.passed > 0:
		return Layer{State: ProvenOK, Newest: p.proven, Why: why + p.work()}
	case p.seen > 0:
		return Layer{State: Enforced, Newest: p.newest, Why: why + "; the proxy takes part, and no request was seen that a rule decided"}
	}
	return Layer{State: DeclaredOK, Why: why + "; the proxy was not seen"}
}

// work says how much was seen of the rules.
func (p *proxied) work() string {
	var says []string
	if p.refused > 0 {
		says = append(says, "the proxy was seen refusing "+plural(p.refused, "request"))
	}
	if p.passed > 0 {
		says = append(says, plural(p.passed, "request")+" passed that a rule allows")
	}
	if n := len(p.atWork); n > 0 {
		says = append(says, plural(uint64(n), "rule")+" seen at work")
	}
	return "; " + strings.Join(says, ", ")
}

// concerns tells whether a rule is about pods of a namespace.
func (g *scoring) concerns(r *RuleOutline, sp *space) bool {
	if r.Namespace != "" {
		return r.Namespace == sp.name
	}
	for _, p := range sp.peers {
		if r.Selects != nil && r.Selects(p) {
			return true
		}
	}
	return false
}
