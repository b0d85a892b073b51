package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// What follows says in words what rules want and what ends are. It is for
// people, and bounded.

// mostNamed is how many members of a list are named.
const mostNamed = 4

// enumerate joins what is worth naming.
func enumerate(words []string, and string) string {
	if n := len(words) - mostNamed; n > 0 {
		return fmt.Sprintf("%s%s%d more", strings.Join(words[:mostNamed], ", "), and, n)
	}
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + and + words[n-1]
	}
	return strings.Join(words, "")
}

func (s selected) wants() string {
	var out []string
	for _, sel := range s {
		out = append(out, sel.String())
	}
	return enumerate(out, " or ")
}

// String is whom the selector selects.
func (s *selector) String() string {
	if s.wildcard() {
		return "everybody"
	}
	var own, of, other []string
	pods := false
	for i := range s.reqs {
		q := &s.reqs[i]
		meta, isMeta := strings.CutPrefix(q.key, audit.PrefixNamespaceMeta)
		switch {
		case q.op == local:
		case q.key == audit.LabelNamespace && q.op == exists:
			pods = true
		case q.key == audit.LabelNamespace && q.op == in:
			of = append(of, "of namespace "+strings.Join(q.values, " or "))
		case isMeta:
			of = append(of, "of namespaces with "+q.words(meta))
		case q.source == "k8s" || q.source == "any":
			own = append(own, q.words(q.key))
		default:
			other = append(other, q.words(q.source+":"+q.key))
		}
	}
	words := append([]string{"every pod"}, of...)
	switch {
	case len(own) > 0:
		words = append([]string{"pods with " + enumerate(own, " and ")}, of...)
	case len(other) > 0 && len(of) == 0 && !pods:
		words = nil
	}
	if len(other) > 0 {
		words = append(words, "whoever is "+enumerate(other, " and "))
	}
	return clip(strings.Join(words, " "))
}

// words are the requirement with its key in short.
func (r *requirement) words(key string) string {
	switch {
	case r.op == exists, r.op == in && len(r.values) == 1 && r.values[0] == "" && r.source == "reserved":
		return key
	case r.op == absent:
		return "no " + key
	case r.op == notIn:
		return key + " not " + strings.Join(r.values, " or ")
	}
	return key + "=" + strings.Join(r.values, " or ")
}

func (b *blocks) wants() string {
	var out []string
	for i := range b.list {
		out = append(out, b.list[i].String())
	}
	return "addresses in " + enumerate(out, " or ")
}

func (k *block) String() string {
	s := k.prefix.String()
	for i, e := range k.except {
		if i == mostNamed {
			return s + " and others"
		}
		s += " but not " + e.String()
	}
	return s
}

func (e *entities) wants() string { return enumerate(e.names, " or ") }

func (n names) wants() string {
	var out []string
	for i := range n {
		out = append(out, n[i].text)
	}
	return "what was looked up as " + enumerate(out, " or ")
}

func (n *nodes) wants() string {
	if len(n.byLabel.reqs) == 0 {
		return "nodes"
	}
	var out []string
	for i := range n.byLabel.reqs {
		out = append(out, n.byLabel.reqs[i].words(n.byLabel.reqs[i].key))
	}
	return "nodes with " + enumerate(out, " and ")
}

func (u *unresolved) wants() string {
	switch u.scope {
	case outside:
		return "certain addresses"
	case remoteNodes:
		return "certain nodes"
	}
	return "the backends of Services"
}

func (q *required) wants() string {
	var out []string
	for _, s := range q.requires {
		out = append(out, s.String())
	}
	return q.matcher.wants() + " that are also " + enumerate(out, " and ")
}

func (e either) wants() string { return e.a.wants() + " or " + e.b.wants() }

// wantsPeers are the peers of a rule.
func (r *rule) wantsPeers() string {
	var out []string
	for _, m := range r.peers {
		out = append(out, m.wants())
	}
	if r.nobody {
		return "nobody"
	}
	if len(out) == 0 {
		return "everybody"
	}
	return enumerate(out, " or ")
}

// wantsPorts are the ports of a rule.
func (r *rule) wantsPorts() string {
	if r.anyPort {
		return "every port"
	}
	var out []string
	for i := range r.ports {
		out = append(out, r.ports[i].String())
	}
	if len(out) == 0 {
		return "no port"
	}
	return enumerate(slices.Compact(out), " or ")
}

// String is a port such as "TCP 80" or "every UDP port".
func (p *portRule) String() string {
	s, kind := p.protocols.String(), "port"
	if p.protocols&(icmp4|icmp6) != 0 {
		kind = "type"
	}
	switch {
	case p.all:
		return "every " + strings.TrimSpace(s+" "+kind)
	case p.name != "":
		return strings.TrimSpace(s + " port " + p.name)
	case p.last > p.first:
		return fmt.Sprintf("%s %d-%d", s, p.first, p.last)
	case kind == "type":
		return fmt.Sprintf("%s type %d", s, p.first)
	case s == "":
		return fmt.Sprintf("port %d", p.first)
	}
	return fmt.Sprintf("%s %d", s, p.first)
}

// String is the protocols' name; "" if they are any of those that have ports.
func (p protocols) String() string {
	switch p {
	case tcp:
		return "TCP"
	case udp:
		return "UDP"
	case sctp:
		return "SCTP"
	case icmp4:
		return "ICMPv4"
	case icmp6:
		return "ICMPv6"
	case other:
		return "other"
	}
	return ""
}

// wantsRequest is what the proxy lets pass at the ports that a question matches.
func (r *rule) wantsRequest(a *ask) string {
	var out []string
	for i := range r.ports {
		p := &r.ports[i]
		if is, _ := p.match(a); is == no || p.l7 == nil {
			continue
		}
		for _, h := range p.l7.http {
			out = append(out, h.String())
		}
		for _, n := range p.l7.dns {
			out = append(out, "lookups of "+n.text)
		}
		for _, n := range p.l7.servers {
			out = append(out, "server name "+clip(n.text))
		}
		if p.l7.unknown != "" {
			out = append(out, "what another proxy lets pass")
		}
	}
	if len(out) == 0 {
		return "no request"
	}
	return enumerate(out, " or ")
}

func (r *httpRule) String() string {
	var out []string
	for _, p := range []struct {
		of string
		*pattern
	}{{"", r.method}, {"", r.path}, {"host ", r.host}} {
		if p.pattern != nil {
			out = append(out, p.of+clip(p.text))
		}
	}
	for _, x := range r.headers {
		out = append(out, "header "+clip(x.name))
	}
	if len(out) == 0 {
		return "any request"
	}
	return strings.Join(out, " ")
}

// String is who an end is.
func (p end) String() string {
	if p.namespace != "" {
		own := []string{}
		for _, l := range p.labels {
			if l.source == "k8s" && !strings.HasPrefix(l.key, ownedPrefix) && l.key != audit.LabelNamespace {
				own = append(own, clip(l.key+"="+l.value))
			}
		}
		if len(own) == 0 {
			return "a pod of namespace " + clip(p.namespace)
		}
		return enumerate(own, " and ") + " of namespace " + clip(p.namespace)
	}
	switch {
	case p.unknown:
		return "not known"
	case p.world && p.ip.IsValid():
		return p.ip.String() + " outside the cluster"
	}
	ref := (&audit.Peer{Labels: p.raw}).Ref()
	return ref.Name
}

// asked is what a question is about, in words.
func (a *ask) asked() string {
	switch {
	case a.http != nil && a.sni != "":
		return strings.Join(strings.Fields(clip(a.http.Method)+" "+clip(a.http.Path)), " ") + " to server name " + clip(a.sni)
	case a.http != nil:
		return strings.Join(strings.Fields(clip(a.http.Method)+" "+clip(a.http.Path)), " ")
	case a.dns != "":
		return "a lookup of " + clip(a.dns)
	case a.sni != "":
		return "to server name " + clip(a.sni)
	}
	return "not named"
}
