package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A slack is where a Kyverno policy blocks nothing, and why.
type slack struct {
	lines     []string
	audited   bool            // its own action is the reason, at least in part
	by        []*audit.Object // exceptions that are
	undecided bool            // whether exceptions take it away from a namespace can't be told
}

// slackOf says where a Kyverno policy blocks nothing; no lines for a policy that
// blocks, and for one that validates nothing.
func slackOf(p *audit.Pass, o *audit.Object) slack {
	switch o.Kind {
	case "ClusterPolicy", "Policy":
		return slackOfRules(p, o)
	case "ValidatingPolicy", "NamespacedValidatingPolicy", "ImageValidatingPolicy", "NamespacedImageValidatingPolicy":
		return slackOfActions(p, o)
	}
	return slack{}
}

// enforces tells whether a Kyverno policy blocks something somewhere.
func enforces(p *audit.Pass, o *audit.Object) bool {
	spec := child(o.Raw, "spec")
	switch o.Kind {
	case "ClusterPolicy", "Policy":
		return slices.ContainsFunc(children(spec, "rules"), func(r map[string]any) bool {
			if !validates(r) || !atAdmission(spec) {
				return false
			}
			e := effectOf(p, o, r)
			return e.blocks()
		})
	case "ValidatingPolicy", "NamespacedValidatingPolicy", "ImageValidatingPolicy", "NamespacedImageValidatingPolicy":
		return len(slackOfActions(p, o).lines) == 0
	}
	return false
}

// slackOfRules looks at the validating rules of a kyverno.io policy.
func slackOfRules(p *audit.Pass, o *audit.Object) slack {
	spec := child(o.Raw, "spec")
	var out slack
	for _, r := range children(spec, "rules") {
		name := text(r, "name")
		switch {
		case !validates(r):
		case !atAdmission(spec):
			out.audited = true
			out.lines = append(out.lines, fmt.Sprintf("rule %s is not applied at admission (admission: false)", name))
		default:
			e := effectOf(p, o, r)
			for _, line := range e.lines() {
				out.lines = append(out.lines, fmt.Sprintf("rule %s: %s", name, line))
			}
			out.audited = out.audited || len(e.audited) > 0
			out.undecided = out.undecided || e.undecided
			out.except(e.by)
		}
	}
	return out
}

func (s *slack) except(by []*audit.Object) {
	for _, o := range by {
		if !slices.Contains(s.by, o) {
			s.by = append(s.by, o)
		}
	}
}

func validates(rule map[string]any) bool {
	return len(child(rule, "validate")) > 0 || len(children(rule, "verifyImages")) > 0
}

func atAdmission(spec map[string]any) bool {
	on, ok := spec["admission"].(bool)
	return on || !ok
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
// wildcards, and by its labels; one that asks for neither is for all.
func overrideNames(ov map[string]any, ns audit.Namespace) bool {
	named := strs(ov, "namespaces")
	if len(named) > 0 && !slices.ContainsFunc(named, func(n string) bool { return wildcard(n, ns.Name) }) {
		return false
	}
	if sel, ok := ov["namespaceSelector"].(map[string]any); ok {
		return labelsMatch(sel, ns.Labels) == yes
	}
	return len(named) > 0 || ov["namespaces"] == nil
}

// slackOfActions looks at a policy of policies.kyverno.io. Without
// validationActions Kyverno denies.
func slackOfActions(p *audit.Pass, o *audit.Object) slack {
	spec := child(o.Raw, "spec")
	if on, ok := child(child(spec, "evaluation"), "admission")["enabled"].(bool); ok && !on {
		return slack{audited: true, lines: []string{"not applied at admission (evaluation.admission.enabled: false)"}}
	}
	if actions := strs(spec, "validationActions"); len(actions) > 0 && !slices.Contains(actions, "Deny") {
		return slack{audited: true, lines: []string{"validationActions: " + strings.Join(actions, ", ")}}
	}
	m, by := exceptedCEL(p, o.Ref)
	out := slack{by: by, undecided: m == unknown}
	for _, e := range by {
		out.lines = append(out.lines, "taken away everywhere by "+e.String())
	}
	return out
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
