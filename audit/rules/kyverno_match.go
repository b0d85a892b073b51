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

// matchesNamespace tells whether a rule of a kyverno.io policy takes a
// namespace as its trigger.
func matchesNamespace(rule map[string]any, ns audit.Namespace) match {
	m := matchBlock(child(rule, "match"), ns)
	if ex := child(rule, "exclude"); len(ex) > 0 {
		m = and(m, not(matchBlock(ex, ns)))
	}
	for _, k := range []string{"preconditions", "celPreconditions", "context"} {
		if _, ok := rule[k]; ok {
			m = and(m, unknown)
		}
	}
	return m
}

// matchBlock reads match or exclude: any, all, or the older plain resources.
func matchBlock(b map[string]any, ns audit.Namespace) match {
	var ms []match
	for _, f := range children(b, "any") {
		ms = append(ms, matchFilter(f, ns))
	}
	if len(ms) > 0 {
		return or(ms...)
	}
	for _, f := range children(b, "all") {
		ms = append(ms, matchFilter(f, ns))
	}
	if len(ms) > 0 {
		return and(ms...)
	}
	return matchFilter(b, ns)
}

// matchFilter reads one resource filter. Who asked (subjects, roles) can't be
// known afterwards.
func matchFilter(f map[string]any, ns audit.Namespace) match {
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
	for k, v := range res {
		switch k {
		case "kinds":
			m = and(m, is(slices.ContainsFunc(strs(res, "kinds"), isNamespaceKind)))
		case "name":
			m = and(m, is(wildcard(text(res, "name"), ns.Name)))
		case "names":
			m = and(m, is(slices.ContainsFunc(strs(res, "names"), func(n string) bool { return wildcard(n, ns.Name) })))
		case "namespaces":
			m = and(m, is(slices.ContainsFunc(strs(res, "namespaces"), func(n string) bool { return wildcard(n, ns.Name) })))
		case "selector", "namespaceSelector":
			sel, _ := v.(map[string]any)
			m = and(m, labelsMatch(sel, ns.Labels))
		case "operations":
			m = and(m, is(slices.ContainsFunc(strs(res, k), func(o string) bool { return o == "CREATE" || o == "UPDATE" })))
		default:
			m = and(m, unknown)
		}
	}
	return m
}

func isNamespaceKind(k string) bool { return k == "Namespace" || k == "v1/Namespace" || k == "*" }

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
