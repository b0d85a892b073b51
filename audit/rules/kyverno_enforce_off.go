package rules

import "github.com/segproof/segproof/audit"

// KyvernoEnforceOff finds Kyverno policies that are to guard the network or
// security, and block nothing somewhere.
var KyvernoEnforceOff = &audit.Rule{
	ID: "SEG604", Name: "kyverno-enforce-off", Severity: audit.High, Needs: audit.Kyverno,
	Doc: audit.Doc{
		Title: "A Kyverno policy that guards network or security only audits",
		Why: "Whoever removes the isolation that the policy demands is not stopped, only reported. The API server writes Audit into a policy that does not say otherwise, " +
			"so this is easily not meant.",
		Fix: "Clear the failures that `kyverno-report-fail` lists, then set `validate.failureAction: Enforce` on the rule (`validationActions: [Deny]` in a ValidatingPolicy), " +
			"namespace by namespace with overrides if need be. Narrow an exception that takes a whole namespace away to the objects meant.",
		Blind: "Known by the annotation `policies.kyverno.io/category` (network, security or segmentation in it), or because the policy matches or generates network policies; " +
			"others are `kyverno-audit-mode`'s matter. A policy that is meant to observe looks the same. Only namespaces that exist now, and that the rule may be about, count for overrides by namespace. " +
			blindToExceptions,
	},
	References: []string{"NIST 800-53 CM-6", "NIST 800-53 CM-7"},
	Check:      func(p *audit.Pass) { onlyAudits(p, true) },
}
