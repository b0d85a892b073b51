package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// KyvernoExceptionRisk finds exceptions from policies that guard the network or
// security, which are wider or last longer than anybody answers for.
var KyvernoExceptionRisk = &audit.Rule{
	ID: "SEG608", Name: "kyverno-exception-risk", Severity: audit.Medium, Needs: audit.Kyverno,
	Doc: audit.Doc{
		Title: "An exception from a policy that guards network or security is open-ended or holds everywhere",
		Why:   "An exception without an end and without a ticket is one that nobody looks at again, and one that names neither namespace nor object takes the policy away from the whole cluster.",
		Fix: "Narrow `spec.match` to the objects meant; give it an end (`spec.expiresAt` in policies.kyverno.io, or the label `cleanup.kyverno.io/ttl`, which Kyverno's cleanup controller heeds) " +
			"or an annotation that names the ticket.",
		Blind: "Guarding policies are known as in `kyverno-enforce-off`. An end counts if it is `spec.expiresAt`, the label above, or an annotation whose name ends in expires, expiry, expires-at or until; " +
			"a ticket if an annotation's name has ticket, issue or jira in it. What the conditions of an exception say is not evaluated.",
	},
	References: []string{"NIST 800-53 CM-3", "NIST 800-53 AC-6"},
	Check:      kyvernoExceptionRisk,
}

func kyvernoExceptionRisk(p *audit.Pass) {
	for _, o := range p.Kyverno {
		if o.Kind != "PolicyException" || ended(o, now(p)) {
			continue
		}
		from := slices.DeleteFunc(exceptedFrom(p, o), func(policy *audit.Object) bool { return !guardsNetwork(policy) })
		risks := exceptionRisks(o, now(p))
		if len(from) == 0 || len(risks) == 0 {
			continue
		}
		f := audit.Finding{Subject: o.Ref, Policies: []audit.PolicyRef{{Ref: o.Ref, Object: o}}}
		var names []string
		for _, policy := range from {
			names = append(names, policy.Name)
			f.Policies = append(f.Policies, audit.PolicyRef{Ref: policy.Ref, Object: policy})
		}
		for _, r := range risks {
			f.Evidence = append(f.Evidence, audit.Evidence{What: r})
		}
		f.Message = fmt.Sprintf("the exception %s from %s %s", o.Name, strings.Join(names, ", "), strings.Join(risks, ", and "))
		p.Report(f)
	}
}

// exceptedFrom lists the policies that an exception of either API names.
func exceptedFrom(p *audit.Pass, exception *audit.Object) []*audit.Object {
	spec := child(exception.Raw, "spec")
	named := map[string]bool{}
	for _, e := range children(spec, "exceptions") {
		named[text(e, "policyName")] = true
	}
	for _, r := range children(spec, "policyRefs") {
		named[text(r, "kind")+" "+text(r, "name")] = true
	}
	return slices.DeleteFunc(slices.Clone(p.Kyverno), func(o *audit.Object) bool {
		switch {
		case o.Kind == "PolicyException" || isCEL(o) != isCEL(exception):
			return true
		case isCEL(o):
			return !named[o.Kind+" "+o.Name]
		case o.Namespace != "":
			return !named[o.Namespace+"/"+o.Name]
		}
		return !named[o.Name]
	})
}

// exceptionRisks says what is wrong with an exception, in words that follow its
// name.
func exceptionRisks(o *audit.Object, at time.Time) []string {
	var out []string
	switch end, has := expiry(o); {
	case !end.IsZero() && end.Before(at):
		out = append(out, "was to end on "+end.UTC().Format(time.DateOnly)+" and still holds")
	case !has && !hasTicket(o):
		out = append(out, "has no end and names no ticket")
	}
	if everyObject(o) {
		out = append(out, "holds in every namespace")
	}
	return out
}

// expiry is when an exception is to end, if that is a time, and whether an end
// is set at all.
func expiry(o *audit.Object) (end time.Time, has bool) {
	values := []string{text(child(o.Raw, "spec"), "expiresAt"), o.Labels["cleanup.kyverno.io/ttl"]}
	for _, k := range slices.Sorted(maps.Keys(o.Annotations)) {
		switch k[strings.LastIndexByte(k, '/')+1:] {
		case "expires", "expiry", "expires-at", "until":
			values = append(values, o.Annotations[k])
		}
	}
	for _, v := range values {
		if v == "" {
			continue
		}
		has = true
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if t, err := time.Parse(layout, v); err == nil && (end.IsZero() || t.Before(end)) {
				end = t
			}
		}
	}
	return end, has
}

func hasTicket(o *audit.Object) bool {
	for k, v := range o.Annotations {
		k = strings.ToLower(k)
		for _, word := range []string{"ticket", "issue", "jira"} {
			if v != "" && strings.Contains(k, word) {
				return true
			}
		}
	}
	return false
}

// everyObject tells whether an exception names neither a namespace, nor an
// object, nor a label.
func everyObject(o *audit.Object) bool {
	spec := child(o.Raw, "spec")
	if isCEL(o) {
		return len(children(spec, "matchConditions")) == 0
	}
	if len(child(spec, "conditions")) > 0 {
		return false
	}
	b := child(spec, "match")
	wide := func(f map[string]any) bool {
		res := child(f, "resources")
		for _, k := range []string{"name", "names", "namespaces", "namespaceSelector", "selector", "annotations"} {
			if v, ok := res[k]; ok && !isEverything(v) {
				return false
			}
		}
		return f["subjects"] == nil && f["roles"] == nil && f["clusterRoles"] == nil
	}
	if all := children(b, "all"); len(all) > 0 {
		return !slices.ContainsFunc(all, func(f map[string]any) bool { return !wide(f) })
	}
	if list := children(b, "any"); len(list) > 0 {
		return slices.ContainsFunc(list, wide)
	}
	return wide(b)
}

// isEverything tells a condition that every name meets.
func isEverything(v any) bool {
	switch v := v.(type) {
	case string:
		return v == "*"
	case []any:
		return len(v) == 0 || slices.Contains(v, any("*"))
	case map[string]any:
		return len(v) == 0
	}
	return v == nil
}
