package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A decoder reads nodes into a Config, and collects every mistake.
type decoder struct {
	file  string
	lines map[string]int // the line of each key that was given
	errs  []error
}

// fields are the keys that a mapping may have, and what takes each value.
type fields map[string]func(path string, n *yaml.Node)

// config is the shape of the file.
func (d *decoder) config(root *yaml.Node, c *Config) {
	d.mapping("", root, fields{
		"apiVersion":       d.exactly(APIVersion),
		"kind":             d.exactly(Kind),
		"cluster":          d.text(&c.Cluster),
		"failOn":           d.oneOf(&c.FailOn, "low", "medium", "high", "critical"),
		"requireCoverage":  d.whole(&c.RequireCoverage, 0, 100),
		"settle":           d.duration(&c.Settle),
		"owner":            d.section(fields{"keys": d.list(&c.Owner.Keys)}),
		"systemNamespaces": d.list(&c.SystemNamespaces),
		"rules":            d.section(fields{"off": d.names(&c.Rules.Off), "on": d.names(&c.Rules.On)}),
		"hubble": d.section(fields{
			"address": d.address(&c.Hubble.Address),
			"tls": d.section(fields{
				"ca":         d.text(&c.Hubble.TLS.CA),
				"cert":       d.text(&c.Hubble.TLS.Cert),
				"key":        d.text(&c.Hubble.TLS.Key),
				"serverName": d.text(&c.Hubble.TLS.ServerName),
			}),
		}),
		"slack":       d.slack(&c.Slack),
		"watch":       d.watch(&c.Watch),
		"store":       d.section(fields{"url": d.storeURL(&c.Store.URL)}),
		"exceptions":  d.exceptions(&c.Exceptions),
		"upload":      d.upload(&c.Upload),
		"sarif":       d.sarif(&c.Sarif),
		"openreports": d.section(fields{"enabled": d.boolean(&c.Openreports.Enabled)}),
	})
	for _, key := range []string{"apiVersion", "kind"} {
		if root.Kind == yaml.MappingNode && d.lines[key] == 0 {
			d.errorf(root.Line, "%s is missing, expected %s", key, map[string]string{"apiVersion": APIVersion, "kind": Kind}[key])
		}
	}
}

func (d *decoder) errorf(line int, format string, args ...any) {
	d.errs = append(d.errs, fmt.Errorf("%s:%d: %s", d.file, line, fmt.Sprintf(format, args...)))
}

// mapping hands each value to who takes it. A null value is as good as none.
func (d *decoder) mapping(path string, n *yaml.Node, known fields) {
	if n.Kind != yaml.MappingNode {
		d.errorf(n.Line, "%s is %s, expected keys: %s", or(path, "the document"), describe(n), keys(known))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		take := known[key.Value]
		switch first := seen[key.Value]; {
		case take == nil || key.Kind != yaml.ScalarNode:
			d.unknown(path, key, known)
			continue
		case first > 0:
			d.errorf(key.Line, "key %q is given twice, first in line %d", key.Value, first)
			continue
		}
		seen[key.Value] = key.Line
		if value.ShortTag() == "!!null" {
			continue
		}
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		d.lines[at] = value.Line
		if value.Kind == yaml.AliasNode {
			d.errorf(value.Line, "%s is an alias, expected the value itself", at)
			continue
		}
		take(at, value)
	}
}

func (d *decoder) unknown(path string, key *yaml.Node, known fields) {
	in := ""
	if path != "" {
		in = " in " + path
	}
	if near := nearest(key.Value, slices.Sorted(maps.Keys(known))); near != "" {
		d.errorf(key.Line, "unknown key %s%s; did you mean %q?", quote(key.Value), in, near)
		return
	}
	d.errorf(key.Line, "unknown key %s%s, expected one of %s", quote(key.Value), in, keys(known))
}

func (d *decoder) section(known fields) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) { d.mapping(path, n, known) }
}

// scalar returns the text of a value that is no mapping or list.
func (d *decoder) scalar(path string, n *yaml.Node, expected string) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		d.errorf(n.Line, "%s is %s, expected %s", path, describe(n), expected)
		return "", false
	}
	return n.Value, true
}

func (d *decoder) text(to *string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		s, ok := d.scalar(path, n, "text")
		switch {
		case !ok:
		case n.ShortTag() != "!!str":
			d.errorf(n.Line, "%s is %s, expected text; write it in quotes", path, describe(n))
		default:
			*to = s
		}
	}
}

func (d *decoder) exactly(want string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		if s, ok := d.scalar(path, n, want); ok && s != want {
			d.errorf(n.Line, "%s is %s, expected %s", path, quote(s), want)
		}
	}
}

func (d *decoder) oneOf(to *string, allowed ...string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		expected := strings.Join(allowed[:len(allowed)-1], ", ") + " or " + allowed[len(allowed)-1]
		s, ok := d.scalar(path, n, expected)
		switch {
		case !ok:
		case !slices.Contains(allowed, s):
			d.errorf(n.Line, "%s is %s, expected %s", path, quote(s), expected)
		default:
			*to = s
		}
	}
}

func (d *decoder) boolean(to *bool) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		s, ok := d.scalar(path, n, "true or false")
		switch {
		case !ok:
		case n.ShortTag() != "!!bool":
			d.errorf(n.Line, "%s is %s, expected true or false", path, quote(s))
		default:
			*to = strings.EqualFold(s, "true")
		}
	}
}

func (d *decoder) duration(to *time.Duration) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		const expected = "a duration such as 30s or 2m"
		s, ok := d.scalar(path, n, expected)
		if !ok {
			return
		}
		t, err := time.ParseDuration(s)
		if err != nil || t < 0 {
			d.errorf(n.Line, "%s is %s, expected %s", path, quote(s), expected)
			return
		}
		*to = t
	}
}

// list takes a list of texts, none empty and none twice.
func (d *decoder) list(to *[]string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		var names []Name
		d.names(&names)(path, n)
		*to = make([]string, len(names))
		for i, n := range names {
			(*to)[i] = n.Value
		}
	}
}

func (d *decoder) names(to *[]Name) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			d.errorf(n.Line, "%s is %s, expected a list", path, describe(n))
			return
		}
		*to = []Name{}
		seen := map[string]int{}
		for i, item := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			if item.Kind == yaml.AliasNode {
				d.errorf(item.Line, "%s is an alias, expected the value itself", at)
				continue
			}
			name := Name{Line: item.Line}
			d.text(&name.Value)(at, item)
			switch first := seen[name.Value]; {
			case name.Value == "" && item.ShortTag() == "!!str":
				d.errorf(item.Line, "%s is empty, expected a name", at)
			case name.Value != "" && first > 0:
				d.errorf(item.Line, "%s is %s again, first in line %d", at, quote(name.Value), first)
			}
			seen[name.Value] = item.Line
			*to = append(*to, name)
		}
	}
}
