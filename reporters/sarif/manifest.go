package sarif

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A manifest is an object as text that has lines, for objects that no file holds.
// The same object is always the same text, whether it was just read or comes
// from a record.
type manifest struct {
	text  string
	name  int            // the line that names the object
	lines map[string]int // path of a node, such as spec.ingress[0], to its line
	rules map[string]int // name of a rule of Kyverno to its line
}

// newManifest writes an object as YAML: one node a line, keys in a fixed order.
func newManifest(object map[string]any) *manifest {
	w := &yamlWriter{manifest: manifest{lines: map[string]int{}, rules: map[string]int{}}, line: 1}
	w.mapping(object, "", 0, false)
	w.text, w.name = w.b.String(), max(1, w.lines["metadata.name"])
	return &w.manifest
}

// line is where the node of a rule is, such as ingress[0], or the one by name;
// else where the object is named.
func (m *manifest) line(rule string) int {
	for _, path := range []string{"spec." + rule, rule} {
		if n := m.lines[path]; n > 0 && rule != "" {
			return n
		}
	}
	if n := m.rules[rule]; n > 0 && rule != "" {
		return n
	}
	return m.name
}

// at is the text of a line, without its end.
func (m *manifest) at(line int) string {
	rest := m.text
	for ; line > 1; line-- {
		_, rest, _ = strings.Cut(rest, "\n")
	}
	text, _, _ := strings.Cut(rest, "\n")
	return text
}

// deepest is how far nodes are written line by line; what is deeper is written
// in one line, so that no object makes a text that is all indentation.
const deepest = 40

type yamlWriter struct {
	manifest
	b    strings.Builder
	line int
}

// mapping writes the members of m. Where it is an element of a list, its first
// member stands behind the dash.
func (w *yamlWriter) mapping(m map[string]any, path string, depth int, element bool) {
	for i, k := range keys(m) {
		if i > 0 || !element {
			w.b.WriteString(strings.Repeat("  ", depth))
		}
		at := k
		if path != "" {
			at = path + "." + k
		}
		w.lines[at] = w.line
		w.b.WriteString(scalar(k) + ":")
		w.value(m[k], at, depth)
	}
}

// value writes what stands behind a colon, and ends the line.
func (w *yamlWriter) value(v any, path string, depth int) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) > 0 && depth < deepest {
			w.end("")
			w.mapping(v, path, depth+1, false)
			return
		}
	case []any:
		if len(v) > 0 && depth < deepest {
			w.end("")
			w.list(v, path, depth)
			return
		}
	}
	w.end(" " + scalar(v))
}

func (w *yamlWriter) list(l []any, path string, depth int) {
	for i, v := range l {
		at := path + "[" + strconv.Itoa(i) + "]"
		w.lines[at] = w.line
		w.b.WriteString(strings.Repeat("  ", depth) + "- ")
		m, ok := v.(map[string]any)
		if !ok || len(m) == 0 {
			w.end(scalar(v))
			continue
		}
		if name, ok := m["name"].(string); ok && path == "spec.rules" && w.rules[name] == 0 {
			w.rules[name] = w.line
		}
		w.mapping(m, at, depth+1, true)
	}
}

func (w *yamlWriter) end(s string) {
	w.b.WriteString(s + "\n")
	w.line++
}

// keys are in the order in which people write objects.
func keys(m map[string]any) []string {
	first := []string{"apiVersion", "kind", "metadata", "name", "namespace"}
	ks := slices.Sorted(maps.Keys(m))
	slices.SortStableFunc(ks, func(a, b string) int {
		at := func(k string) int {
			if i := slices.Index(first, k); i >= 0 {
				return i
			}
			return len(first)
		}
		return at(a) - at(b)
	})
	return ks
}

var (
	bareText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/-]*$`)
	bareWord = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|null|y|n)$`)
)

// scalar writes a value in one line: a string bare only where no reader takes it
// for anything else, and anything that can't be seen as an escape.
func scalar(v any) string {
	s, ok := v.(string)
	switch {
	case !ok:
		b, err := compact(v)
		if err != nil {
			return quoteYAML(fmt.Sprint(v))
		}
		if text := string(b); clean(text) == text {
			return text
		}
		var plain any
		if json.Unmarshal(b, &plain) != nil {
			return quoteYAML(string(b))
		}
		return asciiJSON(b)
	case bareText.MatchString(s) && !bareWord.MatchString(s):
		return s
	}
	return quoteYAML(s)
}

// quoteYAML is a double-quoted string. Go's escapes are all YAML's too.
func quoteYAML(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if clean(s) == s {
		return strconv.Quote(s)
	}
	return strconv.QuoteToASCII(s)
}

// asciiJSON writes what is not ASCII as escapes, which in JSON is only in strings.
func asciiJSON(b []byte) string {
	var out strings.Builder
	for _, r := range string(b) {
		if r < 0x80 {
			out.WriteRune(r)
			continue
		}
		q := strconv.QuoteToASCII(string(r))
		out.WriteString(q[1 : len(q)-1]) // \u or \U, as YAML reads them
	}
	return out.String()
}
