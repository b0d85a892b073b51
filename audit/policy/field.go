package policy

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// notes gathers what is wrong with one policy while it is decoded.
type notes struct {
	invalid    string   // the first reason to reject it; "" if there is none
	unclear    []string // what is not understood, in reading order
	unresolved []string // what refers to something that is not known
}

// since returns the first thing that became unclear after there were n.
func (n *notes) since(before int) string {
	if len(n.unclear) > before {
		return n.unclear[before]
	}
	return ""
}

// A field is a place in a decoded document. An absent one has no value; null
// counts as absent, as it does for the API server.
type field struct {
	path  string
	value any
	notes *notes
}

func (f field) given() bool { return f.value != nil }

// reject makes the whole policy invalid.
func (f field) reject(format string, args ...any) {
	if f.notes.invalid == "" {
		f.notes.invalid = f.path + ": " + fmt.Sprintf(format, args...)
	}
}

// unclear notes that the meaning of this place is not known.
func (f field) unclear(why string) {
	f.notes.unclear = append(f.notes.unclear, f.path+": "+why)
}

// unresolved notes that this place refers to what is not known.
func (f field) unresolved(why string) {
	f.notes.unresolved = append(f.notes.unresolved, f.path+": "+why)
}

// at returns a member of an object.
func (f field) at(key string) field {
	m, _ := f.value.(map[string]any)
	return field{path: strings.TrimPrefix(f.path+"."+key, "."), value: m[key], notes: f.notes}
}

// object checks that the field, if given, is an object with these members and
// no others. An unknown one with a value makes the place unclear.
func (f field) object(members ...string) {
	if !f.given() {
		return
	}
	m, ok := f.value.(map[string]any)
	if !ok {
		f.expected("an object")
		return
	}
	var unknown []string
	for k, v := range m {
		if v != nil && !slices.Contains(members, k) {
			unknown = append(unknown, k)
		}
	}
	slices.Sort(unknown)
	for _, k := range unknown {
		f.at(clip(k)).unclear("unknown field")
	}
}

// items returns the members of a list; none if the field is absent.
func (f field) items() []field {
	if !f.given() {
		return nil
	}
	list, ok := f.value.([]any)
	if !ok {
		f.expected("a list")
		return nil
	}
	out := make([]field, len(list))
	for i, v := range list {
		out[i] = field{path: fmt.Sprintf("%s[%d]", f.path, i), value: v, notes: f.notes}
		if v == nil {
			out[i].expected("a value")
		}
	}
	return out
}

// empty tells a list that is given and has no members from one that is absent.
func (f field) empty() bool {
	list, ok := f.value.([]any)
	return ok && len(list) == 0
}

func (f field) text() string {
	s, ok := f.value.(string)
	if !ok && f.given() {
		f.expected("a string")
	}
	return s
}

func (f field) texts() []string {
	var out []string
	for _, item := range f.items() {
		out = append(out, item.text())
	}
	return out
}

// boolean returns the value, or def if the field is absent.
func (f field) boolean(def bool) bool {
	if !f.given() {
		return def
	}
	b, ok := f.value.(bool)
	if !ok {
		f.expected("true or false")
	}
	return b
}

// number returns a whole number within the bounds, and whether it is given.
func (f field) number(least, most int64) (int64, bool) {
	if !f.given() {
		return 0, false
	}
	n, ok := integer(f.value)
	switch {
	case !ok:
		f.expected("a number")
	case n < least || n > most:
		f.reject("expected a number from %d to %d, found %d", least, most, n)
	}
	return n, ok
}

// integer reads a whole number from any type that a JSON or YAML decoder makes.
func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case uint64:
		return int64(n), n <= math.MaxInt64
	case float64:
		return int64(n), n == math.Trunc(n) && math.Abs(n) < 1<<53
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	}
	return 0, false
}

func (f field) expected(what string) { f.reject("expected %s, found %s", what, describe(f.value)) }

func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return fmt.Sprintf("the string %q", clip(v))
	case bool:
		return fmt.Sprint(v)
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	}
	if n, ok := integer(v); ok {
		return fmt.Sprint("the number ", n)
	}
	return "something else"
}

// clip keeps hostile text from filling a report.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
