package policy

import (
	"regexp"
	"strings"
)

// names are peers that the DNS proxy learnt by one of these names. An end that
// is outside carries the names in its labels; if it is nothing but an address,
// it may have been learnt.
type names []name

// A name is one toFQDNs selector. Its text is what Cilium labels identities with.
type name struct {
	text    string
	pattern *regexp.Regexp // nil for a plain name
}

func (n names) match(p end) (truth, string) {
	for _, have := range p.names {
		for i := range n {
			if have == n[i].text || n[i].pattern != nil && !strings.Contains(have, "*") && n[i].pattern.MatchString(have) {
				return yes, ""
			}
		}
	}
	switch {
	case p.bare:
		return maybe, "it is not known by which name the address was looked up"
	case p.unknown:
		return maybe, whyUnknown
	}
	return no, ""
}

// covers tells whether a name that was looked up is one of those meant.
func (n *name) covers(asked string) bool {
	if n.pattern == nil {
		return n.text == asked
	}
	return n.pattern.MatchString(asked)
}

// domain is the form in which names are compared.
func domain(s string) string { return strings.ToLower(strings.TrimSuffix(s, ".")) }

// newName reads one toFQDNs selector, checked as in cilium pkg/policy/api/fqdn.go.
func newName(f field) name {
	f.object("matchName", "matchPattern")
	plain, pattern := f.at("matchName").domain(dnsChars), f.at("matchPattern").domain(dnsChars+"*")
	switch {
	case plain != "" && pattern != "":
		f.reject("only one of matchName and matchPattern may be given")
	case pattern != "":
		return name{pattern, patternExpr(pattern)}
	}
	return name{text: plain}
}

const dnsChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// patternExpr is the meaning of a matchPattern: stars alone are every name, a
// leading "**." is one or more labels, any other star stays inside one label.
func patternExpr(p string) *regexp.Regexp {
	const char = `[-a-z0-9_]`
	rest := strings.TrimLeft(p, "*")
	if rest == "" {
		return regexp.MustCompile("^.*$")
	}
	lead := ""
	if stars := len(p) - len(rest); stars > 1 && rest[0] == '.' {
		lead, rest = char+`+(\.`+char+`+)*\.`, rest[1:]
	} else if stars > 0 {
		lead = char + "*"
	}
	var b strings.Builder
	for i, part := range strings.Split(rest, "*") {
		if i > 0 {
			b.WriteString(char + "*")
		}
		b.WriteString(regexp.QuoteMeta(part))
	}
	return regexp.MustCompile("^" + lead + b.String() + "$")
}
