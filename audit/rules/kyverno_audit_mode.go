package rules

import (
	"fmt"

	"github.com/segproof/segproof/audit"
)

// KyvernoAuditMode finds Kyverno policies that block nothing somewhere.
var KyvernoAuditMode = &audit.Rule{
	ID: "SEG602", Name: "kyverno-audit-mode", Severity: audit.Medium, Needs: audit.Kyverno,
	Doc: audit.Doc{
		Title: "A Kyverno policy only audits",
		Why:   "What violates the policy is admitted and reported afterwards. The API server writes Audit into a policy that does not say otherwise, so this is easily not meant.",
		Fix: "Clear the failures that `kyverno-report-fail` lists, then set `validate.failureAction: Enforce` on the rule (`validationActions: [Deny]` in a ValidatingPolicy), " +
			"namespace by namespace with overrides if need be. Narrow an exception that takes a whole namespace away to the objects meant.",
		Blind: "A policy that is meant to observe looks the same; list it under accepted findings. Only namespaces that exist now, and that the rule may be about, count for overrides by namespace. " +
			"Policies of a network or security category are `kyverno-enforce-off`'s matter. " + blindToExceptions,
	},
	References: []string{"NIST 800-53 CM-6", "NIST 800-53 CM-7"},
	Check:      kyvernoAuditMode,
}

// blindToExceptions is what the rules about effective actions don't see of
// exceptions.
const blindToExceptions = "An exception counts where it is for every object of the rule's kinds in a namespace, or for everything; one that depends on names, labels, conditions, CEL, " +
	"images or on who asks is withheld. Rules that Kyverno derives for the controllers of pods are not looked at. " +
	"Whether Kyverno was started to heed exceptions (`enablePolicyException`, `exceptionNamespace`) is not read."

func kyvernoAuditMode(p *audit.Pass) { onlyAudits(p, false) }

// onlyAudits reports the policies that block nothing somewhere: those that guard
// the network or security, or the others.
func onlyAudits(p *audit.Pass, guards bool) {
	for _, o := range p.Kyverno {
		if guardsNetwork(o) != guards {
			continue
		}
		s := slackOf(p, o)
		if len(s.lines) == 0 {
			if s.undecided {
				p.Withhold(1)
			}
			continue
		}
		f := audit.Finding{
			Subject: o.Ref, Policies: []audit.PolicyRef{{Ref: o.Ref, Object: o}},
			Message: fmt.Sprintf("%s only audits: what violates it is admitted", o.Name),
		}
		if !s.audited {
			f.Message = fmt.Sprintf("exceptions take %s away: what violates it is admitted", o.Name)
		}
		for _, e := range s.by {
			f.Policies = append(f.Policies, audit.PolicyRef{Ref: e.Ref, Object: e})
		}
		for _, line := range s.lines {
			f.Evidence = append(f.Evidence, audit.Evidence{What: line})
		}
		p.Report(f)
	}
}
