package rules

import (
	"fmt"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// FilteredLabel finds selectors by labels that never reach Cilium's policy.
var FilteredLabel = &audit.Rule{
	ID: "SEG314", Name: "rule-filtered-label", Severity: audit.High, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A selector goes by a label that is not part of any identity",
		Why: "Cilium leaves labels that change often out of the identity (pod-template-hash, statefulset.kubernetes.io/pod-name, topology.kubernetes.io and others). A selector that demands one selects " +
			"nobody, and one that excludes by it excludes nobody, whatever the pods carry.",
		Fix:   "Select by a label of your own. Some labels, such as those of topology.kubernetes.io, become part of the identity if the agent's `labels` option names them in full.",
		Blind: "It is said only where Cilium is known to run, by its configuration or its flows. The `labels` option of cilium-config is heeded.",
	},
	References: []string{"NIST 800-53 CM-6"},
	Check:      filteredLabel,
}

func filteredLabel(p *audit.Pass) {
	if !ciliumRuns(p) {
		return
	}
	found := flaws{}
	for _, s := range specs(p) {
		if s.Host() {
			continue
		}
		if keys := s.Subject().Filtered(); len(keys) > 0 {
			found.add(s.Policy(), "", at(s.Policy(), fmt.Sprintf("its subject is selected by %s", some(keys))))
		}
		for _, d := range both() {
			for _, r := range s.Rules(d) {
				filteredPeers(found, r)
			}
		}
	}
	found.report(p, func(k flawed, _ string) (string, string) {
		if k.direction == "" {
			return fmt.Sprintf("%s selects its pods by a label that is not part of any identity", k.policy.Name), ""
		}
		return fmt.Sprintf("%s selects %s peers by a label that is not part of any identity", k.policy.Name, k.direction), ""
	})
}

func filteredPeers(found flaws, r policy.Rule) {
	for _, sel := range r.Selectors() {
		if keys := sel.Filtered(); len(keys) > 0 {
			found.add(r.Policy(), r.Direction(), at(r.Policy(), fmt.Sprintf("a peer is selected by %s", some(keys))))
		}
	}
}

// ciliumRuns tells whether something shows that the network plugin is Cilium.
func ciliumRuns(p *audit.Pass) bool { return p.Settings != nil || p.Traffic != nil }
