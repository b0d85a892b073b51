package rules

import (
	"fmt"

	"github.com/segproof/segproof/audit"
)

// KyvernoAuditMode finds Kyverno policies that block nothing.
var KyvernoAuditMode = &audit.Rule{
	ID: "SEG602", Name: "kyverno-audit-mode", Severity: audit.Medium, Needs: audit.Kyverno,
	Doc: audit.Doc{
		Title: "A Kyverno policy only audits",
		Why:   "What violates the policy is admitted and reported afterwards. The API server writes Audit into a policy that does not say otherwise, so this is easily not meant.",
		Fix: "Clear the failures that `kyverno-report-fail` lists, then set `validate.failureAction: Enforce` on the rule (`validationActions: [Deny]` in a ValidatingPolicy), " +
			"namespace by namespace with overrides if need be.",
		Blind: "A policy that is meant to observe looks the same; list it under accepted findings. Only namespaces that exist now count for overrides by namespace. " +
			"Policies of a network or security category are `kyverno-enforce-off`'s matter.",
	},
	References: []string{"NIST 800-53 CM-6", "NIST 800-53 CM-7"},
	Check:      kyvernoAuditMode,
}

func kyvernoAuditMode(p *audit.Pass) { onlyAudits(p, false) }

// onlyAudits reports the policies that block nothing somewhere: those that guard
// the network or security, or the others.
func onlyAudits(p *audit.Pass, guards bool) {
	for _, o := range p.Kyverno {
		audited := audits(p, o)
		if len(audited) == 0 || guardsNetwork(o) != guards {
			continue
		}
		f := audit.Finding{
			Subject: o.Ref, Policies: []audit.PolicyRef{{Ref: o.Ref, Object: o}},
			Message: fmt.Sprintf("%s only audits: what violates it is admitted", o.Name),
		}
		for _, a := range audited {
			f.Evidence = append(f.Evidence, audit.Evidence{What: a})
		}
		p.Report(f)
	}
}
