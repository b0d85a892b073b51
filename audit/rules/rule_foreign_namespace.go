package rules

import (
	"fmt"

	"github.com/segproof/segproof/audit"
)

// ForeignNamespace finds policies that mean to select pods of another namespace.
var ForeignNamespace = &audit.Rule{
	ID: "SEG316", Name: "rule-foreign-namespace", Severity: audit.Medium, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A policy selects pods of another namespace, and is applied to its own",
		Why: "The subject of a CiliumNetworkPolicy is always in its own namespace: Cilium replaces the namespace that the selector names, with no more than a warning in its log. " +
			"The pods that were meant are not protected, and pods here may be cut off.",
		Fix:   "Move the policy into the namespace of the pods, or make it a CiliumClusterwideNetworkPolicy.",
		Blind: "It is said of the label `k8s:io.kubernetes.pod.namespace` in `endpointSelector.matchLabels`. An expression is not replaced: it then selects nobody, which is `rule-dangling-target`'s matter.",
	},
	References: []string{"NIST 800-53 CM-6"},
	Check:      foreignNamespace,
}

func foreignNamespace(p *audit.Pass) {
	found := flaws{}
	for _, s := range specs(p) {
		ref := s.Policy()
		if ref.Kind != "CiliumNetworkPolicy" {
			continue
		}
		meant := text(child(child(s.Raw(), "endpointSelector"), "matchLabels"), "k8s:"+audit.LabelNamespace)
		switch {
		case meant == "" || meant == ref.Namespace:
		case s.Unsure() != "":
			p.Withhold(1)
		default:
			found.add(ref, "", at(ref, fmt.Sprintf("endpointSelector names the namespace %s", meant)))
		}
	}
	found.report(p, func(k flawed, _ string) (string, string) {
		return fmt.Sprintf("%s selects pods of another namespace, and Cilium applies it to pods of %s", k.policy.Name, k.policy.Namespace), ""
	})
}
