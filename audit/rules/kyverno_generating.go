package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// A generatingPolicy is a policy of policies.kyverno.io that generates network
// policies. What it generates is said in CEL, which is not evaluated.
type generatingPolicy struct{ policy *audit.Object }

// generatingPolicies lists those whose expressions name a kind of network policy.
func generatingPolicies(p *audit.Pass) []generatingPolicy {
	var out []generatingPolicy
	for _, o := range p.Kyverno {
		if strings.HasSuffix(o.Kind, "GeneratingPolicy") && generatesNetwork(o) {
			out = append(out, generatingPolicy{o})
		}
	}
	return out
}

// networkKind is a kind of network policy as a literal of CEL.
var networkKind = regexp.MustCompile(`["'](Cilium|CiliumClusterwide)?NetworkPolicy["']`)

// generatesNetwork tells whether a Kyverno policy of either API generates network
// policies.
func generatesNetwork(o *audit.Object) bool {
	spec := child(o.Raw, "spec")
	if strings.HasSuffix(o.Kind, "GeneratingPolicy") {
		return slices.ContainsFunc(expressions(spec), networkKind.MatchString)
	}
	return slices.ContainsFunc(children(spec, "rules"), func(r map[string]any) bool {
		return isNetworkKind(text(child(r, "generate"), "kind"))
	})
}

func expressions(spec map[string]any) []string {
	var out []string
	for _, e := range slices.Concat(children(spec, "variables"), children(spec, "generate")) {
		out = append(out, text(e, "expression"))
	}
	return out
}

func (g generatingPolicy) ref() audit.PolicyRef {
	return audit.PolicyRef{Ref: g.policy.Ref, Rule: "generate", Object: g.policy}
}

// matches tells whether the policy takes a namespace as its trigger.
func (g generatingPolicy) matches(ns audit.Namespace) match {
	spec := child(g.policy.Raw, "spec")
	on := child(spec, "matchConstraints")
	if !slices.ContainsFunc(children(on, "resourceRules"), takesNamespaces) {
		return no
	}
	m := and(labelsMatch(child(on, "objectSelector"), ns.Labels), labelsMatch(child(on, "namespaceSelector"), ns.Labels))
	if len(children(on, "excludeResourceRules"))+len(children(spec, "matchConditions")) > 0 {
		m = and(m, unknown)
	}
	return m
}

func takesNamespaces(rule map[string]any) bool {
	has := func(key string, any ...string) bool {
		return slices.ContainsFunc(strs(rule, key), func(s string) bool { return s == "*" || slices.Contains(any, s) })
	}
	return has("apiGroups", "") && has("resources", "namespaces", "*/*") && has("operations", "CREATE", "UPDATE") && len(strs(rule, "resourceNames")) == 0
}

// decidable tells whether what is generated does not depend on anything but the
// namespace, so that each one which matches must have it.
func (g generatingPolicy) decidable() bool {
	spec := child(g.policy.Raw, "spec")
	evaluation := child(spec, "evaluation")
	if on, _ := child(evaluation, "synchronize")["enabled"].(bool); !on {
		return false // what Kyverno generates once it does not mark as its own for ever
	}
	return !slices.ContainsFunc(expressions(spec), func(e string) bool {
		return strings.ContainsAny(e, "?") || strings.Contains(e, "resource.") || strings.Contains(e, "http.") || strings.Contains(e, "globalContext.")
	})
}

func (g generatingPolicy) state(p *audit.Pass, ns audit.Namespace) (match, string) {
	m := g.matches(ns)
	if m == no || len(g.generated(p, ns)) > 0 {
		return m, ""
	}
	excepted, _ := exceptedCEL(p, g.policy.Ref)
	m = and(m, not(excepted))
	if !g.decidable() {
		m = and(m, unknown)
	}
	return m, fmt.Sprintf("the network policy which %s generates for %s is missing", g.policy.Name, ns.Name)
}

// Labels that Kyverno puts on what it generates.
const (
	labelPolicyName  = "generate.kyverno.io/policy-name"
	labelTriggerKind = "generate.kyverno.io/trigger-kind"
	labelTriggerName = "generate.kyverno.io/trigger-name"
	labelTriggerUID  = "generate.kyverno.io/trigger-uid"
)

// generated lists what Kyverno labelled as generated for a namespace.
func (g generatingPolicy) generated(p *audit.Pass, ns audit.Namespace) []*audit.Object {
	var out []*audit.Object
	for _, o := range p.Policies {
		byUID := o.Labels[labelTriggerUID] != "" && o.Labels[labelTriggerUID] == ns.UID
		byName := o.Labels[labelTriggerKind] == "Namespace" && o.Labels[labelTriggerName] == ns.Name
		if o.Labels[labelPolicyName] == g.policy.Name && (byUID || byName) {
			out = append(out, o)
		}
	}
	return out
}

func (g generatingPolicy) because(ns audit.Namespace) string {
	existing, _ := child(child(child(g.policy.Raw, "spec"), "evaluation"), "generateExisting")["enabled"].(bool)
	if !existing && !ns.Created.IsZero() && ns.Created.Before(g.policy.Created) {
		return " (the namespace is older than the policy, and generateExisting is not set)"
	}
	return ""
}

// isCEL tells the policies and exceptions of policies.kyverno.io from those of
// kyverno.io.
func isCEL(o *audit.Object) bool { return strings.HasPrefix(o.APIVersion, "policies.kyverno.io/") }

// exceptedRule tells whether a PolicyException of kyverno.io takes an object out
// of a rule.
func exceptedRule(p *audit.Pass, rule audit.PolicyRef, t trigger) match {
	m := no
	for _, o := range exceptionsFrom(p, rule) {
		m = or(m, and(matchesTrigger(child(o.Raw, "spec"), t), unconditional(o)))
	}
	return m
}

// exceptedCEL tells whether PolicyExceptions of policies.kyverno.io take a whole
// policy away, and which do. What their conditions say in CEL is unknown, and so
// is what one leaves that is for certain images or values.
func exceptedCEL(p *audit.Pass, policy audit.Ref) (match, []*audit.Object) {
	m := no
	var by []*audit.Object
	for _, o := range p.Kyverno {
		if o.Kind != "PolicyException" || !isCEL(o) || ended(o, now(p)) {
			continue
		}
		spec := child(o.Raw, "spec")
		switch {
		case !slices.ContainsFunc(children(spec, "policyRefs"), func(r map[string]any) bool {
			return text(r, "name") == policy.Name && text(r, "kind") == policy.Kind
		}):
		case len(children(spec, "matchConditions"))+len(strs(spec, "images"))+len(strs(spec, "allowedValues")) > 0:
			m = or(m, unknown)
		default:
			m, by = yes, append(by, o)
		}
	}
	return m, by
}

// ended tells whether an exception of policies.kyverno.io is over by its own
// expiresAt, which Kyverno heeds.
func ended(o *audit.Object, at time.Time) bool {
	t, err := time.Parse(time.RFC3339, text(child(o.Raw, "spec"), "expiresAt"))
	return isCEL(o) && err == nil && t.Before(at)
}

// now is the time that what is declared is looked at: the newest that is known.
func now(p *audit.Pass) time.Time {
	at := p.At
	if p.Traffic != nil && p.Until.After(at) {
		at = p.Until
	}
	return at
}
