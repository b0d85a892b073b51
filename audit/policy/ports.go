package policy

import (
	"strconv"

	"github.com/segproof/segproof/audit"
)

// protocols is a set of transport protocols.
type protocols uint8

const (
	tcp protocols = 1 << iota
	udp
	sctp
	icmp4
	icmp6
	other

	anyTransport = tcp | udp | sctp // what a missing protocol means; never ICMP
)

func protocolBit(p audit.Protocol) protocols {
	switch p {
	case audit.TCP:
		return tcp
	case audit.UDP:
		return udp
	case audit.SCTP:
		return sctp
	case audit.ICMPv4:
		return icmp4
	case audit.ICMPv6:
		return icmp6
	}
	return other
}

// A portRule is one port, range or port name, or one ICMP type.
type portRule struct {
	protocols   protocols
	all         bool // every port
	first, last uint16
	name        string
	l7          *layer7 // what the proxy lets pass; nil if it has no say
	alone       bool    // no other rule changes what its name stands for
}

// single tells whether it is one port, so that no other can be meant.
func (p *portRule) single() bool { return !p.all && p.last == 0 }

func (p *portRule) match(a *ask) (truth, string) {
	switch {
	case p.protocols&a.bit == 0:
		return no, ""
	case a.bit == other:
		return maybe, "the protocol is not known closely enough"
	case p.all:
		return yes, ""
	case p.name == "":
		return truly(p.first <= a.port && a.port <= max(p.first, p.last)), ""
	}
	// A port has its name where it is listened on.
	owner := a.subject
	if a.direction == egress {
		owner = a.peer.identity
	}
	return a.engine.named(owner, p, a)
}

// named compares with the number that a name stands for at an end. The end's
// own labels tell it since Cilium 1.20; before that, the pods and then the
// workloads that are declared with just these labels.
func (e *Engine) named(owner *identity, p *portRule, a *ask) (truth, string) {
	if owner.unknown {
		return maybe, whyUnknown
	}
	if owner.namespace == "" {
		return no, ""
	}
	if owner.ports != nil {
		return p.among(owner.ports[p.name], a), whyEnds
	}
	declared := e.ports.of(owner)
	if len(declared) == 0 {
		return maybe, "what the port name " + strconv.Quote(p.name) + " stands for is not known"
	}
	t, all := no, yes
	for _, named := range declared {
		is := p.among(named[p.name], a)
		t, all = max(t, is), min(all, is)
	}
	if t != all {
		return maybe, "pods with the same labels disagree about the port name " + strconv.Quote(p.name)
	}
	return t, whyEnds
}

const whyEnds = "of several ranges that begin at one port name, Cilium takes the end of whichever it reads first"

// among tells whether the port of the question is the one with the rule's name.
// At ingress a range may begin with a name; at egress Cilium knows no such range.
func (p *portRule) among(numbers []portNumber, a *ask) (t truth) {
	for _, n := range numbers {
		if n.protocol != a.protocol {
			continue
		}
		end := ends{n.port, n.port}
		if a.direction == ingress && !p.alone {
			end = a.ends[portEnd{p.name, protocolBit(n.protocol)}]
		}
		switch {
		case a.port == n.port || n.port < a.port && a.port <= end.least:
			return yes
		case n.port < a.port && a.port <= end.most:
			t = maybe
		}
	}
	return t
}

func portValue(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil
}
