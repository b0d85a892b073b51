package suggest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/segproof/segproof/audit"
)

// A style is how a document writes lists below a key: with their dashes under
// the key or indented; and in which order it has keys.
type style struct {
	indented bool
	order    *yaml.Node // the same thing as it is written now; nil if it is new
}

// keyOrder is the order in which people write keys; others follow by name.
var keyOrder = []string{
	"apiVersion", "kind", "metadata", "spec", "name", "namespace", "podSelector", "endpointSelector", "policyTypes", "enableDefaultDeny",
	"ingress", "egress", "from", "to", "fromEndpoints", "toEndpoints", "fromEntities", "toEntities", "fromCIDR", "toCIDR", "ipBlock", "namespaceSelector",
	"matchLabels", "protocol", "port", "ports", "toPorts",
}

// whole is a policy as a document of its own, ready to be applied.
func whole(o *audit.Object) string {
	raw, _ := deepCopy(o.Raw).(map[string]any)
	delete(raw, "status")
	if meta, ok := raw["metadata"].(map[string]any); ok {
		if notes, ok := meta["annotations"].(map[string]any); ok {
			delete(notes, "kubectl.kubernetes.io/last-applied-configuration")
			if len(notes) == 0 {
				delete(meta, "annotations")
			}
		}
	}
	return strings.Join(style{}.block(raw), "\n") + "\n"
}

// keys are those of a mapping, in the order of what is written now, then as
// people write them.
func (s style) keys(m map[string]any) []string {
	rank := func(k string) int {
		if s.order != nil && s.order.Kind == yaml.MappingNode {
			for i := 0; i < len(s.order.Content); i += 2 {
				if s.order.Content[i].Value == k {
					return i - len(s.order.Content)
				}
			}
		}
		if i := slices.Index(keyOrder, k); i >= 0 {
			return i
		}
		return len(keyOrder)
	}
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	return out
}

// at is the style of what a key holds.
func (s style) at(key string) style {
	s.order = value(s.order, key)
	return s
}

// item is the style of one item of a list.
func (s style) item(i int) style {
	if s.order != nil && s.order.Kind == yaml.SequenceNode && i < len(s.order.Content) {
		s.order = s.order.Content[i]
	} else {
		s.order = nil
	}
	return s
}

// block writes a value as lines.
func (s style) block(v any) []string {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			return []string{"{}"}
		}
		var out []string
		for _, k := range s.keys(v) {
			out = append(out, s.at(k).entry(k, v[k])...)
		}
		return out
	case []any:
		if len(v) == 0 {
			return []string{"[]"}
		}
		var out []string
		for i, e := range v {
			out = append(out, dashed(s.item(i).block(e))...)
		}
		return out
	}
	return []string{scalar(v)}
}

// entry writes a key and its value as lines.
func (s style) entry(key string, v any) []string {
	lines := s.block(v)
	switch v := v.(type) {
	case map[string]any:
		if len(v) > 0 {
			return append([]string{scalar(key) + ":"}, indent(lines, 2)...)
		}
	case []any:
		if len(v) > 0 && s.indented {
			return append([]string{scalar(key) + ":"}, indent(lines, 2)...)
		} else if len(v) > 0 {
			return append([]string{scalar(key) + ":"}, lines...)
		}
	}
	return []string{scalar(key) + ": " + lines[0]}
}

func dashed(lines []string) []string {
	out := indent(lines, 2)
	out[0] = "- " + lines[0]
	return out
}

func indent(lines []string, n int) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.Repeat(" ", n) + l
	}
	return out
}

// flow writes a value in one line, as JSON is written.
func (s style) flow(v any) string {
	var parts []string
	switch v := v.(type) {
	case map[string]any:
		for _, k := range s.keys(v) {
			parts = append(parts, inFlow(k)+": "+s.at(k).flow(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		for i, e := range v {
			parts = append(parts, s.item(i).flow(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return inFlow(v)
}

// inFlow is a scalar where brackets and commas mean something.
func inFlow(v any) string {
	s := scalar(v)
	if str, ok := v.(string); ok && strings.ContainsAny(s, ",[]{}") && !strings.HasPrefix(s, `"`) && !strings.HasPrefix(s, "'") {
		return quoted(str)
	}
	return s
}

// scalar writes what is no collection in one line, in quotes where it would be
// read as something else.
func scalar(v any) string {
	s, ok := v.(string)
	if !ok {
		return fmt.Sprint(nullable(v))
	}
	if bare(s) {
		return s
	}
	if digits(s) {
		return `"` + s + `"`
	}
	data, err := yaml.Marshal(s)
	out := strings.TrimSuffix(string(data), "\n")
	if err != nil || strings.Contains(out, "\n") {
		return quoted(s)
	}
	return out
}

// bare tells of most texts, without asking the YAML library, which takes long,
// that they need no quotes: names that begin with a letter and are not a word of
// YAML itself.
func bare(s string) bool {
	if s == "" || !letter(s[0]) || s[len(s)-1] == ':' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !letter(c) && (c < '0' || c > '9') && strings.IndexByte("-_./:", c) < 0 {
			return false
		}
	}
	return !slices.Contains(words, strings.ToLower(s))
}

func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// words are those of YAML, of either version.
var words = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

// digits tells a text that would be read as a whole number.
func digits(s string) bool {
	return s != "" && len(s) < 10 && '1' <= s[0] && s[0] <= '9' && strings.Trim(s, "0123456789") == ""
}

func nullable(v any) any {
	if v == nil {
		return "null"
	}
	return v
}

func quoted(s string) string {
	data, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: yaml.DoubleQuotedStyle})
	if err != nil {
		return `""`
	}
	return strings.TrimSuffix(string(data), "\n")
}

// value is what a key of a mapping holds; nil if it is not there.
func value(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
