package rules

import (
	"fmt"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// Shadowed finds rules that say nothing which another does not say already.
var Shadowed = &audit.Rule{
	ID: "SEG309", Name: "rule-shadowed", Severity: audit.Low, Needs: audit.Policies, Off: true,
	Doc: audit.Doc{
		Title: "A rule is contained in a wider one",
		Why: "Whoever reads the narrow rule believes that it is the limit; the wide one lets all of it pass and more. If the wide one was a stopgap, it never went; " +
			"if the narrow one is left over, it only misleads.",
		Fix: "Remove the narrow rule, or the wide one if the narrow one is the intent.",
		Blind: "Rules are compared by what they say: same direction and verdict, every selector, range, name and port contained in one of the wider rule. What only happens to select the same pods is not " +
			"found. A policy or namespace with the annotation `segproof.dev/defence-in-depth: \"true\"` keeps such rules on purpose and is left out.",
	},
	References: []string{"PCI DSS 1.2.7"},
	Check:      shadowed,
}

// A placed rule is a rule with the spec that it stands in.
type placed struct {
	policy.Spec
	policy.Rule
}

func shadowed(p *audit.Pass) {
	by := map[string][]placed{}
	for _, s := range specs(p) {
		for _, d := range both() {
			for _, r := range s.Rules(d) {
				ns := s.Policy().Namespace
				by[ns] = append(by[ns], placed{s, r})
			}
		}
	}
	found := flaws{}
	for ns, rules := range by {
		for i, r := range rules {
			if marked(p, r.Spec.Policy().Object, "segproof.dev/defence-in-depth") {
				continue
			}
			w := widerThan(r, i, rules, by[""], ns)
			switch {
			case w == nil:
			case r.Spec.Unsure() != "" || w.Spec.Unsure() != "":
				p.Withhold(1)
			default:
				wide := w.Rule.Policy()
				found.add(r.Rule.Policy(), r.Direction(), at(r.Rule.Policy(), fmt.Sprintf("%s is contained in %s %s", r.Wants(), wide.Ref, wide.Rule)))
			}
		}
	}
	found.report(p, func(k flawed, places string) (string, string) {
		return fmt.Sprintf("%s says nothing that a wider rule does not say (%s)", k.policy.Name, places), ""
	})
}

// widerThan finds the first rule that contains another. Of two that contain each
// other the later one is the contained one.
func widerThan(r placed, i int, own, clusterwide []placed, ns string) *placed {
	lists := [][]placed{own}
	if ns != "" {
		lists = [][]placed{clusterwide, own}
	}
	for _, list := range lists {
		for j := range list {
			w := &list[j]
			same := len(lists) == 1 || &list[0] == &own[0]
			if same && j == i || !w.Spec.Subsumes(r.Spec) || !w.Rule.Subsumes(r.Rule) {
				continue
			}
			if !same || j < i || !r.Rule.Subsumes(w.Rule) || !r.Spec.Subsumes(w.Spec) {
				return w
			}
		}
	}
	return nil
}
