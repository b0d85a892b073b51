package flows

import (
	"net/netip"

	"github.com/segproof/segproof/audit"
)

// isReply tells whether the packet goes against the direction in which the
// connection was opened. Drops don't tell; traces of old servers may not.
func (r *record) isReply() answer {
	switch {
	case r.reply != unknown:
		return r.reply
	case r.trace == reasonNew:
		return no
	case r.trace == reasonReply:
		return yes
	case r.protocol == audit.TCP && r.flags&(syn|ack) == syn:
		return no
	case r.oldReply:
		return yes
	}
	return unknown
}

// event says what the flow can prove. A verdict or drop is a decision of the
// end that Direction names. A trace is no decision: that it was taken proves
// that the ends before it let the packet pass.
func (r *record) event() audit.Event {
	switch r.kind {
	case kindVerdict:
		if r.direction != "" && r.decided() && r.isReply() != yes {
			return audit.PolicyVerdict
		}
	case kindDrop:
		if r.direction != "" && r.verdict == audit.Dropped && r.isReply() != yes {
			return audit.Drop
		}
	case kindTrace:
		return r.traceEvent()
	case kindL7:
		if r.isReply() != yes {
			return audit.L7
		}
	}
	return audit.Seen
}

func (r *record) decided() bool {
	switch r.verdict {
	case audit.Forwarded, audit.Dropped, audit.Redirected, audit.Audited:
		return true
	}
	return false
}

func (r *record) traceEvent() audit.Event {
	if r.isReply() != no || r.trace == reasonRelated || r.hairpin() {
		return audit.Seen
	}
	switch r.observed() {
	case toEndpoint:
		return audit.Delivered
	case toHost, toStack, toOverlay, toNetwork, toCrypto:
		if r.source.isPod() {
			return audit.Left
		}
	}
	return audit.Seen
}

// observed is the point of a trace. Servers before 1.10 tell it only as the sub
// type of the event, which has the same numbers except for to-endpoint, 0.
func (r *record) observed() point {
	switch {
	case r.point != pointUnknown:
		return r.point
	case r.sub == 0:
		return toEndpoint
	}
	return point(r.sub)
}

// hairpin tells a pod that reaches itself, through its own Service: policy is
// skipped there (cilium bpf/bpf_lxc.c).
func (r *record) hairpin() bool {
	s, d := &r.source, &r.destination
	if s.pod != "" && s.pod == d.pod && s.namespace == d.namespace {
		return true
	}
	return s.ip.IsValid() && s.ip == d.ip
}

// opens tells whether the flow opens a connection, or stands for one that was
// refused.
func (r *record) opens(e audit.Event) bool {
	if r.isICMP() && !r.isEcho() {
		return false
	}
	switch e {
	case audit.Delivered, audit.Left:
		switch r.trace {
		case reasonNew, reasonReopened:
			return true
		case reasonUnknown:
			return r.protocol != audit.TCP || r.flags&(syn|ack) == syn
		}
		return false
	case audit.PolicyVerdict, audit.Drop:
		// Verdicts that let pass exist for new connections only.
		return r.verdict != audit.Dropped || !r.isLate()
	}
	return false
}

// isLate tells a dropped packet that belongs to a connection which has been
// open before, as far as its looks go: part of a teardown, or an answer whose
// connection nobody remembers. A data packet is none of these: it stands for a
// connection that a new policy cut.
func (r *record) isLate() bool {
	if r.protocol == audit.TCP {
		switch {
		case r.flags&(syn|ack) == syn:
			return false
		case r.flags&(rst|fin) != 0 || r.flags&(syn|ack) == syn|ack:
			return true
		}
	}
	return r.looksLikeReply()
}

// ephemeral is the first port that clients are given by default (Linux
// net.ipv4.ip_local_port_range).
const ephemeral = 32768

func (r *record) looksLikeReply() bool {
	return !r.isICMP() && r.port >= ephemeral && r.fromPort < ephemeral
}

func (r *record) isICMP() bool {
	return r.protocol == audit.ICMPv4 || r.protocol == audit.ICMPv6
}

func (r *record) isEcho() bool {
	return r.protocol == audit.ICMPv4 && r.port == 8 || r.protocol == audit.ICMPv6 && r.port == 128
}

// connection is a hash of what tells a connection from others with the same
// ends, seen from outside. A retransmission is the same connection. UDP and
// ICMP have no connections: what comes a minute, or a second, later is another.
func (r *record) connection() uint64 {
	h := emptySum.address(r.source.ip).number(uint64(r.fromPort)).address(r.destination.ip)
	switch {
	case r.isICMP():
		h = h.number(uint64(r.at / 1e9))
	case r.protocol != audit.TCP:
		h = h.number(uint64(r.at / 60e9))
	}
	return h.mixed()
}

// turn makes t the record with its ends exchanged. What is only seen is kept by
// the connection it belongs to rather than by its packet: replies go to a
// different port each, and would be as many conversations.
func (r *record) turn(t *record) *record {
	*t = *r
	t.source, t.destination = r.destination, r.source
	if !r.isICMP() {
		t.fromPort, t.port = r.port, r.fromPort
	}
	return t
}

// isPod tells whether an end is a pod that has an identity of its own.
func (e *endpoint) isPod() bool {
	return e.inNamespace() != "" && !isNode(e.labels)
}

// inNamespace is the end's namespace; that of a pod which Hubble knows by its
// identity only is in its labels.
func (e *endpoint) inNamespace() string {
	if e.namespace != "" {
		return e.namespace
	}
	return labelledNamespace(e.labels)
}

// isNode tells the node itself, and so host-network pods.
func isNode(labels audit.Labels) bool {
	return labels.Reserved("host") || labels.Reserved("remote-node")
}

func labelledNamespace(labels audit.Labels) string {
	ns, _ := labels.Get(audit.LabelNamespace)
	return ns
}

// plain is an address without zone, and IPv4 as IPv4.
func plain(text string) netip.Addr {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}
