package audit

import "time"

// proxied is what was seen of a namespace at layer 7.
type proxied struct {
	seen, refused uint64
	newest        time.Time
	rules         int
}

// listen counts what the proxy told of: its own records, and connections that
// were redirected to it.
func (p *proxied) listen(c *Conversation) {
	switch {
	case c.Event == L7 && c.Verdict == Dropped:
		p.refused += c.Flows
		p.seen += c.Flows
	case c.Event == L7, c.Event == PolicyVerdict && c.Verdict == Redirected:
		p.seen += c.Flows
	default:
		return
	}
	if c.Last.After(p.newest) {
		p.newest = c.Last
	}
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
	case p.refused > 0:
		return Layer{State: ProvenOK, Newest: p.newest, Why: why + "; the proxy was seen refusing " + plural(p.refused, "request")}
	case p.seen > 0:
		return Layer{State: Enforced, Newest: p.newest, Why: why + "; the proxy takes part, and was not seen refusing"}
	}
	return Layer{State: DeclaredOK, Why: why + "; the proxy was not seen"}
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
