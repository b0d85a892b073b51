package policy

import (
	"cmp"

	"github.com/segproof/segproof/audit"
)

// An outcome is what the rules of one plan may say of one question. If all
// doubts are settled, just one of the three is possible.
type outcome struct {
	mayDeny, mayAllow bool
	open              bool // it may be that no rule decides

	denies, allows []audit.PolicyRef // that decide for certain where they are reached
	asked          []audit.PolicyRef // whose conditions on the request were held against it
	why            string            // the first doubt

	proxied bool // every rule that allows leaves it to a proxy
	dns     bool // a rule that allows leaves it to the DNS proxy
	plain   bool // a rule that allows opens the very port

	mayPlain, mayProxy bool // a rule that may or may not match would open the port, or leave it to a proxy

	mayRefuse, mayAdmit bool // a rule that may allow asks for an authentication that always fails, or does not

	refused bool // a rule that allows asks for an authentication that always fails
}

// isProxied tells whether a proxy decides on, where a rule allows.
func (o *outcome) isProxied() bool { return o.proxied || o.dns && !o.plain }

// blurred tells whether it depends on a doubt if a proxy decides on.
func (o *outcome) blurred() bool {
	return o.mayPlain && o.isProxied() || o.mayProxy && !o.isProxied()
}

// outcome asks the rules in order, following every way that is possible.
func (p *plan) outcome(a *ask) outcome {
	o := outcome{proxied: true}
	on, passed, t := true, false, admin // the next rule, the next tier may be reached
	for i := range p.stages {
		s := &p.stages[i]
		if s.tier != t {
			on, passed, t = on || passed, false, s.tier
		}
		if on {
			goesOn, passes := s.ask(a, &o)
			on, passed = goesOn, passed || passes
		}
	}
	o.open = on || passed
	return o
}

// ask asks all who speak at a stage. If any decides, it does not go on.
func (s *stage) ask(a *ask, o *outcome) (on, passed bool) {
	on = true
	for _, v := range s.voices {
		goesOn, passes := v.ask(a, o)
		on, passed = on && goesOn, passed || passes
	}
	return on, passed
}

func (v voice) ask(a *ask, o *outcome) (on, passed bool) {
	for _, step := range v {
		goesOn, passes := o.add(step, a)
		passed = passed || passes
		if !goesOn {
			return false, passed
		}
	}
	return true, passed
}

// add adds what the rules of one level say: the denials, or else the
// allowances, or else the passes. It goes on if none matches for certain.
func (o *outcome) add(step []applied, a *ask) (on, passed bool) {
	var found [3]truth // by verdict
	allows, refused, refuse, admit := len(o.allows), false, false, false
	for i := range step {
		r := &step[i]
		m := r.ask(a)
		found[r.verdict] = max(found[r.verdict], m.truth)
		if m.truth != no && r.verdict == allow {
			refuse, admit = refuse || r.refuses, admit || !r.refuses
		}
		switch {
		case m.truth == maybe:
			o.why = cmp.Or(o.why, r.named(m.why))
			if r.verdict == allow {
				o.mayPlain, o.mayProxy = o.mayPlain || !m.proxied && !m.dns, o.mayProxy || m.proxied || m.dns
			}
		case m.truth == yes && r.verdict == deny:
			o.denies = join(o.denies, r.ref)
		case m.truth == yes && r.verdict == allow:
			o.allows = join(o.allows, r.ref)
			o.proxied, o.dns, o.plain = o.proxied && m.proxied, o.dns || m.dns, o.plain || m.plain
			o.refused = o.refused || r.refuses
		}
		if m.asked {
			o.asked = join(o.asked, r.ref)
			refused = refused || a.dns != ""
		}
	}
	o.mayDeny = o.mayDeny || found[deny] != no
	if found[deny] == yes {
		o.allows = o.allows[:allows]
		return false, false
	}
	o.mayAllow = o.mayAllow || found[allow] != no
	o.mayRefuse, o.mayAdmit = o.mayRefuse || refuse, o.mayAdmit || admit
	switch {
	case found[allow] == yes:
		return false, false
	case refused: // the DNS proxy knows the rules of one level and no others
		o.mayDeny = true
		return false, false
	}
	return found[pass] != yes, found[pass] != no
}

// join names a rule once, of which two were made.
func join(refs []audit.PolicyRef, ref audit.PolicyRef) []audit.PolicyRef {
	if n := len(refs); n > 0 && refs[n-1] == ref {
		return refs
	}
	return append(refs, ref)
}

// ask holds the rule against the question, as far as its section is about the
// subject.
func (r *applied) ask(a *ask) match {
	m := r.match(a)
	if m.truth > r.subject {
		m.truth, m.why = r.subject, r.why
	}
	m.asked = m.asked && r.subject == yes
	return m
}

// named says which rule it is that can't be decided.
func (r *rule) named(why string) string {
	s := r.ref.Ref.String()
	if r.ref.Rule != "" {
		s += " " + r.ref.Rule
	}
	return s + ": " + why
}
