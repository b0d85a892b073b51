package policy

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/segproof/segproof/audit"
)

// terms are the requirements of a label selector as it is written.
type terms struct {
	labels, expressions []requirement
}

func (t terms) all() []requirement { return slices.Concat(t.labels, t.expressions) }

// terms reads matchLabels and matchExpressions. Keys without a source get the
// one given; only Cilium's kinds let a key name its source.
func (r *reader) terms(f field, source string) terms {
	var t terms
	f.object("matchLabels", "matchExpressions")
	labels := f.at("matchLabels")
	m, ok := labels.value.(map[string]any)
	if !ok && labels.given() {
		labels.expected("an object")
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		at := labels.at(clip(k))
		at.value = m[k]
		if !at.given() {
			at.expected("a string")
		}
		req := r.requirement(at, k, source)
		req.values = []string{at.text()}
		at.labelValues(req.values)
		if slices.ContainsFunc(t.labels, func(q requirement) bool { return q.source == req.source && q.key == req.key }) {
			at.unclear("the same label is named twice, and which of the two counts is left to chance")
		}
		t.labels = append(t.labels, req)
	}
	for _, item := range f.at("matchExpressions").items() {
		t.expressions = append(t.expressions, r.expression(item, source))
	}
	return t
}

func (r *reader) expression(f field, source string) requirement {
	f.object("key", "operator", "values")
	req := r.requirement(f.at("key"), f.at("key").text(), source)
	values := f.at("values")
	req.values = values.texts()
	values.labelValues(req.values)
	op := f.at("operator")
	switch op.text() {
	case "In":
		req.op = in
	case "NotIn":
		req.op = notIn
	case "Exists":
		req.op = exists
	case "DoesNotExist":
		req.op = absent
	default:
		op.reject("expected In, NotIn, Exists or DoesNotExist, found %s", describe(op.value))
	}
	if needs := req.op == in || req.op == notIn; needs != (len(req.values) > 0) {
		values.reject("In and NotIn need values, Exists and DoesNotExist must have none")
	}
	slices.Sort(req.values)
	req.values = slices.Compact(req.values)
	return req
}

// requirement reads a label key.
func (r *reader) requirement(f field, key, source string) requirement {
	req := requirement{source: source, key: key}
	if src, rest, ok := strings.Cut(key, ":"); ok && source == "any" {
		req.source, req.key = src, rest
		if src == "" || strings.Trim(src, dnsChars) != "" || strings.ContainsAny(src, "-_.") {
			f.reject("the source of label key %q is not made of letters and digits", clip(key))
		}
	}
	if len(validation.IsQualifiedName(req.key)) > 0 {
		f.reject("%q is not a label key", clip(key))
	}
	if req.source == "cidr" {
		if p, ok := labelPrefix(req.key); ok {
			req.prefix = p
		}
	}
	req.hidden = r.settings.semantics == Kubernetes && (req.source == "k8s" || req.source == "any") && !r.settings.filter.keeps(req.key)
	return req
}

func (f field) labelValues(values []string) {
	for _, v := range values {
		if len(validation.IsValidLabelValue(v)) > 0 {
			f.reject("%q is not a label value", clip(v))
		}
	}
}

// mentions tells whether a requirement is about this Kubernetes label.
func mentions(reqs []requirement, key string) bool {
	return slices.ContainsFunc(reqs, func(r requirement) bool { return r.key == key && (r.source == "k8s" || r.source == "any") })
}

// peerSelector reads a selector of peers in a Cilium policy and limits it as Cilium
// does (cilium pkg/k8s/apis/cilium.io/utils/utils.go): to the policy's own
// namespace, or for a clusterwide policy to pods, and to our own cluster.
// Whoever names a reserved label means just that.
func (r *reader) peerSelector(f field, subjectIsInit bool) *selector {
	before := len(f.notes.unclear)
	reqs := r.terms(f, "any").all()
	if slices.ContainsFunc(reqs, func(q requirement) bool { return q.source == "reserved" }) {
		return r.intern(reqs, f.notes.since(before))
	}
	namesNamespace := func(q requirement) bool {
		return (q.source == "k8s" || q.source == "any") && strings.HasPrefix(q.key, audit.PrefixNamespaceMeta)
	}
	switch {
	case mentions(reqs, audit.LabelNamespace):
	case r.namespace == "" && !subjectIsInit:
		reqs = append(reqs, anyNamespace())
	case r.namespace != "" && !slices.ContainsFunc(reqs, namesNamespace):
		reqs = append(reqs, inNamespace(r.namespace))
	}
	return r.intern(r.ourCluster(reqs), f.notes.since(before))
}

func inNamespace(name string) requirement {
	return requirement{op: in, source: "k8s", key: audit.LabelNamespace, values: []string{name}}
}

// anyNamespace holds for every pod and nothing else.
func anyNamespace() requirement {
	return requirement{op: exists, source: "k8s", key: audit.LabelNamespace}
}

// ownNamespace limits a selector to the namespace of the policy. A match label
// that names another is replaced, an expression is not (cilium ParseToCiliumRule).
func (r *reader) ownNamespace(t terms) []requirement {
	t.labels = slices.DeleteFunc(t.labels, func(q requirement) bool { return q.source == "k8s" && q.key == audit.LabelNamespace })
	return append(t.all(), inNamespace(r.namespace))
}

// ourCluster limits a selector of peers to our own cluster, unless it names one.
func (g *ground) ourCluster(reqs []requirement) []requirement {
	if g.settings.localOnly && !mentions(reqs, audit.LabelCluster) {
		reqs = append(reqs, requirement{op: local})
	}
	return reqs
}

// intern returns the one selector with these requirements.
func (g *ground) intern(reqs []requirement, doubt string) *selector {
	return g.selectors.intern(&selector{reqs: reqs, doubt: doubt, cluster: g.settings.cluster})
}
