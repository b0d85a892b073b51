package rules

import (
	"fmt"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// UnusedAllow finds rules that allow what nobody did.
var UnusedAllow = &audit.Rule{
	ID: "SEG405", Name: "flow-unused-allow", Severity: audit.Low, Needs: audit.Policies | audit.Flows,
	Doc: audit.Doc{
		Title: "A rule allows what was not used in thirty days",
		Why:   "What is open and not used is of use to intruders only. Rules outlive the services that they were written for.",
		Fix:   "Ask the owner, then remove the rule: `segproof suggest --rule SEG405` writes the policy without it.",
		Blind: "Needs thirty days of flows in which nothing was lost, no node was silent and 99 percent were seen, and a policy that was not changed in them; less is withheld and counted. " +
			"What happens once a quarter, or in a disaster only, looks unused. A rule counts as used though another would have allowed the same. System namespaces are left out.",
	},
	References: []string{"PCI DSS 1.2.7", "NIST 800-53 AC-6"},
	Check:      unusedAllow,
}

func unusedAllow(p *audit.Pass) {
	used, enough := usages(p)
	found := flaws{}
	eachAllow(p, func(r policy.Rule) {
		ref := r.Policy()
		switch {
		case used[ruleKey{ref.Ref, ref.Rule}] != nil:
		case !enough || !inForce(p, ref.Object):
			p.Withhold(1)
		default:
			found.add(ref, r.Direction(), at(ref, "allows "+r.Wants()+", which was not used"))
		}
	})
	found.report(p, func(k flawed, places string) (string, string) {
		return fmt.Sprintf("%s of %s allows what was not used (%s)", k.direction, k.policy.Name, places), ""
	})
}
