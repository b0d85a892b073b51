package policy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxPorts is how many ports or ICMP types one list may have.
const maxPorts = 40

// ciliumPorts reads toPorts and icmps. A list that has members but names no
// port matches nothing.
func (r *reader) ciliumPorts(one *rule, f field, l ruleList) {
	ports, icmps := f.at("toPorts").items(), f.at("icmps").items()
	one.anyPort = len(ports)+len(icmps) == 0
	if len(ports) > 0 && len(icmps) > 0 {
		f.reject("toPorts and icmps may not be combined in one rule")
	}
	for _, item := range ports {
		one.ports = append(one.ports, r.portList(item, l)...)
	}
	for _, item := range icmps {
		one.ports = append(one.ports, r.icmps(item)...)
	}
}

// portList reads one entry of toPorts: ports, and what the proxy does to them.
func (r *reader) portList(f field, l ruleList) []portRule {
	if rules := f.at("rules"); l.deny && rules.given() {
		rules.reject("a rule that denies may not have layer 7 rules")
	}
	if l.deny {
		f.object("ports")
	} else {
		f.object("ports", "rules", "terminatingTLS", "originatingTLS", "serverNames", "listener")
	}
	l7 := r.l7(f, l)
	ports := f.at("ports")
	var out []portRule
	for _, item := range ports.items() {
		p := r.ciliumPort(item, l7)
		p.l7 = l7.redirects
		out = append(out, p)
	}
	switch {
	case len(out) > maxPorts:
		ports.reject("expected at most %d ports, found %d", maxPorts, len(out))
	case l7.dns && len(out) == 0:
		ports.reject("DNS rules need a port")
	}
	return out
}

// ciliumPort reads one port: a number or a name, of every transport protocol
// unless one is given. Zero is every port.
func (r *reader) ciliumPort(f field, l7 layer7) portRule {
	f.object("port", "endPort", "protocol")
	p := r.protocol(f.at("protocol"))
	at := f.at("port")
	text := at.text()
	end, _ := f.at("endPort").number(0, 65535)
	p.last = uint16(end)
	switch {
	case text == "" && !r.settings.extended:
		at.reject("expected a port")
	case serviceName(text):
		p.name = strings.ToLower(text)
	default:
		// As Cilium reads it: a leading 0 makes the number octal.
		n, err := strconv.ParseUint(text, 0, 16)
		if err != nil && text != "" {
			at.reject("%q is neither a port number nor a port name", clip(text))
		}
		if n != 0 && p.protocols == other {
			at.reject("this protocol has no ports")
		}
		p.first, p.all = uint16(n), n == 0
		if l7.dns && end > int64(n) {
			f.reject("DNS rules may not have a port range")
		}
	}
	switch {
	case (l7.dns || l7.http) && p.all:
		at.reject("layer 7 rules need a port other than 0")
	case l7.http && p.protocols != tcp:
		f.reject("HTTP rules need the protocol TCP")
	}
	return p
}

func (r *reader) protocol(f field) portRule {
	switch strings.ToUpper(f.text()) {
	case "", "ANY":
		return portRule{protocols: anyTransport}
	case "TCP":
		return portRule{protocols: tcp}
	case "UDP":
		return portRule{protocols: udp}
	case "SCTP":
		return portRule{protocols: sctp}
	case "VRRP", "IGMP", "GRE", "IPIP", "IPV6", "ESP", "AH":
		return portRule{protocols: other}
	}
	f.reject("there is no protocol %s that a port may have", describe(f.value))
	return portRule{}
}

// serviceName tells a port name from a number (RFC 6335, section 5.1).
func serviceName(s string) bool {
	s = strings.ToLower(s)
	return len(s) > 0 && len(s) <= 15 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" &&
		strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyz") &&
		!strings.HasPrefix(s, "-") && !strings.HasSuffix(s, "-") && !strings.Contains(s, "--")
}

// layer7 is what follows once a port is reached.
type layer7 struct {
	http, dns bool
	redirects bool // the proxy decides on
}

// l7 reads what concerns the proxy, as far as it can make the policy invalid.
func (r *reader) l7(f field, l ruleList) (l7 layer7) {
	rules := f.at("rules")
	rules.object("http", "dns")
	http, dns := rules.at("http"), rules.at("dns")
	for _, item := range http.items() {
		httpRule(item)
		l7.http = true
	}
	for _, item := range dns.items() {
		newDNSRule(item)
		l7.dns = true
	}
	r.checkL7(rules, l7, l)
	terminating, originating, listener := f.at("terminatingTLS"), f.at("originatingTLS"), f.at("listener")
	sni := f.at("serverNames").texts()
	tls(terminating)
	tls(originating)
	listener.object("envoyConfig", "name", "priority")
	has := l7.http || l7.dns
	switch {
	case l7.http && dns.given(), l7.dns && http.given():
		rules.reject("http and dns may not be combined")
	case has && len(sni) > 0 && !terminating.given():
		f.reject("serverNames and layer 7 rules together need terminatingTLS")
	case slices.Contains(sni, ""):
		f.at("serverNames").reject("a server name may not be empty")
	case listener.given() && (has || l.direction == ingress):
		listener.reject("a listener may be neither at ingress nor beside layer 7 rules")
	}
	l7.redirects = has || len(sni) > 0 || terminating.given() || originating.given() || listener.given()
	return l7
}

func (r *reader) checkL7(rules field, l7 layer7, l ruleList) {
	switch {
	case !l7.http && !l7.dns:
	case !r.settings.l7:
		rules.reject("layer 7 rules need enable-l7-proxy")
	case l7.dns && l.direction == ingress:
		rules.reject("DNS rules are possible at egress only")
	case l.host && (l.direction == ingress || l7.http):
		rules.reject("a policy for nodes may have DNS rules at egress only")
	}
}

func tls(f field) {
	f.object("secret", "trustedCA", "certificate", "privateKey")
	f.at("secret").object("name", "namespace")
}

func httpRule(f field) {
	f.object("path", "method", "host", "headers", "headerMatches")
	for _, key := range []string{"path", "method"} {
		at := f.at(key)
		if _, err := regexp.Compile(at.text()); err != nil {
			at.reject("expected a regular expression, found %q", clip(at.text()))
		}
	}
	f.at("host").text()
	f.at("headers").texts()
	for _, m := range f.at("headerMatches").items() {
		m.object("mismatch", "name", "secret", "value")
		if m.at("name").text() == "" {
			m.reject("expected the name of a header")
		}
		if action := m.at("mismatch"); !slices.Contains([]string{"", "LOG", "ADD", "DELETE", "REPLACE"}, action.text()) {
			action.reject("expected LOG, ADD, DELETE or REPLACE, found %s", describe(action.value))
		}
	}
}

// newDNSRule checks a DNS rule. Unlike in toFQDNs, both kinds of name may be given.
func newDNSRule(f field) {
	f.object("matchName", "matchPattern")
	for _, key := range []string{"matchName", "matchPattern"} {
		if at := f.at(key); strings.Trim(at.text(), dnsChars+"*") != "" || len(at.text()) > 255 {
			at.reject("expected a DNS name, found %q", clip(at.text()))
		}
	}
}
