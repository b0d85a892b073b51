package policy

import "slices"

// A RequestRule is one HTTP rule: expressions that must match the whole method,
// path and host; "" for any.
type RequestRule struct {
	Method, Path, Host string
}

// Requests lists the HTTP requests that the rule lets pass, in the order in
// which they are written, whatever the port.
func (r Rule) Requests() []RequestRule {
	var out []RequestRule
	for _, l := range r.proxies() {
		for i := range l.http {
			h := &l.http[i]
			out = append(out, RequestRule{h.method.written(), h.path.written(), h.host.written()})
		}
	}
	return out
}

// Redirects tells whether the rule leaves a part of what it allows to a proxy
// that does not let everything pass.
func (r Rule) Redirects() bool {
	return slices.ContainsFunc(r.proxies(), func(l *layer7) bool {
		return len(l.http) > 0 || len(l.dns) > 0 && !slices.ContainsFunc(l.dns, func(n name) bool { return n.covers("a.name.that.nobody.has") })
	})
}

// Plain tells whether the rule opens this port of a protocol that it is about
// without any proxy. Of ports by name nothing is said.
func (r Rule) Plain(port uint16) bool {
	return r.anyPort || slices.ContainsFunc(r.ports, func(p portRule) bool {
		return p.l7 == nil && p.name == "" && p.protocols&anyTransport != 0 && (p.all || p.first <= port && port <= max(p.first, p.last))
	})
}

// proxies are what the rule leaves to proxies; the ports of one list share one.
func (r Rule) proxies() []*layer7 {
	var out []*layer7
	for i := range r.ports {
		if l := r.ports[i].l7; l != nil && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

func (p *pattern) written() string {
	if p == nil {
		return ""
	}
	return p.text
}
