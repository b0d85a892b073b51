package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// LabelEscape finds namespaces that a baseline passes by because they lack a label.
var LabelEscape = &audit.Rule{
	ID: "SEG204", Name: "cover-label-escape", Severity: audit.Medium, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A namespace escapes the baseline because it lacks the label by which that goes",
		Why: "The baseline of the platform, a clusterwide policy or one that Kyverno generates, is for namespaces with a certain label. This one runs workloads, does not " +
			"have the label, and has no default deny of its own.",
		Fix: "Label the namespace as the baseline asks (the evidence says how), and have admission demand the label of every namespace that is not the platform's.",
		Blind: "A baseline counts as one if it isolates every pod of at least one other namespace. Who may change the label of a namespace is not looked at. Namespaces of the platform " +
			"(`systemNamespaces` in the configuration) are left out; of Kyverno's generate rules those of kyverno.io that select namespaces by label are read.",
	},
	References: []string{"NIST 800-53 CM-6", "NIST 800-53 AC-3"},
	Check:      labelEscape,
}

// A baseline is a policy for namespaces with certain labels.
type baseline struct {
	audit.PolicyRef
	labels     string                // that it goes by
	directions []audit.Direction     // in which it isolates
	covers     func(ns string) match // whole namespaces
	lacks      func(ns string) bool  // whether only a label is missing
}

func labelEscape(p *audit.Pass) {
	all := tenants(p)
	bases := baselines(p, all)
	for _, ns := range all {
		f := audit.Finding{Subject: audit.Ref{Kind: "Namespace", Name: ns}}
		for _, b := range bases {
			open := slices.ContainsFunc(b.directions, func(d audit.Direction) bool {
				by, unsure := p.Engine.DefaultDeny(ns, d)
				return len(by) == 0 && unsure == ""
			})
			switch m := b.covers(ns); {
			case !open || m == yes || !b.lacks(ns):
			case m == unknown:
				p.Withhold(1)
			default:
				f.Policies = append(f.Policies, b.PolicyRef)
				f.Evidence = append(f.Evidence, audit.Evidence{What: fmt.Sprintf("%s is for namespaces with %s", b.Ref, b.labels)})
			}
		}
		if len(f.Policies) > 0 {
			who := names(f.Subject, f.Policies)
			f.Message = fmt.Sprintf("%s runs workloads and lacks the label by which %s %s namespaces", ns, who, verb(who, "selects", "select"))
			p.Report(f)
		}
	}
}

// baselines lists those that are for some tenants and not for all.
func baselines(p *audit.Pass, tenants []string) []baseline {
	out := append(clusterwideBaselines(p), generatedBaselines(p)...)
	return slices.DeleteFunc(out, func(b baseline) bool {
		return !slices.ContainsFunc(tenants, func(ns string) bool { return b.covers(ns) == yes })
	})
}

// clusterwideBaselines are clusterwide policies that isolate all pods of
// namespaces with certain labels.
func clusterwideBaselines(p *audit.Pass) []baseline {
	var out []baseline
	for _, s := range specs(p) {
		pods, namespaces := s.Subject().Names()
		keys := slices.DeleteFunc(namespaces, func(k string) bool { return !isNamespaceLabel(k) })
		if s.Host() || s.Policy().Namespace != "" || s.Unsure() != "" || len(pods) > 0 || len(keys) == 0 {
			continue
		}
		b := baseline{PolicyRef: s.Policy(), labels: labelNames(keys), lacks: func(string) bool { return true }}
		b.covers = func(ns string) match { return asMatch(s.EveryPod(ns)) }
		for _, d := range both() {
			if s.Isolates(d) {
				b.directions = append(b.directions, d)
			}
		}
		out = append(out, b)
	}
	return out
}

// isNamespaceLabel tells whether an identity label is one of the namespace that
// somebody may give or forget: every namespace has its name.
func isNamespaceLabel(key string) bool {
	l, ok := strings.CutPrefix(key, audit.PrefixNamespaceMeta)
	return ok && l != "kubernetes.io/metadata.name"
}

func labelNames(keys []string) string {
	var out []string
	for _, k := range keys {
		out = append(out, strings.TrimPrefix(k, audit.PrefixNamespaceMeta))
	}
	return "label " + some(out)
}

// generatedBaselines are Kyverno's rules that generate a default deny for
// namespaces with certain labels.
func generatedBaselines(p *audit.Pass) []baseline {
	var out []baseline
	for _, g := range generateRules(p) {
		labels := triggerLabels(g.rule)
		directions := generatedDirections(child(child(g.generate, "data"), "spec"))
		if len(labels) == 0 || len(directions) == 0 {
			continue
		}
		out = append(out, baseline{
			PolicyRef: audit.PolicyRef{Ref: g.policy.Ref, Rule: g.name, Object: g.policy},
			labels:    labelText(labels), directions: directions,
			covers: func(name string) match {
				if ns := p.Namespace(name); ns != nil {
					return matchesNamespace(g.rule, *ns)
				}
				return unknown
			},
			// With the labels that the trigger asks for it would be one.
			lacks: func(name string) bool {
				ns := p.Namespace(name)
				if ns == nil {
					return false
				}
				with := *ns
				with.Labels = maps.Clone(ns.Labels)
				if with.Labels == nil {
					with.Labels = map[string]string{}
				}
				maps.Copy(with.Labels, labels)
				return matchesNamespace(g.rule, with) != no
			},
		})
	}
	return out
}

// triggerLabels are the labels that the trigger of a generate rule asks for by value.
func triggerLabels(rule map[string]any) map[string]string {
	out := map[string]string{}
	m := child(rule, "match")
	for _, f := range append(append(children(m, "any"), children(m, "all")...), m) {
		for _, key := range []string{"selector", "namespaceSelector"} {
			for k, v := range child(child(child(f, "resources"), key), "matchLabels") {
				if s, ok := v.(string); ok && !strings.ContainsAny(k+s, "*?") {
					out[k] = s
				}
			}
		}
	}
	return out
}

func labelText(labels map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, k+"="+labels[k])
	}
	return "label " + some(out)
}

// generatedDirections are those in which a generated policy isolates every pod
// of its namespace.
func generatedDirections(spec map[string]any) []audit.Direction {
	_, knp := spec["podSelector"]
	if !selectsAll(&audit.Object{Raw: map[string]any{"spec": spec}}) {
		return nil
	}
	var out []audit.Direction
	for _, d := range both() {
		types, isolates := strs(spec, "policyTypes"), spec[string(d)] != nil
		if knp {
			isolates = slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(t, string(d)) }) || len(types) == 0 && d == audit.Ingress
		}
		if isolates {
			out = append(out, d)
		}
	}
	return out
}

func asMatch(is, sure bool) match {
	switch {
	case !sure:
		return unknown
	case is:
		return yes
	}
	return no
}
