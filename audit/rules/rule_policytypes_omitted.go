package rules

import (
	"fmt"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// PolicyTypesOmitted finds policies for egress that isolate ingress as well,
// because they do not say what they are about.
var PolicyTypesOmitted = &audit.Rule{
	ID: "SEG311", Name: "rule-policytypes-omitted", Severity: audit.Medium, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A policy with egress rules only, and without policyTypes, also denies all ingress",
		Why: "Without `policyTypes` a NetworkPolicy is about ingress always, and about egress if it has egress rules. One that only speaks of egress " +
			"so stops everything that its pods are called by.",
		Fix: "State `policyTypes: [Egress]`, or `[Ingress, Egress]` if no ingress is wanted.",
		Blind: "The API server writes the default down, so that in a cluster nobody can tell what was omitted: it shows in manifests only. Where another policy isolates ingress of the same pods, " +
			"or of the whole namespace, nothing changes and nothing is said.",
	},
	References: []string{"NIST 800-53 CM-6"},
	Check:      policyTypesOmitted,
}

func policyTypesOmitted(p *audit.Pass) {
	if always(p) {
		return
	}
	all, ms, found := specs(p), membersOf(p), flaws{}
	for _, s := range all {
		raw := s.Raw()
		if s.Policy().Kind != "NetworkPolicy" || raw["policyTypes"] != nil || raw["ingress"] != nil || len(s.Rules(audit.Egress)) == 0 {
			continue
		}
		meant, sure := isolatedElsewhere(p, all, ms, s)
		switch {
		case meant:
		case !sure || s.Unsure() != "":
			p.Withhold(1)
		default:
			found.add(s.Policy(), audit.Ingress, "policyTypes is omitted, and there is no ingress section")
		}
	}
	found.report(p, func(k flawed, _ string) (string, string) {
		return fmt.Sprintf("%s has egress rules only and omits policyTypes, so that it denies all ingress as well", k.policy.Name), ""
	})
}

// isolatedElsewhere tells whether another policy isolates ingress of all that a
// spec selects; if nobody is known whom it selects, of the whole namespace.
func isolatedElsewhere(p *audit.Pass, all []policy.Spec, ms members, s policy.Spec) (is, sure bool) {
	me := s.Policy().Ref
	selected, sure := ms.of(s)
	if len(selected) == 0 {
		by, unsure := p.Engine.DefaultDeny(me.Namespace, audit.Ingress)
		for _, r := range by {
			is = is || r.Ref != me
		}
		return is, unsure == ""
	}
	for _, m := range selected {
		isolated := false
		for _, o := range all {
			if o.Policy().Ref == me || !o.Isolates(audit.Ingress) {
				continue
			}
			other, certain := o.Selects(&m.peer)
			isolated, sure = isolated || other && o.Unsure() == "", sure && certain
		}
		if !isolated {
			return false, sure
		}
	}
	return true, sure
}
