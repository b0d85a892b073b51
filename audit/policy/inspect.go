package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/segproof/segproof/audit"
)

// A Spec is one spec of a declared policy as it was compiled, for those who
// judge how policies are written. A policy that is rejected has none.
type Spec struct {
	*section
	engine    *Engine
	namespace string // "" if the policy is clusterwide
	partly    string // why the policy is not wholly understood
	field     string // spec or specs[1]
	raw       map[string]any
}

// Specs lists the specs of all policies in force: the clusterwide ones, then
// those of each namespace, in order.
func (e *Engine) Specs() []Spec {
	return e.specs(func(audit.Ref) bool { return true })
}

// SpecsOf are the specs of some policies, in the same order.
func (e *Engine) SpecsOf(policies ...audit.Ref) []Spec {
	return e.specs(func(r audit.Ref) bool { return slices.Contains(policies, r) })
}

func (e *Engine) specs(wanted func(audit.Ref) bool) []Spec {
	partly := map[audit.Ref]string{}
	for _, p := range e.partly {
		partly[p.Ref] = p.Why
	}
	var out []Spec
	add := func(namespace string, sections []*section) {
		n := 0 // of the specs of one object
		for i, s := range sections {
			if n++; i == 0 || sections[i-1].ref.Object != s.ref.Object {
				n = 0
			}
			if !wanted(s.ref.Ref) {
				continue
			}
			field, raw := specOf(s.ref.Object, n)
			out = append(out, Spec{s, e, namespace, partly[s.ref.Ref], field, raw})
		}
	}
	add("", e.clusterwide)
	for _, ns := range slices.Sorted(maps.Keys(e.byNamespace)) {
		add(ns, e.byNamespace[ns])
	}
	return out
}

// specOf finds the text of the nth spec of a policy: first spec, then specs.
func specOf(o *audit.Object, n int) (string, map[string]any) {
	if one, ok := o.Raw["spec"].(map[string]any); ok {
		if n == 0 {
			return "spec", one
		}
		n--
	}
	list, _ := o.Raw["specs"].([]any)
	if n >= len(list) {
		return "spec", nil
	}
	one, _ := list[n].(map[string]any)
	return fmt.Sprintf("specs[%d]", n), one
}

// Policy names the policy; its Rule is the spec, if the policy may have several.
func (s Spec) Policy() audit.PolicyRef {
	ref := s.ref
	if s.field != "spec" {
		ref.Rule = s.field
	}
	return ref
}

// Raw is the spec as it is written. It must not be changed.
func (s Spec) Raw() map[string]any { return s.raw }

// Unsure says why the policy, or whom it selects, is not wholly understood; ""
// if it is.
func (s Spec) Unsure() string {
	return cmp.Or(s.partly, s.doubt, s.subject.doubt)
}

// Host tells whether the spec is about nodes rather than pods.
func (s Spec) Host() bool { return s.host }

// Baseline tells whether the spec is of the tier that is asked last.
func (s Spec) Baseline() bool { return s.order.tier == baseline }

// Selects tells whether the spec is about an end, and whether that is certain.
func (s Spec) Selects(p *audit.Peer) (is, sure bool) {
	elsewhere := func(namespace string) bool { return s.namespace != "" && s.namespace != namespace }
	if p.Namespace != "" && elsewhere(p.Namespace) {
		return false, true
	}
	id := s.engine.end(p).identity
	if s.host != id.host || elsewhere(id.namespace) {
		return false, true
	}
	return certain(s.subject.match(id))
}

// Isolates tells whether what no rule allows is denied to those selected.
func (s Spec) Isolates(d audit.Direction) bool { return s.isolates[index(d)] == yes }

// EveryPod tells whether the spec is about every pod of a namespace, also
// tomorrow's, and whether that is certain.
func (s Spec) EveryPod(namespace string) (is, sure bool) {
	if s.host || s.namespace != "" && s.namespace != namespace {
		return false, true
	}
	return certain(s.subject.everyPod(s.engine.shared(namespace)))
}

// Subject is the selector of those that the spec is about.
func (s Spec) Subject() Selector { return Selector{s.subject, s.engine} }

// Rules lists the rules of one direction, in the order in which they are written.
func (s Spec) Rules(d audit.Direction) []Rule {
	var out []Rule
	for _, r := range s.rules[index(d)] {
		out = append(out, Rule{rule: r, direction: d, engine: s.engine})
	}
	return out
}

// Subsumes tells whether the spec is for certain about everybody that another
// is about.
func (s Spec) Subsumes(o Spec) bool {
	return s.host == o.host && s.order == o.order && (s.namespace == "" || s.namespace == o.namespace) && s.subject.subsumes(o.subject)
}

func certain(t truth) (is, sure bool) { return t == yes, t != maybe }

// A Selector selects ends by their labels.
type Selector struct {
	*selector
	engine *Engine
}

// Selects tells whether the selector selects an end, and whether that is certain.
func (s Selector) Selects(p *audit.Peer) (is, sure bool) {
	return certain(s.match(s.engine.end(p).identity))
}

// Namespace tells whether the selector selects a whole namespace, also
// tomorrow's pods of it.
func (s Selector) Namespace(name string) (is, sure bool) {
	return certain(s.everyPod(s.engine.shared(name)))
}

// Everybody tells whether the selector asks for nothing at all.
func (s Selector) Everybody() bool { return s.wildcard() }

// Names lists the label keys that the selector asks about, those of pods and
// those of their namespaces apart. Conditions that come with the place of the
// policy are left out.
func (s Selector) Names() (pods, namespaces []string) {
	for i := range s.reqs {
		q := &s.reqs[i]
		switch {
		case q.op == local:
		case q.ofNamespace():
			namespaces = append(namespaces, q.key)
		default:
			pods = append(pods, q.key)
		}
	}
	return pods, namespaces
}

// Reserved tells whether the selector is about what is no pod, such as the host.
func (s Selector) Reserved() bool {
	return slices.ContainsFunc(s.reqs, func(q requirement) bool { return q.op != local && q.source != "k8s" && q.source != "any" })
}

// Elsewhere tells whether the selector asks for pods of another cluster.
func (s Selector) Elsewhere() bool {
	return slices.ContainsFunc(s.reqs, func(q requirement) bool {
		return q.key == audit.LabelCluster && (q.op != in || !slices.Contains(q.values, s.cluster))
	})
}

// Filtered lists the label keys that the selector asks about although they are
// not part of any pod's identity.
func (s Selector) Filtered() []string {
	var out []string
	for i := range s.reqs {
		q := &s.reqs[i]
		if q.op != local && !q.ofNamespace() && q.key != audit.LabelServiceAccount && (q.source == "k8s" || q.source == "any") && !s.engine.settings.filter.keeps(q.key) {
			out = append(out, q.key)
		}
	}
	return out
}

// In is the one namespace that the selector asks for by name; "" if it asks for
// several or none.
func (s Selector) In() string {
	for i := range s.reqs {
		if q := &s.reqs[i]; q.key == audit.LabelNamespace && q.op == in && len(q.values) == 1 {
			return q.values[0]
		}
	}
	return ""
}

// namespaces are those that a selector asks for by name or by the label that the
// API server gives to each with its name; nil if it asks for none.
func (s *selector) namespaces() []string {
	for i := range s.reqs {
		if q := &s.reqs[i]; q.op == in && (q.key == audit.LabelNamespace || q.key == labelMetaName) && (q.source == "k8s" || q.source == "any") {
			return q.values
		}
	}
	return nil
}

// AndPods tells whether an end has the namespace that this selector asks for
// and the pod labels that another does: what the two would select as one peer.
func (s Selector) AndPods(pods Selector, p *audit.Peer) bool {
	id := s.engine.end(p).identity
	for i := range pods.reqs {
		if q := &pods.reqs[i]; !q.ofNamespace() && pods.holds(q, id) != yes {
			return false
		}
	}
	return s.match(id) == yes
}

// ofNamespace tells whether a requirement is about the namespace of a pod, or
// its cluster, rather than about its own labels.
func (r *requirement) ofNamespace() bool {
	return r.op == local || r.key == audit.LabelNamespace || r.key == audit.LabelCluster ||
		len(r.key) > len(audit.PrefixNamespaceMeta) && r.key[:len(audit.PrefixNamespaceMeta)] == audit.PrefixNamespaceMeta
}
