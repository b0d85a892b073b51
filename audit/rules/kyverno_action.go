package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// audits says which parts of a Kyverno policy block nothing somewhere; nil for a
// policy that blocks, and for one that validates nothing.
func audits(p *audit.Pass, o *audit.Object) []string {
	switch o.Kind {
	case "ClusterPolicy", "Policy":
		return auditedRules(p, o)
	case "ValidatingPolicy", "NamespacedValidatingPolicy", "ImageValidatingPolicy", "NamespacedImageValidatingPolicy":
		return auditedActions(o)
	}
	return nil
}

// enforces tells whether a Kyverno policy blocks something somewhere.
func enforces(p *audit.Pass, o *audit.Object) bool {
	spec := child(o.Raw, "spec")
	switch o.Kind {
	case "ClusterPolicy", "Policy":
		return slices.ContainsFunc(children(spec, "rules"), func(r map[string]any) bool {
			return validates(r) && atAdmission(spec) && auditedIn(p, o, r) != everywhere
		})
	case "ValidatingPolicy", "NamespacedValidatingPolicy", "ImageValidatingPolicy", "NamespacedImageValidatingPolicy":
		return len(auditedActions(o)) == 0
	}
	return false
}

// auditedRules says which validating rules of a kyverno.io policy block nothing
// somewhere.
func auditedRules(p *audit.Pass, o *audit.Object) []string {
	spec := child(o.Raw, "spec")
	var out []string
	for _, r := range children(spec, "rules") {
		name := text(r, "name")
		switch where := auditedIn(p, o, r); {
		case !validates(r):
		case !atAdmission(spec):
			out = append(out, fmt.Sprintf("rule %s is not applied at admission (admission: false)", name))
		case where != "":
			out = append(out, fmt.Sprintf("rule %s: %s", name, where))
		}
	}
	return out
}

func validates(rule map[string]any) bool {
	return len(child(rule, "validate")) > 0 || len(children(rule, "verifyImages")) > 0
}

func atAdmission(spec map[string]any) bool {
	on, ok := spec["admission"].(bool)
	return on || !ok
}

// everywhere is what auditedIn says of a rule that blocks nowhere.
const everywhere = "failure action Audit"

// auditedIn says where a rule's effective action is Audit: everywhere, or in
// which of the namespaces that exist; "" if nowhere.
func auditedIn(p *audit.Pass, o *audit.Object, rule map[string]any) string {
	spec := child(o.Raw, "spec")
	audited := isAudit(actionIn(spec, rule, audit.Namespace{Name: o.Namespace}))
	if !overrides(spec, rule) {
		if audited {
			return everywhere
		}
		return ""
	}
	var in []string
	enforced := false
	for _, ns := range p.Namespaces {
		if p.IsSystem(ns.Name) || o.Namespace != "" && o.Namespace != ns.Name {
			continue
		}
		if isAudit(actionIn(spec, rule, ns)) {
			in = append(in, ns.Name)
		} else {
			enforced = true
		}
	}
	switch {
	case len(in) == 0 && (enforced || !audited):
		return ""
	case !enforced && audited:
		return everywhere
	}
	slices.Sort(in)
	return "failure action Audit in " + strings.Join(in, ", ")
}

func overrides(spec, rule map[string]any) bool {
	return len(children(child(rule, "validate"), "failureActionOverrides"))+len(children(spec, "validationFailureActionOverrides")) > 0
}

// actionIn is the effective action of a rule in a namespace: that of the rule's
// first override that names the namespace, else the rule's own, else the same of
// the policy, else Audit (kyverno pkg/engine/api/engineresponse.go).
func actionIn(spec, rule map[string]any, ns audit.Namespace) string {
	validate := child(rule, "validate")
	return firstOf(
		overridden(children(validate, "failureActionOverrides"), ns), text(validate, "failureAction"), imageAction(rule),
		overridden(children(spec, "validationFailureActionOverrides"), ns), text(spec, "validationFailureAction"), "Audit",
	)
}

func overridden(list []map[string]any, ns audit.Namespace) string {
	for _, ov := range list {
		if a := text(ov, "action"); (isAudit(a) || strings.EqualFold(a, "Enforce")) && overrideNames(ov, ns) {
			return a
		}
	}
	return ""
}

// imageAction is the action of a rule that verifies images: one that enforces
// beats all others.
func imageAction(rule map[string]any) string {
	first := ""
	for _, v := range children(rule, "verifyImages") {
		a := text(v, "failureAction")
		if a != "" && !isAudit(a) {
			return a
		}
		first = firstOf(first, a)
	}
	return first
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

// guardsNetwork tells whether a Kyverno policy is about the network or security:
// by its category, by what it matches, or by what it generates.
func guardsNetwork(o *audit.Object) bool {
	category := strings.ToLower(o.Annotations["policies.kyverno.io/category"])
	for _, word := range []string{"network", "security", "segmentation"} {
		if strings.Contains(category, word) {
			return true
		}
	}
	spec := child(o.Raw, "spec")
	return namesNetwork(child(spec, "matchConstraints"), "resources") || generatesNetwork(o) ||
		slices.ContainsFunc(children(spec, "rules"), func(r map[string]any) bool { return namesNetwork(child(r, "match"), "kinds") })
}

// namesNetwork tells whether a list called key, at any depth, names a kind of
// network policy.
func namesNetwork(v any, key string) bool {
	switch v := v.(type) {
	case map[string]any:
		for k, c := range v {
			if k == key && slices.ContainsFunc(strs(v, key), isNetworkKind) || namesNetwork(c, key) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(c any) bool { return namesNetwork(c, key) })
	}
	return false
}

func isNetworkKind(kind string) bool {
	kind = strings.ToLower(kind[strings.LastIndexByte(kind, '/')+1:])
	return strings.HasSuffix(kind, "networkpolicy") || strings.HasSuffix(kind, "networkpolicies")
}

func firstOf(s ...string) string {
	for _, v := range s {
		if v != "" {
			return v
		}
	}
	return ""
}
