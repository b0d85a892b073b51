package policy

import (
	"net/netip"
	"slices"

	"github.com/segproof/segproof/audit"
)

// A Rule is one rule of a spec as it was compiled.
type Rule struct {
	*rule
	direction audit.Direction
	engine    *Engine
}

// Policy names the policy and the rule in it.
func (r Rule) Policy() audit.PolicyRef { return r.ref }

// Direction is the direction that the rule is about.
func (r Rule) Direction() audit.Direction { return r.direction }

// Allows tells whether the rule allows, rather than denies or passes on.
func (r Rule) Allows() bool { return r.verdict == allow }

// Denies tells whether the rule denies.
func (r Rule) Denies() bool { return r.verdict == deny }

// Unsure says why the rule is not wholly understood; "" if it is.
func (r Rule) Unsure() string { return r.doubt }

// Nobody tells whether the rule can match no peer.
func (r Rule) Nobody() bool { return r.nobody }

// Everybody tells whether the rule names no peer at all, and so means each.
func (r Rule) Everybody() bool { return !r.nobody && len(r.peers) == 0 }

// Wants is whom and what the rule is about, in words.
func (r Rule) Wants() string { return r.wantsPeers() + " on " + r.wantsPorts() }

// Matches tells whether the rule names an end as its peer, and whether that is
// certain.
func (r Rule) Matches(subject, peer *audit.Peer) (is, sure bool) {
	if r.doubt != "" {
		return false, false
	}
	if r.nobody {
		return false, true
	}
	p := r.engine.end(peer)
	p.subject = r.engine.end(subject).identity
	t, _ := r.matchPeers(p)
	return certain(t)
}

// Within are the namespaces, in order, whose pods alone the rule may name as
// peers; ok is false if it may name others.
func (r Rule) Within() (namespaces []string, ok bool) { return r.within() }

func (r *rule) within() (namespaces []string, ok bool) {
	if r.doubt != "" || len(r.peers) == 0 && !r.nobody {
		return nil, false
	}
	for _, m := range r.peers {
		list, ok := m.(selected)
		if !ok {
			return nil, false
		}
		for _, s := range list {
			in := s.namespaces()
			if in == nil || s.doubt != "" {
				return nil, false
			}
			namespaces = append(namespaces, in...)
		}
	}
	slices.Sort(namespaces)
	return slices.Compact(namespaces), true
}

// World is what opens the rule to everybody outside the cluster: a range that
// leaves nothing out, an entity, or "everybody"; "" if nothing does.
func (r Rule) World() string {
	if r.Everybody() {
		return "everybody"
	}
	for _, m := range flat(r.peers) {
		switch m := m.(type) {
		case *blocks:
			for i := range m.list {
				if m.list[i].prefix.Bits() == 0 {
					return m.list[i].prefix.String()
				}
			}
		case *entities:
			for _, name := range []string{entityAll, entityWorld, "world-ipv4", "world-ipv6"} {
				if slices.Contains(m.names, name) {
					return name
				}
			}
		}
	}
	return ""
}

// Selectors lists the selectors of pods that the rule names as peers.
func (r Rule) Selectors() []Selector {
	var out []Selector
	for _, m := range flat(r.peers) {
		if list, ok := m.(selected); ok {
			for _, s := range list {
				out = append(out, Selector{s, r.engine})
			}
		}
	}
	return out
}

// A Range is a range of addresses without some ranges inside it.
type Range struct {
	netip.Prefix
	Except []netip.Prefix
}

// Has tells whether an address lies in the range.
func (r Range) Has(ip netip.Addr) bool {
	return r.Contains(ip) && !slices.ContainsFunc(r.Except, func(e netip.Prefix) bool { return e.Contains(ip) })
}

// Ranges lists the address ranges that the rule names as peers. Inside tells
// whether the agent is set so that ranges select nodes and pods.
func (r Rule) Ranges() (out []Range) {
	for _, m := range flat(r.peers) {
		if b, ok := m.(*blocks); ok && !b.anywhere {
			for i := range b.list {
				out = append(out, Range{b.list[i].prefix, b.list[i].except})
			}
		}
	}
	return out
}

// A Port is one port, range of ports or port name that a rule names.
type Port struct {
	TCP, UDP, SCTP bool
	All            bool   // every port
	First, Last    uint16 // Last is 0 for a single port
	Name           string
	Proxied        bool // a proxy decides on
	AnyName        bool // and it is the DNS proxy, which lets every name pass
	Text           string
}

// Ports lists the ports that the rule names, without ICMP types; whole tells
// that it is about every port of every protocol.
func (r Rule) Ports() (ports []Port, whole bool) {
	for i := range r.ports {
		p := &r.ports[i]
		if p.protocols&anyTransport == 0 {
			continue
		}
		out := Port{
			TCP: p.protocols&tcp != 0, UDP: p.protocols&udp != 0, SCTP: p.protocols&sctp != 0,
			All: p.all, First: p.first, Last: p.last, Name: p.name, Proxied: p.l7 != nil, Text: p.String(),
		}
		if p.l7 != nil && p.l7.dns != nil {
			out.AnyName = slices.ContainsFunc(p.l7.dns, func(n name) bool { return n.pattern != nil && n.covers("a.name.that.nobody.has") })
		}
		ports = append(ports, out)
	}
	return ports, r.anyPort
}

// EveryPort tells whether the rule is about every port, at least of TCP.
func (r Rule) EveryPort() bool {
	ports, whole := r.Ports()
	return whole || slices.ContainsFunc(ports, func(p Port) bool {
		return p.TCP && (p.All || p.First <= 1 && p.Last == 65535 && p.Name == "")
	})
}

// Listens tells whether an end has a port by a name that the rule asks for, and
// whether that is certain.
func (r Rule) Listens(p *audit.Peer, port Port) (is, sure bool) {
	id := r.engine.end(p).identity
	for _, proto := range port.protocols() {
		var known []map[string][]portNumber
		if id.ports != nil {
			known = append(known, id.ports)
		} else {
			known = r.engine.ports.of(id)
		}
		if len(known) == 0 {
			return false, false
		}
		for _, named := range known {
			if slices.ContainsFunc(named[port.Name], func(n portNumber) bool { return n.protocol == proto }) {
				return true, true
			}
		}
	}
	return false, true
}

func (p Port) protocols() []audit.Protocol {
	var out []audit.Protocol
	for _, o := range []struct {
		is bool
		p  audit.Protocol
	}{{p.TCP, audit.TCP}, {p.UDP, audit.UDP}, {p.SCTP, audit.SCTP}} {
		if o.is {
			out = append(out, o.p)
		}
	}
	return out
}

// flat takes alternatives of which one may be unresolved apart.
func flat(ms []matcher) []matcher {
	var out []matcher
	for _, m := range ms {
		if e, ok := m.(either); ok {
			out = append(out, flat([]matcher{e.a, e.b})...)
		} else {
			out = append(out, m)
		}
	}
	return out
}
