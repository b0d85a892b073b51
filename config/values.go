package config

import (
	"fmt"
	"net"
	"path"
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// each takes a list of mappings. Shape says where the keys of an item go, and is
// told the line in which it begins.
func each[T any](d *decoder, to *[]T, shape func(item *T, line int) fields) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			d.errorf(n.Line, "%s is %s, expected a list", path, describe(n))
			return
		}
		*to = make([]T, len(n.Content))
		for i, item := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			if item.Kind == yaml.AliasNode {
				d.errorf(item.Line, "%s is an alias, expected the value itself", at)
				continue
			}
			d.mapping(at, item, shape(&(*to)[i], item.Line))
		}
	}
}

// whole takes a number within bounds.
func (d *decoder) whole(to *int, least, most int) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		expected := fmt.Sprintf("a whole number from %d to %d", least, most)
		s, ok := d.scalar(path, n, expected)
		if !ok {
			return
		}
		v, err := strconv.Atoi(s)
		if err != nil || v < least || v > most {
			d.errorf(n.Line, "%s is %s, expected %s", path, quote(s), expected)
			return
		}
		*to = v
	}
}

// matching takes a text of one form, or none.
func (d *decoder) matching(to *string, form *regexp.Regexp, expected string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		s, ok := d.scalar(path, n, expected)
		switch {
		case !ok:
		case s != "" && !form.MatchString(s):
			d.errorf(n.Line, "%s is %s, expected %s", path, quote(s), expected)
		default:
			*to = s
		}
	}
}

func (d *decoder) fingerprint(to *string) func(string, *yaml.Node) {
	return d.matching(to, hexDigits, "32 hexadecimal digits, as a report shows them")
}

// date takes a day, until its end in UTC, or an instant.
func (d *decoder) date(to *time.Time) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		const expected = "a date such as 2027-01-31, or with a time as in 2027-01-31T18:00:00Z"
		s, ok := d.scalar(path, n, expected)
		if !ok || s == "" {
			return
		}
		if day, err := time.Parse(time.DateOnly, s); err == nil {
			*to = day.Add(24 * time.Hour)
			return
		}
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			d.errorf(n.Line, "%s is %s, expected %s", path, quote(s), expected)
			return
		}
		*to = at.UTC()
	}
}

func (d *decoder) timeOfDay(to *string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		const expected = "a time of day such as \"22:00\", in quotes"
		s, ok := d.scalar(path, n, expected)
		if !ok || s == "" {
			return
		}
		if _, err := time.Parse("15:04", s); err != nil || n.ShortTag() != "!!str" {
			d.errorf(n.Line, "%s is %s, expected %s", path, quote(s), expected)
			return
		}
		*to = s
	}
}

func (d *decoder) timeZone(to *string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		d.text(to)(path, n)
		if _, err := time.LoadLocation(*to); err != nil {
			d.errorf(n.Line, "%s is %s, expected the name of a time zone such as Europe/Berlin", path, quote(*to))
		}
	}
}

// glob takes a pattern of names, as in payments-*.
func (d *decoder) glob(to *string) func(string, *yaml.Node) {
	return func(at string, n *yaml.Node) {
		d.text(to)(at, n)
		if _, err := path.Match(*to, ""); err != nil {
			d.errorf(n.Line, "%s is %s, expected a pattern such as payments-*", at, quote(*to))
		}
	}
}

// listen takes where to serve. Without a host that is every address.
func (d *decoder) listen(to *string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		d.text(to)(path, n)
		if *to == "" {
			return
		}
		_, port, err := net.SplitHostPort(*to)
		p, bad := strconv.ParseUint(port, 10, 16)
		if err != nil || bad != nil || p == 0 {
			d.errorf(n.Line, "%s is %s, expected host:port or :port", path, quote(*to))
		}
	}
}
