package rules

import (
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A match is a three-valued answer: what can't be known is not guessed.
type match int

const (
	no match = iota
	unknown
	yes
)

func and(ms ...match) match {
	if len(ms) == 0 {
		return yes
	}
	return slices.Min(ms)
}

func or(ms ...match) match {
	if len(ms) == 0 {
		return no
	}
	return slices.Max(ms)
}

func not(m match) match { return yes - m }

func is(b bool) match {
	if b {
		return yes
	}
	return no
}

// A trigger is an object that a rule of Kyverno's may be about.
type trigger struct {
	kind, namespace, name string
	labels, nsLabels      map[string]string
}

// asTrigger is a namespace as Kyverno matches it: its own name and labels stand
// for those of the namespace that it lies in.
func asTrigger(ns audit.Namespace) trigger {
	return trigger{kind: "Namespace", namespace: ns.Name, name: ns.Name, labels: ns.Labels, nsLabels: ns.Labels}
}

// matchesNamespace tells whether a rule of a kyverno.io policy takes a
// namespace as its trigger.
func matchesNamespace(rule map[string]any, ns audit.Namespace) match {
	return matchesTrigger(rule, asTrigger(ns))
}

// matchesTrigger tells whether a rule of a kyverno.io policy is about an object.
func matchesTrigger(rule map[string]any, t trigger) match {
	m := matchBlock(child(rule, "match"), t)
	if ex := child(rule, "exclude"); len(ex) > 0 {
		m = and(m, not(matchBlock(ex, t)))
	}
	for _, k := range []string{"preconditions", "celPreconditions", "context"} {
		if _, ok := rule[k]; ok {
			m = and(m, unknown)
		}
	}
	return m
}

// matchBlock reads match or exclude: any, all, or the older plain resources.
func matchBlock(b map[string]any, t trigger) match {
	var ms []match
	for _, f := range children(b, "any") {
		ms = append(ms, matchFilter(f, t))
	}
	if len(ms) > 0 {
		return or(ms...)
	}
	for _, f := range children(b, "all") {
		ms = append(ms, matchFilter(f, t))
	}
	if len(ms) > 0 {
		return and(ms...)
	}
	return matchFilter(b, t)
}

// matchFilter reads one resource filter. Who asked (subjects, roles) can't be
// known afterwards.
func matchFilter(f map[string]any, t trigger) match {
	res := child(f, "resources")
	if len(res) == 0 {
		return unknown
	}
	m := yes
	for _, k := range []string{"subjects", "roles", "clusterRoles"} {
		if v, ok := f[k].([]any); ok && len(v) > 0 {
			m = unknown
		}
	}
	for k := range res {
		m = and(m, matchField(res, k, t))
	}
	return m
}

// matchField reads one condition of a resource filter.
func matchField(res map[string]any, k string, t trigger) match {
	among := func(s string) match {
		return is(slices.ContainsFunc(strs(res, k), func(n string) bool { return wildcard(n, s) }))
	}
	switch k {
	case "kinds":
		return is(slices.ContainsFunc(strs(res, k), t.isOf))
	case "name":
		return is(wildcard(text(res, k), t.name))
	case "names":
		return among(t.name)
	case "namespaces":
		return among(t.namespace)
	case "selector":
		return labelsMatch(child(res, k), t.labels)
	case "namespaceSelector":
		return labelsMatch(child(res, k), t.nsLabels)
	case "operations":
		return is(slices.ContainsFunc(strs(res, k), func(o string) bool { return o == "CREATE" || o == "UPDATE" }))
	}
	return unknown
}

// isOf tells whether a kind as Kyverno writes it is that of the trigger, which
// is of the core group.
func (t trigger) isOf(kind string) bool { return kind == t.kind || kind == "v1/"+t.kind || kind == "*" }

// labelsMatch reads a label selector in which values may have wildcards.
func labelsMatch(sel map[string]any, labels map[string]string) match {
	m := yes
	for k, want := range child(sel, "matchLabels") {
		w, ok := want.(string)
		v, has := labels[k]
		switch {
		case !ok || strings.ContainsAny(k, "*?"):
			m = and(m, unknown)
		default:
			m = and(m, is(has && wildcard(w, v)))
		}
	}
	for _, e := range children(sel, "matchExpressions") {
		v, has := labels[text(e, "key")]
		in := has && slices.Contains(strs(e, "values"), v)
		switch text(e, "operator") {
		case "In":
			m = and(m, is(in))
		case "NotIn":
			m = and(m, is(!in))
		case "Exists":
			m = and(m, is(has))
		case "DoesNotExist":
			m = and(m, is(!has))
		default:
			m = and(m, unknown)
		}
	}
	return m
}

// wildcard matches * for any run of characters and ? for one.
func wildcard(pattern, s string) bool {
	star, mark, p, i := -1, 0, 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]) && pattern[p] != '*':
			p, i = p+1, i+1
		case p < len(pattern) && pattern[p] == '*':
			star, mark, p = p, i, p+1
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// The objects are generic: what is missing or of another type reads as empty.

func child(m map[string]any, key string) map[string]any {
	c, _ := m[key].(map[string]any)
	return c
}

func children(m map[string]any, key string) []map[string]any {
	list, _ := m[key].([]any)
	var out []map[string]any
	for _, v := range list {
		if c, ok := v.(map[string]any); ok {
			out = append(out, c)
		}
	}
	return out
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func strs(m map[string]any, key string) []string {
	list, _ := m[key].([]any)
	var out []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// normal makes numbers comparable: JSON and YAML decode them differently.
func normal(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	}
	return v
}
