package rules

import (
	"encoding/json"
	"regexp"
	"strings"
)

// A patchOp is one operation of a JSON patch.
type patchOp struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// labelsPatched reads the labels that patchesJson6902 of a mutate rule sets; none if
// it does anything but add, since what replaces or tests may fail by intent, or if it
// isn't written plainly.
func labelsPatched(text string) map[string]string {
	ops, ok := patchOps(text)
	if !ok {
		return nil
	}
	out := map[string]string{}
	for _, o := range ops {
		key, ok := strings.CutPrefix(o.Path, "/metadata/labels")
		switch {
		case o.Op != "add":
			return nil
		case !ok:
			continue
		case len(key) < 2 || strings.Contains(key[1:], "/") || strings.Contains(key, "{{"):
			return nil
		}
		value, ok := o.Value.(string)
		if !ok {
			return nil
		}
		if strings.Contains(value, "{{") {
			value = ""
		}
		out[strings.NewReplacer("~1", "/", "~0", "~").Replace(key[1:])] = value
	}
	return out
}

// patchOps reads a patch that is JSON, or YAML of one plain field a line.
func patchOps(text string) ([]patchOp, bool) {
	var out []patchOp
	if json.Unmarshal([]byte(text), &out) == nil {
		return out, len(out) > 0
	}
	out = nil
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		m := patchLine.FindStringSubmatch(strings.TrimRight(line, " \r\n"))
		if m == nil || m[1] == "" && len(out) == 0 {
			return nil, false
		}
		if m[1] != "" {
			out = append(out, patchOp{})
		}
		o, value := &out[len(out)-1], strings.Trim(m[3], `"'`)
		switch m[2] {
		case "op":
			o.Op = value
		case "path":
			o.Path = value
		case "value":
			o.Value = value
		}
	}
	return out, len(out) > 0
}

// patchLine is a field of an operation: a string in quotes without escapes, a path,
// or a word.
var patchLine = regexp.MustCompile(`^ *(- +)?(op|path|value): +("[^"\\]*"|'[^']*'|/[^ #"']*|[a-zA-Z][a-zA-Z0-9_.-]*)$`)
