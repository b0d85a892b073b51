package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A serverName is a name that a TLS connection may ask for, or a pattern of
// such names, as the proxy compares them (cilium/proxy cilium/network_policy.cc,
// SniPattern): in lower case, and a connection that asks for none has none.
type serverName struct {
	text    string
	pattern *regexp.Regexp // nil for a plain name
}

// serverNameForm is what an API server stores.
var serverNameForm = regexp.MustCompile(`^([-a-zA-Z0-9_*]+[.]?)+$`)

// serverNames reads the names of a rule. A star is any characters of one label,
// two of them in front are one or more labels, and one alone is every name.
func serverNames(f field) (out []serverName) {
	for _, item := range f.items() {
		s := item.text()
		switch {
		case s == "":
			item.reject("a server name may not be empty")
		case len(s) > 255 || !serverNameForm.MatchString(s):
			item.reject("expected a server name, found %q", clip(s))
		default:
			out = append(out, newServerName(s))
		}
	}
	return out
}

func newServerName(s string) serverName {
	const char = `[-a-z0-9_]`
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	deep := strings.HasPrefix(s, "**") && strings.HasPrefix(strings.TrimLeft(s, "*"), ".")
	for strings.Contains(s, "**") {
		s = strings.ReplaceAll(s, "**", "*")
	}
	switch {
	case !strings.Contains(s, "*"):
		return serverName{text: s}
	case s == "*":
		return serverName{s, regexp.MustCompile(`^` + char + `+(\.` + char + `+)*$`)}
	}
	lead, rest := "", s
	if deep {
		lead, rest = char+`+(\.`+char+`+)*`, s[1:]
		s = "*" + s
	}
	expr := strings.ReplaceAll(regexp.QuoteMeta(rest), `\*`, char+`*`)
	return serverName{s, regexp.MustCompile(`^` + lead + expr + `$`)}
}

func (n *serverName) covers(asked string) bool {
	if n.pattern == nil {
		return n.text == asked
	}
	return n.pattern.MatchString(asked)
}

// matchServer tells whether the connection asks for one of the names.
func (l *layer7) matchServer(a *ask) (truth, string) {
	const why = "which server name the connection asks for is not known"
	asked := strings.ToLower(a.sni)
	switch {
	case asked == "":
		return maybe, why
	case slices.ContainsFunc(l.servers, func(n serverName) bool { return n.covers(asked) }):
		return yes, ""
	case l.perhaps:
		return maybe, "whether server names are asked for is not known"
	}
	return no, ""
}

// A cell is what Cilium keeps one set of rules for: a selector of peers at a
// port. If any of them asks for server names, all do (cilium pkg/policy/rule.go,
// mergePortProto).
type cell struct {
	peer        any
	protocol    protocols
	first, last uint16
	name        string
}

// whoever is the peer of a cell for whoever it is.
type whoever struct{}

// An atom is one selector of a rule's peers.
type atom struct {
	key   any
	peers []matcher
}

// atoms takes the peers of a rule apart. Beside everybody nobody else counts.
func (r *rule) atoms() []atom {
	all := func(a atom) bool { return a.key == any(whoever{}) }
	if out := r.parts(); len(out) > 0 && !slices.ContainsFunc(out, all) {
		return out
	}
	return []atom{{whoever{}, nil}}
}

func (r *rule) parts() (out []atom) {
	for _, m := range r.peers {
		switch m := m.(type) {
		case selected:
			for _, s := range m {
				if s.wildcard() {
					out = append(out, atom{whoever{}, nil})
				} else {
					out = append(out, atom{s, []matcher{selected{s}}})
				}
			}
		case *entities:
			for _, name := range m.names {
				if name == entityAll {
					out = append(out, atom{whoever{}, nil})
				} else {
					out = append(out, atom{"entity " + name, []matcher{&entities{[]string{name}, m.cluster, m.family}}})
				}
			}
		case *blocks:
			for _, b := range m.list {
				one := *m
				one.list = []block{b}
				out = append(out, atom{fmt.Sprint("range ", b.prefix, b.except, b.label), []matcher{&one}})
			}
		case names:
			for _, n := range m {
				out = append(out, atom{"name " + n.text, []matcher{names{n}}})
			}
		default:
			out = append(out, atom{m, []matcher{m}})
		}
	}
	return out
}

func cellOf(a atom, p *portRule, bit protocols) cell {
	return cell{a.key, bit, p.first, p.last, p.name}
}

// each splits a port by protocol, as Cilium does.
func (p protocols) each() (out []protocols) {
	for bit := tcp; bit <= other; bit <<= 1 {
		if p&bit != 0 {
			out = append(out, bit)
		}
	}
	return out
}

// demanded are the server names of a cell.
type demanded struct {
	names  []serverName
	surely bool // some rule that asks for them is certainly about the subject
}

// mergeServerNames makes the rules that ask for no server name ask for those of
// the others in the same cell.
func (p *plan) mergeServerNames() {
	wanted := map[cell]*demanded{}
	for i := range p.rules {
		p.rules[i].demand(wanted)
	}
	if len(wanted) == 0 {
		return
	}
	var out []applied
	for _, r := range p.rules {
		out = append(out, r.split(wanted)...)
	}
	p.rules = out
}

// merges tells whether a rule is among those that Cilium merges.
func (r *rule) merges() bool {
	return r.verdict == allow && r.order.tier == normal && r.doubt == "" && !r.nobody && !r.anyPort
}

func (r *applied) demand(wanted map[cell]*demanded) {
	if !r.merges() {
		return
	}
	for i := range r.ports {
		p := &r.ports[i]
		if p.l7 == nil || len(p.l7.servers) == 0 {
			continue
		}
		for _, a := range r.atoms() {
			for _, bit := range p.protocols.each() {
				c := cellOf(a, p, bit)
				if wanted[c] == nil {
					wanted[c] = &demanded{}
				}
				wanted[c].names = append(wanted[c].names, p.l7.servers...)
				wanted[c].surely = wanted[c].surely || r.subject == yes
			}
		}
	}
}

// split takes a rule apart where some of its cells ask for server names.
func (r applied) split(wanted map[cell]*demanded) []applied {
	if !r.merges() {
		return []applied{r}
	}
	var out []applied
	changed := false
	for _, a := range r.atoms() {
		one := *r.rule
		one.peers, one.ports = a.peers, nil
		for i := range r.ports {
			for _, bit := range r.ports[i].protocols.each() {
				p := r.ports[i]
				p.protocols = bit
				if d := wanted[cellOf(a, &p, bit)]; d != nil && (p.l7 == nil || len(p.l7.servers) == 0) {
					p.l7, changed = p.l7.demanding(d), true
				}
				one.ports = append(one.ports, p)
			}
		}
		out = append(out, applied{&one, r.subject, r.why})
	}
	if !changed {
		return []applied{r}
	}
	return out
}

// demanding is what a proxy lets pass if it asks for server names too.
func (l *layer7) demanding(d *demanded) *layer7 {
	out := &layer7{}
	if l != nil {
		*out = *l
	}
	if out.http != nil || out.dns != nil {
		out.unknown = "Cilium can't join layer 7 rules and server names for one peer and port"
	}
	out.servers, out.perhaps = d.names, !d.surely
	return out
}
