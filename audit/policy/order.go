package policy

import (
	"cmp"
	"slices"
)

// A tier is the first thing that orders rules; all namespaced policies and
// Cilium's own share the middle one.
type tier int8

const (
	admin    tier = -1
	normal   tier = 0
	baseline tier = 1
)

// An order says when a rule is asked. Lower levels come first within a tier.
// At one level a denial counts before an allowance, and that before a pass.
type order struct {
	tier  tier
	level int
	// byText tells that the API's text counts rather than what Cilium does: of
	// policies with one priority any may be the one that is applied, and the
	// baseline tier is for ends that no NetworkPolicy isolates.
	byText bool
}

// levels is how many rules a policy can have at its priority.
const levels = 1000

func (o order) priority() int { return o.level / levels }

// A voice is one who is asked in turn: steps of rules, of which the first that
// matches decides.
type voice [][]applied

// A stage is a place in the order with those who speak there. If they are
// several, it is not known which of them is heard.
type stage struct {
	tier   tier
	voices []voice
}

// arrange puts the rules of a plan in order.
func (p *plan) arrange() {
	p.heedText()
	slices.SortStableFunc(p.rules, func(a, b applied) int {
		return cmp.Or(cmp.Compare(a.order.tier, b.order.tier), cmp.Compare(a.order.level, b.order.level))
	})
	for rest := p.rules; len(rest) > 0; {
		first := rest[0].order
		n, text := len(rest), false
		for i := range rest {
			if o := rest[i].order; o.tier != first.tier || o.priority() != first.priority() {
				n = i
				break
			}
			text = text || rest[i].order.byText
		}
		p.stages = append(p.stages, stagesOf(rest[:n], text)...)
		rest = rest[n:]
	}
}

// heedText leaves the baseline rules to which the text holds out where a
// NetworkPolicy isolates: that has made a final decision.
func (p *plan) heedText() {
	if p.isolated == no {
		return
	}
	kept := p.rules[:0]
	for _, r := range p.rules {
		if r.order.tier == baseline && r.order.byText {
			if p.isolated == yes {
				continue
			}
			r.subject, r.why = min(r.subject, maybe), p.why
		}
		kept = append(kept, r)
	}
	p.rules = kept
}

// stagesOf takes the rules of one priority apart: level by level, or if the text
// counts one policy beside the other.
func stagesOf(rules []applied, byText bool) []stage {
	t := rules[0].order.tier
	if !byText {
		var out []stage
		for _, s := range steps(rules) {
			out = append(out, stage{t, []voice{{s}}})
		}
		return out
	}
	byPolicy := func(a, b applied) int { return a.ref.Ref.Compare(b.ref.Ref) }
	rules = slices.Clone(rules)
	slices.SortStableFunc(rules, byPolicy)
	out := stage{tier: t}
	for _, of := range chunks(rules, func(a, b *applied) bool { return byPolicy(*a, *b) == 0 }) {
		out.voices = append(out.voices, steps(of))
	}
	return []stage{out}
}

// steps groups rules by level.
func steps(rules []applied) voice {
	return chunks(rules, func(a, b *applied) bool { return a.order.level == b.order.level })
}

func chunks(rules []applied, same func(a, b *applied) bool) [][]applied {
	var out [][]applied
	for len(rules) > 0 {
		n := 1
		for n < len(rules) && same(&rules[0], &rules[n]) {
			n++
		}
		out = append(out, rules[:n:n])
		rules = rules[n:]
	}
	return out
}
