package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// KyvernoMutateAbsent finds workloads whose pods lack the labels that a Kyverno
// mutate rule gives them.
var KyvernoMutateAbsent = &audit.Rule{
	ID: "SEG611", Name: "kyverno-mutate-absent", Severity: audit.Medium, Needs: audit.Kyverno,
	Doc: audit.Doc{
		Title: "Pods lack a label that a Kyverno mutate rule gives them",
		Why: "Network policies select by labels. A pod that was let in without the label that Kyverno should have added, because Kyverno did not answer or the policy failed, " +
			"is selected by none of the policies that count on it.",
		Fix: "Restart the pods (`kubectl -n NAMESPACE rollout restart`) while Kyverno answers, and see that the mutating webhook does not ignore failures; " +
			"or set the label in the workload's own manifest.",
		Blind: "Only labels are followed, of pods, set by `patchStrategicMerge` of a kyverno.io policy, or by `patchesJson6902` that only adds and is written as JSON or one plain " +
			"field a line. Annotations and other parts of a pod are not kept; of a MutatingPolicy (policies.kyverno.io) nothing is followed, since no CEL is evaluated. " +
			"Pods older than the policy's last change, and manifests from a repository, are not judged. A rule with preconditions or conditional anchors is withheld.",
	},
	References: []string{"NIST 800-53 CM-6"},
	Check:      kyvernoMutateAbsent,
}

// A labelRule is a rule of one policy that gives labels to pods.
type labelRule struct {
	policy *audit.Object
	name   string
	rule   map[string]any
	labels map[string]string // key → value; "" where any will do
}

func kyvernoMutateAbsent(p *audit.Pass) {
	type key struct{ owner, policy audit.Ref }
	found := map[key]*absence{}
	for _, r := range labelRules(p) {
		withheld := map[audit.Ref]bool{}
		for i := range p.Pods {
			pod := &p.Pods[i]
			switch missing, m := r.missing(p, pod); {
			case m == no || missing == "":
			case m == unknown:
				withheld[pod.Owner] = true
			default:
				k := key{pod.Owner, r.policy.Ref}
				if found[k] == nil {
					found[k] = &absence{owner: pod.Owner, policy: r.policy}
				}
				found[k].add(r.name, pod.Name+" lacks "+missing)
			}
		}
		p.Withhold(len(withheld))
	}
	for _, k := range slices.SortedFunc(maps.Keys(found), func(a, b key) int {
		return cmp.Or(a.owner.Compare(b.owner), a.policy.Compare(b.policy))
	}) {
		p.Report(found[k].finding())
	}
}

// An absence is what the pods of one workload lack of what one policy adds.
type absence struct {
	owner        audit.Ref
	policy       *audit.Object
	rules, lines []string
}

func (a *absence) add(rule, line string) {
	if !slices.Contains(a.rules, rule) {
		a.rules = append(a.rules, rule)
	}
	a.lines = append(a.lines, line)
}

func (a *absence) finding() audit.Finding {
	policy := a.policy.Ref
	f := audit.Finding{
		Subject: a.owner, Peer: &policy,
		Message: fmt.Sprintf("pods of %s lack labels that %s adds to them", a.owner.Name, a.policy.Name),
	}
	for _, r := range a.rules {
		f.Policies = append(f.Policies, audit.PolicyRef{Ref: policy, Rule: r, Object: a.policy})
	}
	f.Evidence = listed(a.lines)
	return f
}

// mostEvidence bounds the evidence that is listed one by one.
const mostEvidence = 10

// listed is evidence of one line each, in order and each once, of which the last
// says how many more there are.
func listed(lines []string) []audit.Evidence {
	lines = slices.Compact(slices.Sorted(slices.Values(lines)))
	var out []audit.Evidence
	for _, line := range lines[:min(len(lines), mostEvidence)] {
		out = append(out, audit.Evidence{What: line})
	}
	if more := len(lines) - mostEvidence; more > 0 {
		out = append(out, audit.Evidence{What: fmt.Sprintf("and %d more", more)})
	}
	return out
}

// labelRules lists the rules that give labels to pods.
func labelRules(p *audit.Pass) []*labelRule {
	var out []*labelRule
	for _, o := range p.Kyverno {
		if o.Kind != "ClusterPolicy" && o.Kind != "Policy" {
			continue
		}
		for _, r := range children(child(o.Raw, "spec"), "rules") {
			labels := labelsGiven(child(child(child(child(r, "mutate"), "patchStrategicMerge"), "metadata"), "labels"))
			maps.Copy(labels, labelsPatched(text(child(r, "mutate"), "patchesJson6902")))
			if len(labels) > 0 && len(children(child(r, "mutate"), "targets")) == 0 {
				out = append(out, &labelRule{o, text(r, "name"), r, labels})
			}
		}
	}
	return out
}

// labelsGiven reads the labels of a patch. "+(key)" sets a value only where there
// is none; any will do then, as for a value that Kyverno works out.
func labelsGiven(patch map[string]any) map[string]string {
	out := map[string]string{}
	for k, v := range patch {
		s, ok := v.(string)
		key, ifAbsent := strings.CutPrefix(k, "+(")
		if key = strings.TrimSuffix(key, ")"); !ok || ifAbsent || strings.Contains(s, "{{") {
			s = ""
		}
		if !strings.ContainsAny(key, "(){}") {
			out[key] = s
		}
	}
	return out
}

// conditional tells whether a patch has an anchor other than +(key), so that it
// is applied to some objects only.
func conditional(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for k, c := range v {
			if strings.Contains(k, "(") && !strings.HasPrefix(k, "+(") || conditional(c) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, conditional)
	}
	return false
}

// missing says which label a pod lacks, and whether the rule is for the pod.
func (r *labelRule) missing(p *audit.Pass, pod *audit.Pod) (string, match) {
	policy := r.policy
	if pod.Created.IsZero() || policy.Created.IsZero() || pod.Done || p.IsSystem(pod.Namespace) ||
		!pod.Created.After(policy.Created) || !pod.Created.After(policy.Changed) || policy.Namespace != "" && policy.Namespace != pod.Namespace {
		return "", no
	}
	var lacks []string
	for k, want := range r.labels {
		if got, ok := pod.Labels[k]; !ok || want != "" && got != want {
			lacks = append(lacks, strings.TrimSuffix(k+"="+want, "="))
		}
	}
	if len(lacks) == 0 {
		return "", no
	}
	slices.Sort(lacks)
	t := trigger{kind: "Pod", namespace: pod.Namespace, name: pod.Name, labels: pod.Labels}
	if ns := p.Namespace(pod.Namespace); ns != nil {
		t.nsLabels = ns.Labels
	}
	m := and(matchesTrigger(r.rule, t), not(exceptedRule(p, audit.PolicyRef{Ref: policy.Ref, Rule: r.name}, t)))
	if conditional(child(r.rule, "mutate")["patchStrategicMerge"]) {
		m = and(m, unknown)
	}
	return strings.Join(lacks, " and "), m
}
