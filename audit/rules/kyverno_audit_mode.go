package rules

import (
	"fmt"
	"slices"
	"strings"

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
		Blind: "A policy that is meant to observe looks the same; list it under accepted findings. Only namespaces that exist now count for overrides by namespace.",
	},
	References: []string{"NIST 800-53 CM-6", "NIST 800-53 CM-7"},
	Check:      kyvernoAuditMode,
}

func kyvernoAuditMode(p *audit.Pass) {
	for _, o := range p.Kyverno {
		var audited []string
		switch o.Kind {
		case "ClusterPolicy", "Policy":
			audited = auditedRules(p, o)
		case "ValidatingPolicy", "NamespacedValidatingPolicy", "ImageValidatingPolicy", "NamespacedImageValidatingPolicy":
			audited = auditedActions(o)
		}
		if len(audited) == 0 {
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

// auditedRules says which validating rules of a kyverno.io policy block nothing
// somewhere. The action of a rule is its own, else the policy's, else Audit;
// overrides change it for some namespaces.
func auditedRules(p *audit.Pass, o *audit.Object) []string {
	spec := child(o.Raw, "spec")
	var out []string
	for _, r := range children(spec, "rules") {
		validate := child(r, "validate")
		if len(validate) == 0 && len(children(r, "verifyImages")) == 0 {
			continue
		}
		name := text(r, "name")
		if admission, ok := spec["admission"].(bool); ok && !admission {
			out = append(out, fmt.Sprintf("rule %s is not applied at admission (admission: false)", name))
			continue
		}
		action := firstOf(text(validate, "failureAction"), imageAction(r), text(spec, "validationFailureAction"), "Audit")
		overrides := children(validate, "failureActionOverrides")
		if len(overrides) == 0 {
			overrides = children(spec, "validationFailureActionOverrides")
		}
		if where := auditedIn(p, o, action, overrides); where != "" {
			out = append(out, fmt.Sprintf("rule %s: %s", name, where))
		}
	}
	return out
}

func imageAction(rule map[string]any) string {
	for _, v := range children(rule, "verifyImages") {
		if a := text(v, "failureAction"); a != "" {
			return a
		}
	}
	return ""
}

// auditedIn says where a rule's effective action is Audit: everywhere, or in
// which of the namespaces that exist; "" if nowhere.
func auditedIn(p *audit.Pass, o *audit.Object, action string, overrides []map[string]any) string {
	if len(overrides) == 0 {
		if isAudit(action) {
			return "failure action Audit"
		}
		return ""
	}
	var in []string
	enforced := false
	for _, ns := range p.Namespaces {
		if p.IsSystem(ns.Name) || o.Namespace != "" && o.Namespace != ns.Name {
			continue
		}
		effective := action
		for _, ov := range overrides {
			if overrideNames(ov, ns) {
				effective = text(ov, "action")
			}
		}
		if isAudit(effective) {
			in = append(in, ns.Name)
		} else {
			enforced = true
		}
	}
	switch {
	case len(in) == 0 && (enforced || !isAudit(action)):
		return ""
	case !enforced && isAudit(action):
		return "failure action Audit"
	}
	slices.Sort(in)
	return "failure action Audit in " + strings.Join(in, ", ")
}

func isAudit(action string) bool { return strings.EqualFold(action, "Audit") }

// overrideNames tells whether an override is for a namespace: by name, with
// wildcards, and by its labels.
func overrideNames(ov map[string]any, ns audit.Namespace) bool {
	named := strs(ov, "namespaces")
	if len(named) > 0 && !slices.ContainsFunc(named, func(n string) bool { return wildcard(n, ns.Name) }) {
		return false
	}
	if sel, ok := ov["namespaceSelector"].(map[string]any); ok {
		return labelsMatch(sel, ns.Labels) == yes
	}
	return len(named) > 0
}

// auditedActions says whether a policy of policies.kyverno.io denies nothing.
// Without validationActions Kyverno denies.
func auditedActions(o *audit.Object) []string {
	spec := child(o.Raw, "spec")
	if on, ok := child(child(spec, "evaluation"), "admission")["enabled"].(bool); ok && !on {
		return []string{"not applied at admission (evaluation.admission.enabled: false)"}
	}
	actions := strs(spec, "validationActions")
	if len(actions) == 0 || slices.Contains(actions, "Deny") {
		return nil
	}
	return []string{"validationActions: " + strings.Join(actions, ", ")}
}

func firstOf(s ...string) string {
	for _, v := range s {
		if v != "" {
			return v
		}
	}
	return ""
}
