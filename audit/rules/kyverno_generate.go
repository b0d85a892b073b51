package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// KyvernoGenerateMissing finds namespaces that lack the network policy which a
// Kyverno generate rule promises them.
var KyvernoGenerateMissing = &audit.Rule{
	ID: "SEG603", Name: "kyverno-generate-missing", Severity: audit.High, Needs: audit.Kyverno | audit.Policies,
	Doc: audit.Doc{
		Title: "A network policy that Kyverno should have generated is missing or was edited",
		Why: "The baseline that the platform promises is not there. A report that says pass is history: it was written when the policy was generated and stays when it is deleted. " +
			"`synchronize` repairs only while the background controller runs, and namespaces older than the policy get nothing without `generateExisting`.",
		Fix: "See that Kyverno's background controller runs and may write the kind (`kubectl -n kyverno logs deploy/kyverno-background-controller`), " +
			"set `generateExisting: true`, or create the policy by hand.",
		Blind: "Only generate rules whose trigger is a namespace and whose result is a network policy are followed; preconditions, context and variables other than the " +
			"namespace's name are not evaluated, and such rules are withheld. No CEL is evaluated: of a GeneratingPolicy only the labels that it selects by are read, and only whether Kyverno " +
			"labelled a network policy as its work; one with conditions, or that does not synchronize, is withheld. Manifests from a repository lack generated objects by nature and are not judged.",
	},
	References: []string{"CIS Kubernetes 5.3.2", "NIST 800-53 CM-2"},
	Check:      kyvernoGenerateMissing,
}

// Kyverno needs a moment: what is younger than this is not missing yet.
const generateGrace = time.Minute

// A generateRule is one rule of one policy that generates a network policy.
type generateRule struct {
	policy   *audit.Object
	name     string
	rule     map[string]any
	generate map[string]any
}

func kyvernoGenerateMissing(p *audit.Pass) {
	promises := promisesOf(p)
	for _, ns := range p.Namespaces {
		if ns.UID == "" || p.IsSystem(ns.Name) {
			continue
		}
		f := audit.Finding{Subject: audit.Ref{Kind: "Namespace", Name: ns.Name}}
		var lacks []string
		for _, g := range promises {
			m, state := g.state(p, ns)
			switch {
			case m == no || state == "":
			case m == unknown || settling(p, ns):
				p.Withhold(1)
			default:
				lacks = append(lacks, state)
				f.Policies = append(f.Policies, g.ref())
				f.Evidence = append(f.Evidence, audit.Evidence{What: "rule " + g.ref().Rule + ": " + state + g.because(ns)})
			}
		}
		if len(lacks) > 0 {
			f.Message = strings.Join(lacks, "; ")
			p.Report(f)
		}
	}
}

// A promise is a rule that generates a network policy for a namespace.
type promise interface {
	// state tells whether it is for a namespace, and what is wrong with what it
	// should have generated; "" if nothing is.
	state(*audit.Pass, audit.Namespace) (match, string)
	ref() audit.PolicyRef
	because(audit.Namespace) string
	output(*audit.Pass, audit.Namespace) []*audit.Object // what there is of it
}

func promisesOf(p *audit.Pass) []promise {
	var out []promise
	for _, g := range generateRules(p) {
		out = append(out, g)
	}
	for _, g := range generatingPolicies(p) {
		out = append(out, g)
	}
	return out
}

func (g generateRule) ref() audit.PolicyRef {
	return audit.PolicyRef{Ref: g.policy.Ref, Rule: g.name, Object: g.policy}
}

// generateRules lists the rules that generate a network policy for a namespace.
func generateRules(p *audit.Pass) []generateRule {
	var out []generateRule
	for _, o := range p.Kyverno {
		if o.Kind != "ClusterPolicy" {
			continue
		}
		for _, r := range children(child(o.Raw, "spec"), "rules") {
			g := child(r, "generate")
			if isNetworkKind(text(g, "kind")) {
				out = append(out, generateRule{o, text(r, "name"), r, g})
			}
		}
	}
	return out
}

func (g generateRule) state(p *audit.Pass, ns audit.Namespace) (match, string) {
	m := matchesNamespace(g.rule, ns)
	if m == no {
		return no, ""
	}
	m = and(m, not(g.excepted(p, ns)))
	want, ok := g.target(ns)
	if !ok {
		return and(m, unknown), "what it generates can't be told"
	}
	got := p.Object(want)
	if got == nil {
		return m, fmt.Sprintf("%s, which %s generates, is missing", want, g.policy.Name)
	}
	data := child(g.generate, "data")
	if sync, _ := g.generate["synchronize"].(bool); !sync || len(data) == 0 || hasVariable(data) {
		return m, ""
	}
	if where := differs("", data, got.Raw); where != "" {
		return m, fmt.Sprintf("%s, which %s generates, was edited (%s)", want, g.policy.Name, where)
	}
	return m, ""
}

// target is what the rule generates for a namespace.
func (g generateRule) target(ns audit.Namespace) (audit.Ref, bool) {
	r := audit.Ref{
		Kind: text(g.generate, "kind"), Namespace: substitute(text(g.generate, "namespace"), ns.Name),
		Name: substitute(text(g.generate, "name"), ns.Name),
	}
	return r, r.Name != "" && !strings.Contains(r.Name+r.Namespace, "{{")
}

// substitute puts the name of the trigger where a rule asks for it.
func substitute(s, namespace string) string {
	for _, v := range []string{"request.object.metadata.name", "request.name"} {
		s = strings.ReplaceAll(s, "{{"+v+"}}", namespace)
		s = strings.ReplaceAll(s, "{{ "+v+" }}", namespace)
	}
	return s
}

// because adds why a namespace may have been left out.
func (g generateRule) because(ns audit.Namespace) string {
	existing, _ := g.generate["generateExisting"].(bool)
	if spec := child(g.policy.Raw, "spec"); !existing {
		existing, _ = spec["generateExisting"].(bool)
	}
	if !existing && !ns.Created.IsZero() && ns.Created.Before(g.policy.Created) {
		return " (the namespace is older than the policy, and generateExisting is not set)"
	}
	return ""
}

// excepted tells whether a PolicyException takes the namespace out of the rule.
func (g generateRule) excepted(p *audit.Pass, ns audit.Namespace) match {
	return exceptedRule(p, g.ref(), asTrigger(ns))
}

// settling tells whether the namespace, or a change that Kyverno has still to
// answer, is too young to be judged.
func settling(p *audit.Pass, ns audit.Namespace) bool {
	at := now(p)
	young := func(t time.Time) bool { return !t.IsZero() && at.Sub(t) < generateGrace }
	if young(ns.Created) {
		return true
	}
	return slices.ContainsFunc(p.Kyverno, func(o *audit.Object) bool {
		return o.Kind == "UpdateRequest" && young(o.Created) && text(child(o.Raw, "status"), "state") == "Pending" && triggeredBy(o, ns)
	})
}

func triggeredBy(request *audit.Object, ns audit.Namespace) bool {
	spec := child(request.Raw, "spec")
	triggers := []map[string]any{child(spec, "resource")}
	for _, c := range children(spec, "ruleContext") {
		triggers = append(triggers, child(c, "trigger"))
	}
	return slices.ContainsFunc(triggers, func(t map[string]any) bool {
		return text(t, "uid") == ns.UID || text(t, "kind") == "Namespace" && text(t, "name") == ns.Name
	})
}

// willBeGenerated tells whether Kyverno would give a namespace of a repository
// a network policy that the repository can't hold.
func willBeGenerated(p *audit.Pass, namespace string) bool {
	ns := p.Namespace(namespace)
	if ns == nil || ns.UID != "" {
		return false
	}
	return slices.ContainsFunc(generateRules(p), func(g generateRule) bool { return matchesNamespace(g.rule, *ns) != no }) ||
		slices.ContainsFunc(generatingPolicies(p), func(g generatingPolicy) bool { return g.matches(*ns) != no })
}

func hasVariable(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, "{{")
	case map[string]any:
		for _, c := range v {
			if hasVariable(c) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, hasVariable)
	}
	return false
}
