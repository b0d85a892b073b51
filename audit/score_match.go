package audit

import (
	"path"
	"slices"
	"strings"
)

// ruleMatches tells whether a rule of a kyverno.io policy is certain to be about
// something in a namespace, or about the namespace itself.
func ruleMatches(rule map[string]any, ns *Namespace) bool {
	if len(sub(rule, "celPreconditions")) > 0 || rule["preconditions"] != nil || rule["celPreconditions"] != nil {
		return false
	}
	is := func(f map[string]any) bool { return filterMatches(sub(f, "resources"), ns) }
	match := sub(rule, "match")
	some, all := subs(match, "any"), subs(match, "all")
	switch {
	case len(some) > 0 && !slices.ContainsFunc(some, is):
		return false
	case len(some) == 0 && len(all) > 0 && slices.ContainsFunc(all, func(f map[string]any) bool { return !is(f) }):
		return false
	case len(some)+len(all) == 0 && !is(match):
		return false
	}
	return !excludes(sub(rule, "exclude"), ns)
}

// filterMatches looks at the conditions that concern the namespace.
func filterMatches(res map[string]any, ns *Namespace) bool {
	if len(res) == 0 {
		return false
	}
	if named := words(res, "namespaces"); len(named) > 0 && !slices.ContainsFunc(named, wild(ns.Name)) {
		return false
	}
	if !labelsFit(sub(res, "namespaceSelector"), ns.Labels) {
		return false
	}
	kinds := words(res, "kinds")
	if len(kinds) != 1 || kinds[0] != "Namespace" && kinds[0] != "v1/Namespace" {
		return true
	}
	names := words(res, "names")
	if n := word(res, "name"); n != "" {
		names = append(names, n)
	}
	return (len(names) == 0 || slices.ContainsFunc(names, wild(ns.Name))) && labelsFit(sub(res, "selector"), ns.Labels)
}

// excludes tells whether a namespace may be left out wholly. Where that can't be
// told, it may.
func excludes(block map[string]any, ns *Namespace) bool {
	filters := append(subs(block, "any"), subs(block, "all")...)
	if len(filters) == 0 && len(block) > 0 {
		filters = []map[string]any{block}
	}
	for _, f := range filters {
		res := sub(f, "resources")
		narrow := res["name"] != nil || res["names"] != nil || res["selector"] != nil || res["annotations"] != nil || res["operations"] != nil ||
			f["subjects"] != nil || f["roles"] != nil || f["clusterRoles"] != nil
		whole := res["namespaces"] != nil || res["namespaceSelector"] != nil
		ofNamespace := slices.Contains(words(res, "kinds"), "Namespace")
		if (whole && !narrow || ofNamespace) && filterMatches(res, ns) {
			return true
		}
	}
	return false
}

// labelsFit tells whether labels are certain to be selected. An empty selector
// selects everything.
func labelsFit(sel map[string]any, labels map[string]string) bool {
	for k, want := range sub(sel, "matchLabels") {
		w, ok := want.(string)
		v, has := labels[k]
		if !ok || !has || !wild(v)(w) {
			return false
		}
	}
	for _, e := range subs(sel, "matchExpressions") {
		v, has := labels[word(e, "key")]
		in := has && slices.Contains(words(e, "values"), v)
		if ok := map[string]bool{"In": in, "NotIn": !in, "Exists": has, "DoesNotExist": !has}[word(e, "operator")]; !ok {
			return false
		}
	}
	return true
}

// wild tells whether a name fits a pattern in which * stands for any run of
// characters and ? for one.
func wild(name string) func(pattern string) bool {
	plain := strings.NewReplacer(`\`, `\\`, `[`, `\[`)
	return func(pattern string) bool {
		ok, err := path.Match(plain.Replace(pattern), name)
		return err == nil && ok
	}
}

// What is missing in an object, or of another type, reads as empty.

func sub(m map[string]any, key string) map[string]any {
	c, _ := m[key].(map[string]any)
	return c
}

func subs(m map[string]any, key string) []map[string]any {
	list, _ := m[key].([]any)
	var out []map[string]any
	for _, v := range list {
		if c, ok := v.(map[string]any); ok {
			out = append(out, c)
		}
	}
	return out
}

func word(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func words(m map[string]any, key string) []string {
	list, _ := m[key].([]any)
	var out []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
