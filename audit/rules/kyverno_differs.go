package rules

import (
	"fmt"
	"reflect"
	"strings"
)

// differs finds the first field, in order of name, that the template sets and
// the object does not have so; "" if there is none. What the template leaves out
// may be a default of the API server, but not in a selector that is empty, and
// not a list of rules beside those of the template.
func differs(at string, want, got any) string {
	if list, ok := want.([]any); ok {
		return differsList(at, list, got)
	}
	w, ok := want.(map[string]any)
	if !ok {
		if reflect.DeepEqual(normal(want), normal(got)) {
			return ""
		}
		return strings.TrimPrefix(at, ".")
	}
	g, ok := got.(map[string]any)
	if !ok && len(w) > 0 || len(w) == 0 && len(g) > 0 {
		return strings.TrimPrefix(at, ".")
	}
	if k := added(at, w, g); k != "" {
		return strings.TrimPrefix(at+"."+k, ".")
	}
	for _, k := range sortedKeys(w) {
		if k == "metadata" && at == "" {
			continue
		}
		if where := differs(at+"."+k, w[k], g[k]); where != "" {
			return where
		}
	}
	return ""
}

// added is the first key of a spec that its template does not have; the API server
// fills in policyTypes.
func added(at string, want, got map[string]any) string {
	if at != ".spec" {
		return ""
	}
	for _, k := range sortedKeys(got) {
		if _, ok := want[k]; !ok && k != "policyTypes" {
			return k
		}
	}
	return ""
}

// differsList compares item by item, since the API server adds defaults within.
func differsList(at string, want []any, got any) string {
	g, _ := got.([]any)
	if len(g) != len(want) {
		return strings.TrimPrefix(at, ".")
	}
	for i := range want {
		if where := differs(fmt.Sprintf("%s[%d]", at, i), want[i], g[i]); where != "" {
			return where
		}
	}
	return ""
}
