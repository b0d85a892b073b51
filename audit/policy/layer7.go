package policy

import (
	"slices"
	"strings"
)

// layer7 is what a proxy lets pass once a port is reached: a request that one
// of the HTTP rules matches, or a lookup of one of the names. Nil lists are not
// there.
type layer7 struct {
	http    []httpRule
	dns     []name
	servers []serverName // that a connection may ask for; none if any or none will do
	perhaps bool         // it may be that any or none will do all the same
	tls     bool         // what is not encrypted does not pass
	unknown string       // what else the proxy decides by, and is not known of a request
}

func (l *layer7) redirects() bool {
	return l.http != nil || l.dns != nil || len(l.servers) > 0 || l.tls || l.unknown != ""
}

// match tells whether the proxy lets the request of a question pass. What is
// no request of its kind does not pass.
func (l *layer7) match(a *ask) (t truth, why string) {
	switch {
	case l.http != nil && a.http != nil:
		t, why = l.matchHTTP(a)
	case l.dns != nil && a.dns != "":
		asked := domain(a.dns)
		t = truly(slices.ContainsFunc(l.dns, func(n name) bool { return n.covers(asked) }))
	case l.http == nil && l.dns == nil:
		t = yes
	case l.http != nil && a.sni != "":
		t, why = maybe, "which request is made inside the encrypted connection is not known"
	}
	if t > no && len(l.servers) > 0 {
		if is, w := l.matchServer(a); is < t {
			t, why = is, w
		}
	}
	switch {
	case t > no && l.unknown != "":
		return maybe, l.unknown
	case t > no && l.tls && a.sni == "":
		return maybe, "whether the connection is encrypted is not known"
	}
	return t, why
}

// layer7 reads what concerns the proxy.
func (r *reader) layer7(f field, l ruleList) *layer7 {
	rules := f.at("rules")
	rules.object("http", "dns")
	http, dns := rules.at("http"), rules.at("dns")
	out := &layer7{}
	for _, item := range http.items() {
		out.http = append(out.http, r.httpRule(item))
	}
	for _, item := range dns.items() {
		out.dns = append(out.dns, dnsRule(item)...)
	}
	if out.dns == nil && len(dns.items()) > 0 {
		out.dns = []name{} // none passes
	}
	r.checkLayer7(rules, out, l)
	tls(f, out, l)
	if out.http != nil && dns.given() || out.dns != nil && http.given() {
		rules.reject("http and dns may not be combined")
	}
	return out
}

// tls reads what the proxy does to encrypted connections, and who else may be
// told to handle them.
func tls(f field, out *layer7, l ruleList) {
	terminating, originating, listener := f.at("terminatingTLS"), f.at("originatingTLS"), f.at("listener")
	for _, at := range []field{terminating, originating} {
		at.object("secret", "trustedCA", "certificate", "privateKey")
		at.at("secret").object("name", "namespace")
	}
	listener.object("envoyConfig", "name", "priority")
	out.servers = serverNames(f.at("serverNames"))
	has := out.http != nil || out.dns != nil
	switch {
	case has && len(out.servers) > 0 && !terminating.given():
		f.reject("serverNames and layer 7 rules together need terminatingTLS")
	case listener.given() && (has || l.direction == ingress):
		listener.reject("a listener may be neither at ingress nor beside layer 7 rules")
	}
	if listener.given() {
		out.unknown = "what the Envoy listener of the rule lets pass is not known"
	}
	out.tls = !has && (terminating.given() || originating.given())
}

func (r *reader) checkLayer7(rules field, l7 *layer7, l ruleList) {
	switch {
	case l7.http == nil && l7.dns == nil:
	case !r.settings.l7:
		rules.reject("layer 7 rules need enable-l7-proxy")
	case l7.dns != nil && l.direction == ingress:
		rules.reject("DNS rules are possible at egress only")
	case l.host && (l.direction == ingress || l7.http != nil):
		rules.reject("a policy for nodes may have DNS rules at egress only")
	}
}

// dnsRule reads a DNS rule, and checks it as in cilium pkg/policy/api/fqdn.go.
// Unlike in toFQDNs both kinds of name may be given.
func dnsRule(f field) (out []name) {
	f.object("matchName", "matchPattern")
	plain, pattern := f.at("matchName"), f.at("matchPattern")
	if s := plain.domain(dnsChars); s != "" {
		out = append(out, name{text: s})
	}
	if s := pattern.domain(dnsChars + "*"); s != "" {
		out = append(out, name{s, patternExpr(s)})
	}
	return out
}

// domain reads a DNS name made of these characters.
func (f field) domain(chars string) string {
	s := f.text()
	if strings.Trim(s, chars) != "" || len(s) > 255 {
		f.reject("expected a DNS name, found %q", clip(s))
		return ""
	}
	return domain(s)
}
