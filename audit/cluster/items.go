package cluster

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
	sigsjson "sigs.k8s.io/json"
)

// An item is one object of a document: the document itself, or one in a List.
type item struct {
	line int        // in the file
	node *yaml.Node // of YAML
	raw  []byte     // of JSON
	list listType
}

// listType is what a List says of items that don't say it themselves.
type listType struct{ apiVersion, kind string }

// A mistake is what is wrong with a document, and in which line of the file.
type mistake struct {
	line int
	text string
}

func (m *mistake) Error() string { return m.text }

// flowStart is how JSON begins, and seldom anything else.
var flowStart = regexp.MustCompile(`^\s*(\{\s*["}]|\[)`)

// items takes a document apart. What follows a mistake is lost, what came before
// it is not.
func (d *document) items() (items []item, err error) {
	if flowStart.Match(d.text) {
		if items, err = jsonItems(d.text, d.line); err == nil || len(items) > 0 {
			return items, err
		}
		// It may still be YAML's flow style.
	}
	n, yamlErr := parseYAML(d.text, d.line)
	if yamlErr != nil {
		return nil, cmp.Or(err, yamlErr)
	}
	return yamlItems(n, d.line, listType{}, 0), nil
}

// yamlItems lists the objects below a node. n.Line counts from the document's
// first line, which is first.
func yamlItems(n *yaml.Node, first int, list listType, depth int) []item {
	fields := map[string]*yaml.Node{}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		fields[n.Content[i].Value] = n.Content[i+1]
	}
	kind, items := fields["kind"], fields["items"]
	if kind == nil || items == nil || items.Kind != yaml.SequenceNode || !isList(kind.Value, depth) {
		return []item{{line: first + n.Line - 1, node: n, list: list}}
	}
	within := listType{kind: strings.TrimSuffix(kind.Value, "List")}
	if v := fields["apiVersion"]; v != nil {
		within.apiVersion = v.Value
	}
	var out []item
	for _, c := range items.Content {
		out = append(out, yamlItems(c, first, within, depth+1)...)
	}
	return out
}

// isList tells whether a kind holds others. Lists in lists are seldom; that they
// end somewhere keeps hostile ones cheap.
func isList(kind string, depth int) bool { return strings.HasSuffix(kind, "List") && depth < 4 }

// jsonItems reads one JSON value after the other.
func jsonItems(text []byte, first int) ([]item, error) {
	var out []item
	lines := lineCounter{text: text, line: first}
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		var raw json.RawMessage
		start := d.InputOffset()
		if err := d.Decode(&raw); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			if s, ok := errors.AsType[*json.SyntaxError](err); ok {
				start = min(max(start, s.Offset), int64(len(text)))
			}
			return out, &mistake{lines.at(start), "not JSON: " + err.Error()}
		}
		out = append(out, jsonItem(raw, lines.at(d.InputOffset()-int64(len(raw))), listType{}, 0)...)
	}
}

func jsonItem(raw []byte, line int, list listType, depth int) []item {
	var l struct {
		APIVersion string            `json:"apiVersion"`
		Kind       string            `json:"kind"`
		Items      []json.RawMessage `json:"items"`
	}
	if sigsjson.UnmarshalCaseSensitivePreserveInts(raw, &l) != nil || l.Items == nil || !isList(l.Kind, depth) {
		return []item{{line: line, raw: raw, list: list}}
	}
	within := listType{l.APIVersion, strings.TrimSuffix(l.Kind, "List")}
	var out []item
	lines := lineCounter{text: raw, line: line}
	at := bytes.Index(raw, []byte(`"items"`))
	for _, x := range l.Items {
		// The items are copies of pieces of the text, in order.
		at += max(0, bytes.Index(raw[at:], x))
		out = append(out, jsonItem(x, lines.at(int64(at)), within, depth+1)...)
		at += len(x)
	}
	return out
}

// lineCounter tells the line of an offset; asked in order, it counts only once.
type lineCounter struct {
	text []byte
	pos  int64
	line int
}

func (l *lineCounter) at(offset int64) int {
	if offset > l.pos {
		l.line += bytes.Count(l.text[l.pos:offset], []byte{'\n'})
		l.pos = offset
	}
	return l.line
}

// value decodes the item.
func (i *item) value(x *expander) (any, error) {
	if i.node != nil {
		x.first = i.line - i.node.Line + 1
		return x.value(i.node)
	}
	var v any
	doubled, err := sigsjson.UnmarshalStrict(i.raw, &v, sigsjson.DisallowDuplicateFields)
	if err == nil && len(doubled) > 0 {
		err = doubled[0]
	}
	if err != nil {
		return nil, &mistake{i.line, err.Error()}
	}
	return v, nil
}

// lineOf returns the line of the file that an error is about.
func (i *item) lineOf(err error) int {
	if m, ok := errors.AsType[*mistake](err); ok {
		return m.line
	}
	wrong, ok := errors.AsType[*fieldError](err)
	if !ok {
		return i.line
	}
	n, first := i.node, 1
	if n == nil { // JSON is YAML, too
		if n, err = parseYAML(i.raw, i.line); err != nil {
			return i.line
		}
	} else {
		first = n.Line
	}
	if at := find(n, strings.Split(wrong.path, "."), wrong.got, 0); at != nil {
		return i.line - first + at.Line
	}
	return i.line
}
