package rules

import (
	"fmt"
	"slices"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// DenyImpliesDefault finds policies that are to deny something and deny everything.
var DenyImpliesDefault = &audit.Rule{
	ID: "SEG308", Name: "rule-deny-implies-default", Severity: audit.High, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A policy that only denies something isolates those it selects from everything",
		Why: "A Cilium policy with a deny rule turns the default deny of that direction on, as any rule does. With nothing that allows, all traffic in that direction stops, " +
			"not just what the rule names: an outage on the day it is applied.",
		Fix: "Say `enableDefaultDeny: {ingress: false}` or `{egress: false}` in the spec, for the direction that was meant to stay open. If everything was to be denied, say `true` there.",
		Blind: "A policy that says `enableDefaultDeny` itself, in whichever way, means it. So does one beside which another policy isolates or allows in that direction: " +
			"the default deny is wanted then.",
	},
	References: []string{"NIST 800-53 CP-10", "NIST 800-53 SC-7"},
	Check:      denyImpliesDefault,
}

func denyImpliesDefault(p *audit.Pass) {
	if always(p) {
		return
	}
	all, ms := specs(p), membersOf(p)
	found := flaws{}
	for _, s := range all {
		for _, d := range both() {
			if !onlyDenies(s, d) || child(s.Raw(), "enableDefaultDeny")[string(d)] != nil {
				continue
			}
			cut, sure := cutOff(all, ms, s, d)
			switch {
			case s.Unsure() != "" || !sure && len(cut) == 0:
				p.Withhold(1)
			case len(cut) > 0:
				for _, r := range s.Rules(d) {
					found.add(r.Policy(), d, at(r.Policy(), "denies "+r.Wants()))
				}
				found.add(s.Policy(), d, "nothing allows anything to "+owners(cut))
			}
		}
	}
	found.report(p, func(k flawed, places string) (string, string) {
		return fmt.Sprintf("%s denies something of %s (%s) and thereby all of it: its default deny is on and nothing allows", k.policy.Name, k.direction, places),
			fmt.Sprintf("Add `enableDefaultDeny: {%s: false}` to the spec of %s if only what it names is to be denied; say `true` if everything is.", k.direction, k.policy)
	})
}

// onlyDenies tells whether a spec isolates in a direction in which it has
// nothing but denials.
func onlyDenies(s policy.Spec, d audit.Direction) bool {
	rules := s.Rules(d)
	return isCilium(s.Policy().Ref) && !s.Host() && s.Isolates(d) && len(rules) > 0 &&
		!slices.ContainsFunc(rules, func(r policy.Rule) bool { return !r.Denies() })
}

// cutOff are those whom a spec isolates though nobody else would, and to whom
// nothing is allowed.
func cutOff(all []policy.Spec, ms members, s policy.Spec, d audit.Direction) (cut []*member, sure bool) {
	selected, sure := ms.of(s)
	for _, m := range selected {
		meant := false
		for _, o := range all {
			if onlyDenies(o, d) && child(o.Raw(), "enableDefaultDeny")[string(d)] == nil {
				continue
			}
			if !o.Isolates(d) && o.Unsure() == "" && !slices.ContainsFunc(o.Rules(d), policy.Rule.Allows) {
				continue
			}
			is, certain := o.Selects(&m.peer)
			meant, sure = meant || is || !certain, sure && certain
		}
		if !meant {
			cut = append(cut, m)
		}
	}
	return cut, sure
}
