package suggest

import (
	"math"

	"go.yaml.in/yaml/v3"
)

// plain is what a node says, with numbers as they can be compared; false if it
// says nothing that JSON could. Parse is not trusted with hostile input.
func plain(n *yaml.Node) (v any, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			v, ok = nil, false
		}
	}()
	if n == nil {
		return nil, true
	}
	if err := n.Decode(&v); err != nil {
		return nil, false
	}
	return normal(v), true
}

// normal has one type for each kind of number, whoever decoded it.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = normal(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = normal(e)
		}
		return out
	case int:
		return int64(v)
	case uint64:
		return float64(v)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v)
		}
	}
	return v
}
