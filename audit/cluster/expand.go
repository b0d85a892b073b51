package cluster

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	sigsjson "sigs.k8s.io/json"
	sigsyaml "sigs.k8s.io/yaml"
)

// Bounds on what aliases may expand to, in values: a few lines can stand for
// billions.
const (
	maxAliasedHere = 100_000
	maxAliased     = 4_000_000 // in all that is read
)

// An expander turns YAML nodes into what JSON would decode to, by the rules of
// YAML 1.1, as kubectl does.
type expander struct {
	first   int // line of the file at which the nodes' line 1 is
	aliased int // values that came through aliases, in all documents
	here    int // and in this one
	open    map[*yaml.Node]bool
}

// document is called before each document.
func (x *expander) document() { x.here, x.open = 0, map[*yaml.Node]bool{} }

func (x *expander) wrong(n *yaml.Node, text string) error {
	return &mistake{x.first + n.Line - 1, text}
}

func (x *expander) value(n *yaml.Node) (any, error) {
	if len(x.open) > 0 {
		x.here, x.aliased = x.here+1, x.aliased+1
		if x.here > maxAliasedHere || x.aliased > maxAliased {
			return nil, x.wrong(n, "the aliases expand to too much; write the values out")
		}
	}
	switch n.Kind {
	case yaml.AliasNode:
		if x.open[n.Alias] {
			return nil, x.wrong(n, "anchor "+strconv.Quote(n.Value)+" contains itself")
		}
		x.open[n.Alias] = true
		v, err := x.value(n.Alias)
		delete(x.open, n.Alias)
		return v, err
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := x.value(c)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	case yaml.MappingNode:
		return x.mapping(n)
	}
	v, err := scalar(n)
	if err != nil {
		return nil, x.wrong(n, err.Error())
	}
	return v, nil
}

func (x *expander) mapping(n *yaml.Node) (map[string]any, error) {
	out := make(map[string]any, len(n.Content)/2)
	lines := make(map[string]int, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind == yaml.ScalarNode && k.Tag == "!!merge" {
			merges = append(merges, n.Content[i+1])
			continue
		}
		name, err := x.key(k)
		if err != nil {
			return nil, err
		}
		if at, ok := lines[name]; ok {
			return nil, x.wrong(k, "key "+strconv.Quote(name)+" is there twice, first in line "+strconv.Itoa(x.first+at-1))
		}
		lines[name] = k.Line
		if out[name], err = x.value(n.Content[i+1]); err != nil {
			return nil, err
		}
	}
	for _, m := range merges {
		if err := x.merge(out, m); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// merge adds what "<<" brings; what is there already stays.
func (x *expander) merge(into map[string]any, n *yaml.Node) error {
	v, err := x.value(n)
	if err != nil {
		return err
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, from := range list {
		m, ok := from.(map[string]any)
		if !ok {
			return x.wrong(n, `"<<" merges mappings only`)
		}
		for k, v := range m {
			if _, ok := into[k]; !ok {
				into[k] = v
			}
		}
	}
	return nil
}

func (x *expander) key(n *yaml.Node) (string, error) {
	if n.Kind == yaml.MappingNode { // {{ x }} reads as one mapping in another
		return "", x.wrong(n, "a mapping is used as a key; put {{ … }} in quotes, or, if it is a Helm template, "+renderFirst)
	}
	v, err := x.value(n)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	}
	return "", x.wrong(n, "a key must be a string")
}

const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

// scalar resolves a scalar. The parser follows YAML 1.2, where yes is a string;
// so only whether it is quoted or tagged is taken from it.
func scalar(n *yaml.Node) (any, error) {
	s := n.Value
	switch {
	case n.Style&yaml.TaggedStyle != 0 && n.Tag != "!!str":
		return resolve(n.Tag + " " + strconv.Quote(s))
	case n.Style&(quoted|yaml.TaggedStyle) != 0:
		return s, nil
	case s == "" || s == "null" || s == "~":
		return nil, nil
	case s == "true" || s == "false":
		return s == "true", nil
	case len(s) > 64 || s[0] > '9' && !word(s):
		return s, nil
	case strings.ContainsAny(s, ":/ ") || strings.Count(s, ".") > 1: // a time, an address, a version
		return s, nil
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil && strconv.FormatInt(i, 10) == s {
		return i, nil
	}
	switch v, err := resolve(s); v.(type) {
	case nil, bool, int64, float64:
		return v, err
	}
	return s, nil
}

// word tells whether s may be one of those that are no strings.
func word(s string) bool {
	for _, w := range []string{"y", "yes", "n", "no", "on", "off", "true", "false", "null"} {
		if strings.EqualFold(s, w) {
			return true
		}
	}
	return false
}

// resolve asks the parser that kubectl uses.
func resolve(text string) (v any, err error) {
	b, err := sigsyaml.YAMLToJSON([]byte(text))
	if err == nil {
		err = sigsjson.UnmarshalCaseSensitivePreserveInts(b, &v)
	}
	return v, err
}
