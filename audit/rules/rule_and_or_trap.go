package rules

import (
	"fmt"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// AndOrTrap finds two peers where one combined peer was probably meant.
var AndOrTrap = &audit.Rule{
	ID: "SEG303", Name: "rule-and-or-trap", Severity: audit.Medium, Needs: audit.Policies, Off: true,
	Doc: audit.Doc{
		Title: "Two peers stand where one combined peer was probably meant",
		Why: "A dash too many: a selector of namespaces and a selector of pods as two list items mean either, so every pod of those namespaces is let in, " +
			"where the pods with that label in those namespaces were meant.",
		Fix: "Write both selectors into one list item: `- namespaceSelector: …` and `podSelector: …` without a second dash.",
		Blind: "It is said if the selector of pods selects nothing in the policy's own namespace, and does select some but not all pods of the namespaces named beside it. " +
			"Somebody may mean it all the same, so the rule is off unless asked for.",
	},
	References: []string{"NIST 800-53 AC-4"},
	Check:      andOrTrap,
}

func andOrTrap(p *audit.Pass) {
	ms, found := membersOf(p), flaws{}
	for _, s := range specs(p) {
		if s.Host() || s.Policy().Namespace == "" {
			continue
		}
		for _, d := range both() {
			for _, r := range s.Rules(d) {
				what := trapped(ms, s.Policy().Namespace, r.Selectors())
				switch {
				case what == "" || !r.Allows():
				case s.Unsure() != "":
					p.Withhold(1)
				default:
					found.add(r.Policy(), d, at(r.Policy(), what))
				}
			}
		}
	}
	found.report(p, func(k flawed, places string) (string, string) {
		return fmt.Sprintf("%s names whole namespaces beside pods that its own namespace does not have: probably pods of those namespaces were meant (%s)", k.policy.Name, places), ""
	})
}

// trapped looks for a selector of whole namespaces beside one of pods of the
// policy's own namespace that selects none there, but some of those namespaces.
func trapped(ms members, own string, list []policy.Selector) string {
	for _, ns := range list {
		pods, namespaces := ns.Names()
		if len(pods) > 0 || len(namespaces) == 0 || ns.Reserved() {
			continue
		}
		for _, pod := range list {
			pods, _ := pod.Names()
			if len(pods) == 0 || pod.Reserved() || selectsAny(ms.in[own], pod) {
				continue
			}
			some, all := combined(ms, ns, pod)
			if some && !all {
				return fmt.Sprintf("%s, or %s", ns, pod)
			}
		}
	}
	return ""
}

// combined tells whether some, and whether all, of the pods that a selector of
// namespaces selects carry the labels that another asks for.
func combined(ms members, ns, pod policy.Selector) (some, all bool) {
	all = true
	for _, list := range ms.within("") {
		for _, m := range list {
			if is, _ := ns.Selects(&m.peer); !is {
				continue
			}
			if ns.AndPods(pod, &m.peer) {
				some = true
			} else {
				all = false
			}
		}
	}
	return some, all
}
