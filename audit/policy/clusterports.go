package policy

import "k8s.io/apimachinery/pkg/util/validation"

// port reads one entry of a rule's ports.
func (d *dialect) port(f field) []portRule {
	if d.first {
		return adminPort(f)
	}
	return clusterProtocol(f)
}

// clusterProtocol reads a protocol and its destination port: all of them if
// none is given.
func clusterProtocol(f field) []portRule {
	f.object("tcp", "udp", "sctp", "destinationNamedPort")
	var out []portRule
	for _, k := range []struct {
		name string
		bit  protocols
	}{{"tcp", tcp}, {"udp", udp}, {"sctp", sctp}} {
		at := f.at(k.name)
		if !at.given() {
			continue
		}
		at.object("destinationPort")
		p := portRule{protocols: k.bit}
		if port := at.at("destinationPort"); port.given() {
			port.object("number", "range")
			p.readNumbers(port, "number", "range")
		} else {
			p.all = true
		}
		out = append(out, p)
	}
	if name := f.at("destinationNamedPort"); name.given() {
		out = append(out, namedPort(name))
	}
	if len(out) != 1 {
		f.reject("exactly one of tcp, udp, sctp and destinationNamedPort must be given")
	}
	return out
}

// adminPort reads a port of the older kinds: TCP unless said otherwise.
func adminPort(f field) []portRule {
	f.object("portNumber", "portRange", "namedPort")
	var out []portRule
	if number := f.at("portNumber"); number.given() {
		number.object("protocol", "port")
		p := portRule{protocols: transport(number.at("protocol"))}
		n, ok := number.at("port").number(1, 65535)
		if !ok {
			number.at("port").expected("a port")
		}
		p.first = uint16(n)
		out = append(out, p)
	}
	if ports := f.at("portRange"); ports.given() {
		ports.object("protocol", "start", "end")
		p := portRule{protocols: transport(ports.at("protocol"))}
		p.readRange(ports)
		out = append(out, p)
	}
	if name := f.at("namedPort"); name.given() {
		out = append(out, namedPort(name))
	}
	if len(out) != 1 {
		f.reject("exactly one of portNumber, portRange and namedPort must be given")
	}
	return out
}

// readNumbers reads either a number or a range.
func (p *portRule) readNumbers(f field, number, between string) {
	n, one := f.at(number).number(1, 65535)
	p.first = uint16(n)
	switch at := f.at(between); {
	case one == at.given():
		f.reject("exactly one of %s and %s must be given", number, between)
	case at.given():
		at.object("start", "end")
		p.readRange(at)
	}
}

// readRange reads a range of at least two ports.
func (p *portRule) readRange(f field) {
	first, _ := f.at("start").number(1, 65535)
	last, _ := f.at("end").number(1, 65535)
	if first < 1 || last <= first {
		f.reject("expected a start that is below the end")
	}
	p.first, p.last = uint16(first), uint16(last)
}

// namedPort reads the name of a port, of whichever protocol has it.
func namedPort(f field) portRule {
	if s := f.text(); len(validation.IsValidPortName(s)) > 0 {
		f.unclear("expected the name of a port, found " + describe(f.value))
	}
	return portRule{protocols: anyTransport, name: f.text(), alone: true}
}

// transport reads a protocol, TCP if there is none.
func transport(f field) protocols {
	switch f.text() {
	case "TCP", "":
		return tcp
	case "UDP":
		return udp
	case "SCTP":
		return sctp
	}
	f.reject("expected TCP, UDP or SCTP, found %s", describe(f.value))
	return 0
}
