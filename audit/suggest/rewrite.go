package suggest

import (
	"bytes"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/segproof/segproof/audit"
)

// A revision is a file with one policy changed.
type revision struct {
	file     []byte
	document string // the document that is the policy; "" if it is one of a List
	dumped   bool   // it has what only a cluster writes, and what it would not take again
}

// A chunk is one document of a file: lines from first until end.
type chunk struct{ first, end int }

// rewrite writes the spec of a policy into the file that declares it. It fails
// unless the file declares the policy once, and then declares it as it is to be
// and everything else as it was.
func rewrite(file []byte, o *audit.Object) (revision, bool) {
	crlf := bytes.Count(file, []byte("\r\n"))
	if crlf > 0 && crlf != bytes.Count(file, []byte("\n")) {
		return revision{}, false // a mixture: whatever is written would be wrong somewhere
	}
	lines := strings.Split(strings.ReplaceAll(string(file), "\r\n", "\n"), "\n")
	at, chunks := -1, chunksOf(lines)
	for i, c := range chunks {
		switch n := len(find(parse(lines[c.first:c.end]), o, 0)); {
		case n > 1 || n == 1 && at >= 0:
			return revision{}, false
		case n == 1:
			at = i
		}
	}
	if at < 0 {
		return revision{}, false
	}
	c := chunks[at]
	next, single, ok := rewriteDocument(lines[c.first:c.end], o)
	if !ok {
		return revision{}, false
	}
	all := append(append(append([]string{}, lines[:c.first]...), next...), lines[c.end:]...)
	text := strings.Join(all, "\n")
	if crlf > 0 {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	meta := value(find(parse(next), o, 0)[0], "metadata")
	out := revision{file: []byte(text), dumped: value(meta, "resourceVersion") != nil || value(meta, "uid") != nil}
	if single {
		out.document = strings.Trim(strings.Join(next, "\n"), "\n") + "\n"
	}
	return out, true
}

// chunksOf are the documents of a file, between the lines that part them.
func chunksOf(lines []string) []chunk {
	var out []chunk
	first := 0
	for i, l := range lines {
		if l == "---" || l == "..." || strings.HasPrefix(l, "--- ") || strings.HasPrefix(l, "... ") {
			out = append(out, chunk{first, i})
			first = i + 1
		}
	}
	return append(out, chunk{first, len(lines)})
}

// parse reads one document; nil if it can't be read. The parser is not trusted
// with hostile input.
func parse(lines []string) (root *yaml.Node) {
	defer func() {
		if p := recover(); p != nil {
			root = nil
		}
	}()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(strings.Join(lines, "\n")+"\n"), &doc); err != nil || len(doc.Content) != 1 {
		return nil
	}
	return doc.Content[0]
}

// find are the mappings of a document that declare an object: the document
// itself, or items of a List.
func find(n *yaml.Node, o *audit.Object, depth int) []*yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode || depth > 4 {
		return nil
	}
	text := func(n *yaml.Node, key string) string {
		if v := value(n, key); v != nil && v.Kind == yaml.ScalarNode {
			return v.Value
		}
		return ""
	}
	kind, meta := text(n, "kind"), value(n, "metadata")
	if items := value(n, "items"); items != nil && items.Kind == yaml.SequenceNode && strings.HasSuffix(kind, "List") {
		var out []*yaml.Node
		for _, c := range items.Content {
			out = append(out, find(c, o, depth+1)...)
		}
		return out
	}
	ns := text(meta, "namespace")
	if kind == o.Kind && text(meta, "name") == o.Name && (ns == o.Namespace || ns == "" && o.Namespace == "default") {
		return []*yaml.Node{n}
	}
	return nil
}

// rewriteDocument changes the lines of one document: at as few places as can be,
// or else the spec as a whole. Single tells that the document is the policy.
func rewriteDocument(lines []string, o *audit.Object) (next []string, single, ok bool) {
	root := parse(lines)
	at := find(root, o, 0)[0]
	spec := value(at, "spec")
	if spec == nil {
		return nil, false, false
	}
	want := normal(o.Raw["spec"])
	expected, ok := plain(root)
	if !ok || !replaceSpec(expected, o, want) {
		return nil, false, false
	}
	key := keyOf(at, "spec")
	for _, change := range []func(*editor) bool{
		func(e *editor) bool { return e.change(spec, key, want) },
		func(e *editor) bool { return e.replace(spec, key, want) },
	} {
		e := &editor{lines: lines, style: style{indented: indents(root)}}
		if !change(e) {
			continue
		}
		next := e.apply()
		if got, ok := plain(parse(next)); ok && reflect.DeepEqual(got, expected) {
			return next, at == root, true
		}
	}
	return nil, false, false
}

// replaceSpec puts a spec into what a document says.
func replaceSpec(doc any, o *audit.Object, spec any) bool {
	m, ok := doc.(map[string]any)
	if !ok {
		return false
	}
	if items, ok := m["items"].([]any); ok {
		for _, item := range items {
			if replaceSpec(item, o, spec) {
				return true
			}
		}
		return false
	}
	meta, _ := m["metadata"].(map[string]any)
	ns, _ := meta["namespace"].(string)
	if m["kind"] != o.Kind || meta["name"] != o.Name || ns != o.Namespace && !(ns == "" && o.Namespace == "default") {
		return false
	}
	m["spec"] = spec
	return true
}

func keyOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i]
		}
	}
	return nil
}

// indents tells whether a document indents lists below their key. The first
// that is found speaks for all.
func indents(n *yaml.Node) bool {
	is, _ := indentation(n, 0)
	return is
}

func indentation(n *yaml.Node, depth int) (is, known bool) {
	if depth > 100 || n.Style&yaml.FlowStyle != 0 {
		return false, false
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && c.Kind == yaml.SequenceNode && c.Style&yaml.FlowStyle == 0 && len(c.Content) > 0 {
			return c.Column > n.Content[i-1].Column, true
		}
		if is, known := indentation(c, depth+1); known {
			return is, true
		}
	}
	return false, false
}
