package oracle

import (
	"maps"
	"slices"
)

// shrink removes from the policies whatever can be removed while they still
// disagree: a policy, a rule, a peer, a port, a field. What is left is smallest
// in the sense that nothing more can go.
func shrink(policies []object, disagree func([]object) bool) []object {
	for again := true; again; {
		again = false
		for i := len(policies) - 1; i >= 0; i-- {
			if fewer := slices.Delete(slices.Clone(policies), i, i+1); disagree(fewer) {
				policies, again = fewer, true
			}
		}
		for i := range policies {
			for _, smaller := range without(policies[i], true) {
				try := slices.Clone(policies)
				try[i] = smaller.(object)
				if disagree(try) {
					policies, again = try, true
					break
				}
			}
		}
	}
	return policies
}

// without returns every way of leaving out one part of a decoded document. Of
// the document itself only the specs may go.
func without(v any, whole bool) []any {
	var out []any
	switch v := v.(type) {
	case object:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if whole && key != "spec" && key != "specs" {
				continue
			}
			fewer := maps.Clone(v)
			delete(fewer, key)
			out = append(out, fewer)
			for _, part := range without(v[key], false) {
				changed := maps.Clone(v)
				changed[key] = part
				out = append(out, changed)
			}
		}
	case list:
		for i := range v {
			out = append(out, slices.Delete(slices.Clone(v), i, i+1))
			for _, part := range without(v[i], false) {
				changed := slices.Clone(v)
				changed[i] = part
				out = append(out, changed)
			}
		}
	}
	return out
}
