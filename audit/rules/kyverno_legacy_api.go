package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// KyvernoLegacyAPI finds policies of the API that Kyverno is about to remove.
var KyvernoLegacyAPI = &audit.Rule{
	ID: "SEG610", Name: "kyverno-legacy-api", Severity: audit.Medium, Needs: audit.Kyverno,
	Doc: audit.Doc{
		Title: "Policies of kyverno.io stand beside those of policies.kyverno.io",
		Why: "Kyverno deprecates ClusterPolicy and Policy of kyverno.io from 1.20 on and means to remove them in 1.21. An upgrade then takes away what enforces them, " +
			"while the objects stay and look as they did.",
		Fix:   "Rewrite each policy named as a Validating-, Mutating-, Generating- or ImageValidatingPolicy before the upgrade, and compare the reports of both.",
		Blind: "Reported only where policies of policies.kyverno.io exist too, so that there is somewhere to go. Kyverno's version itself is in no object that is read.",
	},
	References: []string{"NIST 800-53 CM-2"},
	Check:      kyvernoLegacyAPI,
}

func kyvernoLegacyAPI(p *audit.Pass) {
	f := audit.Finding{Subject: p.Cluster(), Message: "policies of kyverno.io, which Kyverno is about to remove, stand beside those of policies.kyverno.io"}
	served := false
	for _, o := range p.Kyverno {
		served = served || isCEL(o) && o.Kind != "PolicyException"
		if (o.Kind == "ClusterPolicy" || o.Kind == "Policy") && strings.HasPrefix(o.APIVersion, "kyverno.io/") {
			f.Policies = append(f.Policies, audit.PolicyRef{Ref: o.Ref, Object: o})
		}
	}
	if !served || len(f.Policies) == 0 {
		return
	}
	slices.SortFunc(f.Policies, func(a, b audit.PolicyRef) int { return a.Ref.Compare(b.Ref) })
	var lines []string
	for _, r := range f.Policies {
		lines = append(lines, fmt.Sprintf("%s is of %s", r.Ref, r.Object.APIVersion))
	}
	f.Evidence = listed(lines)
	p.Report(f)
}
