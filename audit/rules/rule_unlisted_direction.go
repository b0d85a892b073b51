package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// UnlistedDirection finds rules that Kubernetes ignores and Cilium enforces.
var UnlistedDirection = &audit.Rule{
	ID: "SEG312", Name: "rule-unlisted-direction", Severity: audit.Medium, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A policy has rules for a direction that its policyTypes leave out",
		Why: "By the text of the API such rules do not count. Cilium up to 1.20 enforces them, and isolates the pods in that direction too (cilium#48703), so that the same policy means one thing " +
			"here and another under the next plugin or version.",
		Fix:   "Add the direction to `policyTypes` if it is meant, or remove its rules.",
		Blind: "It is said of NetworkPolicies whose `policyTypes` are written down.",
	},
	References: []string{"NIST 800-53 CM-6"},
	Check:      unlistedDirection,
}

func unlistedDirection(p *audit.Pass) {
	found := flaws{}
	for _, s := range specs(p) {
		types := strs(s.Raw(), "policyTypes")
		if s.Policy().Kind != "NetworkPolicy" || len(types) == 0 {
			continue
		}
		for _, d := range both() {
			list, _ := s.Raw()[string(d)].([]any)
			listed := slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(t, string(d)) })
			switch {
			case listed || len(list) == 0:
			case s.Unsure() != "":
				p.Withhold(1)
			default:
				found.add(s.Policy(), d, fmt.Sprintf("policyTypes is %s, and there are %s rules", strings.Join(types, ", "), d))
			}
		}
	}
	found.report(p, func(k flawed, _ string) (string, string) {
		return fmt.Sprintf("%s has %s rules that its policyTypes leave out: Kubernetes ignores them, Cilium enforces them", k.policy.Name, k.direction), ""
	})
}
