package policy

import (
	"maps"
	"slices"

	"github.com/segproof/segproof/audit"
)

// NothingOpens tells of which peers it is certain that another engine allows
// them nothing more than this one does, nor without a proxy what passes one here:
// at a subject in one direction, whatever the port. It looks at the rules in
// which the two differ, and need not ask the others. Both must stand on one
// ground, as [Engine.With] has it if only policies differ; otherwise it is
// certain of nobody.
func (e *Engine) NothingOpens(o *Engine, subject *audit.Peer, d audit.Direction) func(peer *audit.Peer) bool {
	nobody := func(*audit.Peer) bool { return false }
	if e.ground != o.ground {
		return nobody
	}
	id := e.end(subject).identity
	p, q := e.plan(id, index(d)), o.plan(id, index(d))
	if p != q && (p.answer != nil || q.answer != nil || !p.asIsolated(q) || !maps.Equal(p.ends, q.ends)) {
		return nobody
	}
	var differ []differing
	for _, r := range append(p.without(q), q.without(p)...) {
		namespaces, only := r.within()
		differ = append(differ, differing{r, namespaces, only})
	}
	return func(peer *audit.Peer) bool {
		return !slices.ContainsFunc(differ, func(r differing) bool {
			return r.concerns(peer) && !r.passesOver(e.endBeside(peer, id))
		})
	}
}

// endBeside is the end that a peer of a subject is.
func (g *ground) endBeside(peer *audit.Peer, subject *identity) end {
	p := g.end(peer)
	p.subject = subject
	return p
}

// differing is a rule that one of two engines has.
type differing struct {
	*rule
	namespaces []string
	only       bool // it names pods of these namespaces, and nobody else
}

// concerns tells whether the rule may name a peer, by where it is.
func (r differing) concerns(peer *audit.Peer) bool {
	return !r.only || peer.Namespace == "" || slices.Contains(r.namespaces, peer.Namespace)
}

// asIsolated tells whether another plan isolates as this one does, or isolates
// where this one does not: what no rule decides passes here in any case then.
func (p *plan) asIsolated(o *plan) bool {
	return p.isolated == o.isolated && p.ruled == o.ruled || p.isolated == no && o.isolated == yes
}

// without are the rules of a plan that another does not have.
func (p *plan) without(o *plan) []*rule {
	has := make(map[*rule]bool, len(o.rules))
	for i := range o.rules {
		has[o.rules[i].rule] = true
	}
	var out []*rule
	for i := range p.rules {
		if r := p.rules[i].rule; !has[r] {
			out = append(out, r)
		}
	}
	return out
}

// passesOver tells whether a rule is certain not to be about a peer.
func (r *rule) passesOver(p end) bool {
	if r.doubt != "" || r.nobody {
		return r.doubt == ""
	}
	t, _ := r.matchPeers(p)
	return t == no
}
