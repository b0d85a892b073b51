package rules

import (
	"fmt"
	"slices"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// BaselineOpens finds baseline rules that open what a NetworkPolicy denies.
var BaselineOpens = &audit.Rule{
	ID: "SEG315", Name: "rule-baseline-opens", Severity: audit.High, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A baseline rule opens what a NetworkPolicy does not allow",
		Why: "By the text of the API a NetworkPolicy is final for the pods it selects, and the baseline tier is for the others. Cilium 1.20 asks the baseline before it falls back to the default deny " +
			"of the NetworkPolicy, so that an Accept there lets in what nobody allowed.",
		Fix:   "Leave those pods out of the subject of the baseline policy, or deny explicitly (a CiliumNetworkPolicy with a deny rule stands above the baseline).",
		Blind: "It is said where `enable-k8s-cluster-network-policy` is on. Whether such traffic exists is not looked at, and other plugins follow the text.",
	},
	References: []string{"NIST 800-53 SC-7(5)"},
	Check:      baselineOpens,
}

func baselineOpens(p *audit.Pass) {
	if p.Settings["enable-k8s-cluster-network-policy"] != "true" {
		return
	}
	all, ms, found := specs(p), membersOf(p), flaws{}
	for _, s := range all {
		if s.Policy().Kind != "ClusterNetworkPolicy" || !s.Baseline() {
			continue
		}
		for _, d := range both() {
			accepts := slices.DeleteFunc(s.Rules(d), func(r policy.Rule) bool { return !r.Allows() || r.Nobody() })
			if len(accepts) == 0 {
				continue
			}
			closed, sure := closedByNetworkPolicy(all, ms, s, d)
			switch {
			case len(closed) == 0 && sure:
			case s.Unsure() != "" || len(closed) == 0:
				p.Withhold(1)
			default:
				for _, r := range accepts {
					found.add(r.Policy(), d, at(r.Policy(), fmt.Sprintf("accepts %s for %s", r.Wants(), owners(closed))))
				}
			}
		}
	}
	found.report(p, func(k flawed, places string) (string, string) {
		return fmt.Sprintf("%s accepts %s of pods that a NetworkPolicy isolates (%s)", k.policy.Name, k.direction, places), ""
	})
}

// closedByNetworkPolicy are those that a spec selects and a NetworkPolicy isolates.
func closedByNetworkPolicy(all []policy.Spec, ms members, s policy.Spec, d audit.Direction) (closed []*member, sure bool) {
	selected, sure := ms.of(s)
	for _, m := range selected {
		for _, o := range all {
			if o.Policy().Kind != "NetworkPolicy" || !o.Isolates(d) {
				continue
			}
			is, certain := o.Selects(&m.peer)
			sure = sure && certain
			if is && o.Unsure() == "" {
				closed = append(closed, m)
				break
			}
		}
	}
	return closed, sure
}
