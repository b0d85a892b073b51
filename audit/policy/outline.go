package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// Outline lists what there is to decide by, policy by policy: whom it isolates,
// then its rules in their order. A policy that has no effect is listed as a
// whole, and so is one of a kind that is not decided.
func (e *Engine) Outline() []audit.RuleOutline {
	doubts := map[audit.Ref]audit.Partly{}
	for _, p := range e.partly {
		doubts[p.Ref] = p
	}
	keys := slices.SortedFunc(e.objects.keys(), func(a, b objectKey) int {
		return cmp.Or(a.Ref.Compare(b.Ref), cmp.Compare(a.apiVersion, b.apiVersion), cmp.Compare(a.uid, b.uid))
	})
	var out []audit.RuleOutline
	for _, k := range keys {
		c := e.objects.find(k)
		first := len(out)
		out = append(out, e.isolations(c)...)
		for _, s := range c.sections {
			for d := range s.rules {
				for _, r := range s.rules[d] {
					out = e.outlined(out, first, s, r, d)
				}
			}
		}
		p, doubtful := doubts[k.Ref]
		if doubtful && len(out) == first {
			out = append(out, audit.RuleOutline{PolicyRef: audit.PolicyRef{Ref: k.Ref, Location: c.object.Source, Object: c.object}})
		}
		for i := range out[first:] {
			out[first+i].Doubt, out[first+i].NoEffect = p.Why, doubtful && p.NoEffect
		}
	}
	return out
}

// isolations has one entry for each direction in which a policy isolates.
func (e *Engine) isolations(c *compiled) []audit.RuleOutline {
	var out []audit.RuleOutline
	for _, d := range []int{ingress, egress} {
		var about []*section
		for _, s := range c.sections {
			if s.isolates[d] != no {
				about = append(about, s)
			}
		}
		if len(about) == 0 {
			continue
		}
		o := audit.RuleOutline{PolicyRef: about[0].ref, Effect: audit.EffectIsolate, Direction: direction(d)}
		o.Subjects = subjects(about...)
		o.Selects = func(p *audit.Peer) bool {
			id := e.end(p).identity
			return slices.ContainsFunc(about, func(s *section) bool { return s.isAbout(id) })
		}
		out = append(out, o)
	}
	return out
}

// outlined adds a rule. Some rules are compiled into two of one name, which are
// one here.
func (e *Engine) outlined(out []audit.RuleOutline, first int, s *section, r *rule, d int) []audit.RuleOutline {
	if r.ref.Rule == "" {
		return out // it stands for what is not understood
	}
	effect := [...]audit.Effect{allow: audit.EffectAllow, deny: audit.EffectDeny, pass: audit.EffectPass}[r.verdict]
	reaches := func(p *audit.Peer) bool {
		t, _ := r.matchPeers(e.end(p))
		return r.doubt == "" && !r.nobody && t == yes
	}
	for i := first; i < len(out); i++ {
		if o := &out[i]; o.Rule == r.ref.Rule && o.Effect == effect {
			before := o.Reaches
			o.Reaches = func(p *audit.Peer) bool { return before(p) || reaches(p) }
			o.L7 = o.L7 || r.proxied()
			o.Within = nil
			return out
		}
	}
	within, ok := r.within()
	if ok && within == nil {
		within = []string{}
	}
	return append(out, audit.RuleOutline{
		PolicyRef: r.ref, Effect: effect, Direction: direction(d), Subjects: subjects(s), L7: r.proxied(), Ports: r.singlePorts(),
		Selects: func(p *audit.Peer) bool { return s.isAbout(e.end(p).identity) },
		Reaches: reaches, Within: within,
	})
}

func direction(d int) audit.Direction {
	if d == ingress {
		return audit.Ingress
	}
	return audit.Egress
}

// isAbout tells whether the section is certain to be about an end.
func (s *section) isAbout(id *identity) bool { return s.host == id.host && s.subject.match(id) == yes }

// subjects says in words whom sections are about.
func subjects(ss ...*section) string {
	var out []string
	for _, s := range ss {
		if s.host {
			out = append(out, "nodes")
		} else {
			out = append(out, s.subject.String())
		}
	}
	slices.Sort(out)
	return enumerate(slices.Compact(out), " and ")
}

// proxied tells whether the rule leaves something to a proxy.
func (r *rule) proxied() bool {
	return slices.ContainsFunc(r.ports, func(p portRule) bool { return p.l7 != nil })
}

// singlePorts are the ports of a rule that are one number or name of one
// transport protocol.
func (r *rule) singlePorts() []audit.PortOutline {
	var out []audit.PortOutline
	for i := range r.ports {
		p := &r.ports[i]
		if !p.single() {
			continue
		}
		for _, t := range []struct {
			bit   protocols
			proto audit.Protocol
		}{{tcp, audit.TCP}, {udp, audit.UDP}, {sctp, audit.SCTP}} {
			if p.protocols&t.bit != 0 {
				out = append(out, audit.PortOutline{Protocol: t.proto, Port: p.first, Name: strings.ToLower(p.name)})
			}
		}
	}
	return out
}

// Isolates names the policies that isolate a subject in one direction. If there
// is none, unsure says why it may be isolated all the same.
func (e *Engine) Isolates(subject *audit.Peer, d audit.Direction) (by []audit.PolicyRef, unsure string) {
	p := e.plan(e.end(subject).identity, index(d))
	switch {
	case p.answer != nil && p.answer.Answer == audit.Undetermined:
		return nil, p.answer.Why
	case p.isolated == yes && len(p.isolators) == 0:
		return alwaysOn(), ""
	case p.isolated == yes:
		return slices.Clone(p.isolators), ""
	case p.isolated == maybe:
		return nil, p.why
	}
	return nil, e.unreadable
}
