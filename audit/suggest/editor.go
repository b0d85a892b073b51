package suggest

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// An editor changes a text at places that the parser found. It only proposes:
// whether the text then says what it should is checked by reading it.
type editor struct {
	lines []string
	cuts  []cut
	style style
}

// A cut replaces the lines from from until to.
type cut struct {
	from, to int
	with     []string
}

func (e *editor) apply() []string {
	// From the end, so that lines keep their numbers. Of two at one place the
	// later is that of the collection around, and stands below.
	cuts := slices.Clone(e.cuts)
	slices.SortStableFunc(cuts, func(a, b cut) int { return cmp.Compare(a.from, b.from) })
	out := slices.Clone(e.lines)
	for _, c := range slices.Backward(cuts) {
		from, to := min(c.from, len(out)), min(c.to, len(out))
		out = slices.Concat(out[:from], c.with, out[max(from, to):])
	}
	return out
}

// change makes what key holds say what is wanted, at as few places as can be.
// Key is nil for an item of a list.
func (e *editor) change(n, key *yaml.Node, want any) bool {
	was, ok := plain(n)
	if !ok {
		return false
	}
	if reflect.DeepEqual(was, want) {
		return true
	}
	undo := len(e.cuts)
	switch want := want.(type) {
	case map[string]any:
		if n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 && e.mapping(n, want) {
			return true
		}
	case []any:
		if n.Kind == yaml.SequenceNode && n.Style&yaml.FlowStyle == 0 && e.sequence(n, want) {
			return true
		}
	}
	e.cuts = e.cuts[:undo]
	return e.replace(n, key, want)
}

func (e *editor) mapping(n *yaml.Node, want map[string]any) bool {
	if len(n.Content) == 0 || len(want) == 0 {
		return false
	}
	had := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i], n.Content[i+1]
		had[key.Value] = true
		w, stays := want[key.Value]
		switch {
		case stays:
			if !e.change(v, key, w) {
				return false
			}
		case strings.TrimSpace(e.before(key)) != "":
			return false // it shares its line with a dash
		default:
			e.cuts = append(e.cuts, cut{key.Line - 1, e.last(v, key), nil})
		}
	}
	added := map[string]any{}
	for k, v := range want {
		if !had[k] {
			added[k] = v
		}
	}
	if len(added) == 0 {
		return true
	}
	st := e.style
	st.order = nil
	e.insert(e.end(n), indent(st.block(added), n.Column-1))
	return true
}

func (e *editor) sequence(n *yaml.Node, want []any) bool {
	if len(n.Content) == 0 || len(want) < len(n.Content) {
		return false
	}
	for i, c := range n.Content {
		if !e.change(c, nil, want[i]) {
			return false
		}
	}
	if more := want[len(n.Content):]; len(more) > 0 {
		st := e.style
		st.order = nil
		e.insert(e.end(n), indent(st.block(more), n.Column-1))
	}
	return true
}

// insert puts lines below a line, counted from 1.
func (e *editor) insert(below int, lines []string) {
	e.cuts = append(e.cuts, cut{below, below, lines})
}

// replace writes a value anew, in the place and the manner of the old one.
func (e *editor) replace(n, key *yaml.Node, want any) bool {
	st := e.style
	st.order = n
	last := e.last(n, key)
	inline := n.Kind == yaml.ScalarNode || n.Style&yaml.FlowStyle != 0
	empty := n.Kind == yaml.ScalarNode || len(n.Content) == 0
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return false
	case inline && last == n.Line && !(empty && collection(want)) && (n.Kind != yaml.ScalarNode || n.Value != ""):
		return e.inline(n, st.flow(want))
	case key != nil:
		lines := indent(st.entry(key.Value, want), key.Column-1)
		lines[0] = e.before(key) + strings.TrimLeft(lines[0], " ")
		if inline && last == n.Line {
			lines[0] += e.comment(n)
		}
		e.cuts = append(e.cuts, cut{key.Line - 1, last, lines})
		return true
	case n.Kind == yaml.ScalarNode:
		return false
	}
	lines := indent(st.block(want), n.Column-1)
	lines[0] = e.before(n) + strings.TrimLeft(lines[0], " ")
	e.cuts = append(e.cuts, cut{n.Line - 1, last, lines})
	return true
}

// collection tells a mapping or list that holds something: it is written in
// lines of its own.
func collection(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) > 0
	case []any:
		return len(v) > 0
	}
	return false
}

// inline replaces what stands between the first and the last character of a
// value within one line.
func (e *editor) inline(n *yaml.Node, text string) bool {
	line := e.lines[n.Line-1]
	start := e.before(n)
	_, length := extent([]string{line[len(start):]}, n)
	if length < 0 {
		return false
	}
	e.cuts = append(e.cuts, cut{n.Line - 1, n.Line, []string{start + text + line[len(start)+length:]}})
	return true
}

// comment is what follows a value in its line.
func (e *editor) comment(n *yaml.Node) string {
	rest := e.lines[n.Line-1][len(e.before(n)):]
	_, length := extent([]string{rest}, n)
	if i := strings.Index(rest, " #"); i >= max(0, length) {
		return rest[i:]
	}
	return ""
}

// before is what stands before a node in its line.
func (e *editor) before(n *yaml.Node) string {
	line := e.lines[n.Line-1]
	col := 1
	for i := range line {
		if col == n.Column {
			return line[:i]
		}
		col++
	}
	return line
}

// end is the last line of a collection in block style, from 1.
func (e *editor) end(n *yaml.Node) int {
	var key *yaml.Node
	if n.Kind == yaml.MappingNode {
		key = n.Content[len(n.Content)-2]
	}
	return e.last(n.Content[len(n.Content)-1], key)
}

// last is the last line of a value, from 1. What has no text ends with its key.
func (e *editor) last(n, key *yaml.Node) int {
	switch {
	case n.Kind == yaml.AliasNode:
		return n.Line
	case n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0 && key != nil:
		return key.Line
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return e.lastOfText(n)
	case n.Kind == yaml.ScalarNode || n.Style&yaml.FlowStyle != 0 || len(n.Content) == 0:
		rest := slices.Clone(e.lines[n.Line-1:])
		rest[0] = rest[0][len(e.before(n)):]
		more, _ := extent(rest, n)
		return n.Line + more
	}
	return e.end(n)
}

// lastOfText is the last line of a literal: what follows and is indented more.
func (e *editor) lastOfText(n *yaml.Node) int {
	deep := func(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }
	first, last := deep(e.lines[n.Line-1]), n.Line
	for i := n.Line; i < len(e.lines); i++ {
		switch l := e.lines[i]; {
		case strings.TrimSpace(l) == "":
		case deep(l) <= first:
			return last
		default:
			last = i + 1
		}
	}
	return last
}

// extent is how many lines below its first a value goes on, and where it ends in
// its last one; a negative length if its end is not found.
func extent(lines []string, n *yaml.Node) (more, length int) {
	if n.Kind == yaml.ScalarNode && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 {
		l := lines[0]
		if i := strings.Index(l, " #"); i >= 0 {
			l = l[:i]
		}
		return 0, len(strings.TrimRight(l, " \t"))
	}
	depth, quote := 0, byte(0)
	for i, l := range lines {
		for k := 0; k < len(l); k++ {
			switch c := l[k]; {
			case quote == '"' && c == '\\', quote == '\'' && strings.HasPrefix(l[k:], "''"):
				k++
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"' || c == '\'':
				quote = c
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				depth--
			case c == '#' && (k == 0 || l[k-1] == ' '):
				k = len(l)
			}
			if depth == 0 && quote == 0 && k < len(l) {
				return i, k + 1
			}
		}
	}
	return 0, -1
}
