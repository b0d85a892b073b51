package policy

import (
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
	l7 := r.layer7(f, l)
	ports := f.at("ports")
	var out []portRule
	for _, item := range ports.items() {
		p := r.ciliumPort(item, l7)
		if l7.redirects() {
			p.l7 = l7
		}
		out = append(out, p)
	}
	switch {
	case len(out) > maxPorts:
		ports.reject("expected at most %d ports, found %d", maxPorts, len(out))
	case l7.dns != nil && len(out) == 0:
		ports.reject("DNS rules need a port")
	}
	return out
}

// ciliumPort reads one port: a number or a name, of every transport protocol
// unless one is given. Zero is every port.
func (r *reader) ciliumPort(f field, l7 *layer7) portRule {
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
		if l7.dns != nil && end > int64(n) {
			f.reject("DNS rules may not have a port range")
		}
	}
	switch {
	case (l7.dns != nil || l7.http != nil) && p.all:
		at.reject("layer 7 rules need a port other than 0")
	case l7.http != nil && p.protocols != tcp:
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
