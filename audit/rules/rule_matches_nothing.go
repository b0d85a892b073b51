package rules

import (
	"fmt"

	"github.com/segproof/segproof/audit"
)

// MatchesNothing finds rules that can never match, because a list is empty.
var MatchesNothing = &audit.Rule{
	ID: "SEG317", Name: "rule-matches-nothing", Severity: audit.Medium, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A rule has an empty list and matches nothing",
		Why: "In Cilium's policies an empty list of peers selects nobody, and an entry of `toPorts` without ports matches no port; a list that is left out means the opposite. " +
			"An allow then allows nothing, and a denial denies nothing.",
		Fix:   "Leave the list out if everybody is meant, name the peers or ports otherwise, or remove the rule.",
		Blind: "The rule `{}`, which stands for a default deny, is left out: it says nothing else. NetworkPolicies have no such lists.",
	},
	References: []string{"NIST 800-53 CM-6"},
	Check:      matchesNothing,
}

func matchesNothing(p *audit.Pass) {
	found := flaws{}
	for _, s := range specs(p) {
		if s.Host() || !isCilium(s.Policy().Ref) {
			continue
		}
		for _, d := range both() {
			for _, r := range s.Rules(d) {
				raw := written(s, r)
				what := emptyList(raw)
				if list, _ := raw["toPorts"].([]any); what == "" && len(list) > 0 {
					if ports, _ := r.Ports(); len(ports) == 0 {
						what = "toPorts names no port"
					}
				}
				switch {
				case what == "":
				case s.Unsure() != "":
					p.Withhold(1)
				default:
					found.add(r.Policy(), d, at(r.Policy(), what))
				}
			}
		}
	}
	found.report(p, func(k flawed, places string) (string, string) {
		return fmt.Sprintf("%s has %s rules that match nothing (%s)", k.policy.Name, k.direction, places), ""
	})
}

// emptyList names the first list of peers that is written down empty and
// selects nobody for that.
func emptyList(raw map[string]any) string {
	for _, way := range []string{"from", "to"} {
		for _, kind := range []string{"Endpoints", "CIDR", "CIDRSet", "Entities", "Nodes"} {
			if list, ok := raw[way+kind].([]any); ok && len(list) == 0 {
				return fmt.Sprintf("%s is empty and selects nobody", way+kind)
			}
		}
	}
	return ""
}
