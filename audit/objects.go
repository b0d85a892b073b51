package audit

import (
	"maps"
	"slices"
	"strings"
)

// Declared is an object as it was declared, without status and managed fields.
// Of objects that are not policies only the metadata is kept.
type Declared struct {
	Ref
	APIVersion string         `json:"apiVersion"`
	Source     Source         `json:"source,omitzero"`
	Manifest   map[string]any `json:"manifest"`
}

// maxObjects bounds the objects of a report; what is beyond is counted in its
// coverage.
const maxObjects = 5_000

// objects keeps the declared objects that findings and edges name, the findings'
// first.
func (r *Report) objects(s *Snapshot) {
	if s.Inventory == nil {
		return
	}
	seen := map[Ref]bool{}
	add := func(ref Ref) {
		if seen[ref] {
			return
		}
		seen[ref] = true
		d, ok := s.declared(ref)
		switch {
		case !ok:
		case len(r.Objects) == maxObjects:
			r.Coverage.FoldedObjects++
		default:
			r.Objects = append(r.Objects, d)
		}
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		add(f.Subject)
		if ns := f.Subject.Namespace; ns != "" {
			add(Ref{Kind: "Namespace", Name: ns})
		}
		if f.Peer != nil {
			add(*f.Peer)
		}
		for _, p := range f.Policies {
			add(p.Ref)
		}
	}
	for i := range r.Edges {
		e := &r.Edges[i]
		add(e.From)
		add(e.To)
		for _, p := range slices.Concat(e.Egress.Policies, e.Ingress.Policies) {
			add(p.Ref)
		}
	}
	slices.SortFunc(r.Objects, func(a, b Declared) int { return a.Compare(b.Ref) })
}

// declared is an object as it may stand in a report; false if it is not one, or
// was not read.
func (s *Snapshot) declared(ref Ref) (Declared, bool) {
	d := Declared{Ref: ref}
	var meta map[string]any
	switch o, w := s.Object(ref), s.Workload(ref); {
	case o != nil:
		d.APIVersion, d.Source, d.Manifest = o.APIVersion, o.Source, policyManifest(o)
		return d, true
	case w != nil:
		d.APIVersion, d.Source, meta = workloadVersion(ref.Kind), w.Source, metadata(ref, w.Labels, w.Annotations)
	case ref.Kind == "Namespace" && s.Namespace(ref.Name) != nil:
		n := s.Namespace(ref.Name)
		d.APIVersion, d.Source, meta = "v1", n.Source, metadata(ref, n.Labels, n.Annotations)
	case ref.Kind == "Pod" && s.Pod(ref.Namespace, ref.Name) != nil:
		p := s.Pod(ref.Namespace, ref.Name)
		d.APIVersion, d.Source, meta = "v1", p.Source, metadata(ref, p.Labels, nil)
	default:
		return d, false
	}
	d.Manifest = map[string]any{"apiVersion": d.APIVersion, "kind": ref.Kind, "metadata": meta}
	return d, true
}

// workloadVersion is the API version of the kinds that own pods; "" for others.
func workloadVersion(kind string) string {
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
		return "apps/v1"
	case "Job", "CronJob":
		return "batch/v1"
	case "ReplicationController":
		return "v1"
	}
	return ""
}

func metadata(ref Ref, labels, annotations map[string]string) map[string]any {
	m := map[string]any{"name": ref.Name}
	if ref.Namespace != "" {
		m["namespace"] = ref.Namespace
	}
	for key, from := range map[string]map[string]string{"labels": labels, "annotations": annotations} {
		kept := map[string]any{}
		for k, v := range from {
			if keepsAnnotation(k, v) {
				kept[k] = v
			}
		}
		if len(kept) > 0 {
			m[key] = kept
		}
	}
	return m
}

// keepsAnnotation leaves out copies of the object, what is very long, and what
// by its name is nobody's business.
func keepsAnnotation(key, value string) bool {
	const longest = 512
	return len(value) <= longest && !strings.HasSuffix(key, "last-applied-configuration") && !secretive(key)
}

func secretive(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"secret", "token", "password", "passwd", "credential", "api-key", "apikey", "private-key", "authorization", "cookie"},
		func(s string) bool { return strings.Contains(name, s) })
}

// policyManifest is a policy without what the cluster adds to it, and without
// what may be secret in it.
func policyManifest(o *Object) map[string]any {
	m := map[string]any{}
	for k, v := range o.Raw {
		if k != "status" && k != "metadata" {
			m[k] = withoutSecrets(v, k)
		}
	}
	meta := map[string]any{}
	for k, v := range sub(o.Raw, "metadata") {
		if k == "name" || k == "namespace" || k == "generation" || k == "creationTimestamp" {
			meta[k] = v
		}
	}
	maps.Copy(meta, metadata(o.Ref, o.Labels, o.Annotations))
	m["apiVersion"], m["kind"], m["metadata"] = o.APIVersion, o.Kind, meta
	return m
}

const removed = "(removed)"

// withoutSecrets is a copy without values that may be secret: what is in a
// Secret that a policy generates, and the values of headers that a proxy demands.
// A reference to a secret names it, and stays.
func withoutSecrets(v any, under string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		secret := v["kind"] == "Secret"
		for k, e := range v {
			switch {
			case secret && (k == "data" || k == "stringData"), k == "stringData", under == "headerMatches" && k == "value":
				out[k] = removed
			default:
				out[k] = withoutSecrets(e, k)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = withoutSecrets(e, under)
		}
		return out
	case string:
		if name, _, ok := strings.Cut(v, ":"); ok && under == "headers" {
			return name + ": " + removed
		}
	}
	return v
}
