package flows

import (
	"net/netip"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/segproof/segproof/audit"
)

// A rawFlow is a flow on the wire, taken apart but not decoded; its slices lie
// in the message.
type rawFlow struct {
	time                    stamp
	uuid, node, summary     []byte
	verdict, dropDesc       int32
	drop, match             uint32
	kind, sub               int32
	direction, point, trace int32
	reply                   answer
	oldReply                bool
	source, destination     []byte
	sourceIP, destinationIP []byte
	l4, l7                  []byte
	sourceNames             [][]byte
	destinationNames        [][]byte
	egressAllowed           [][]byte
	ingressAllowed          [][]byte
	egressDenied            [][]byte
	ingressDenied           [][]byte
	sourceScratch           []string
	destinationScratch      []string
}

// reset empties it, and keeps the room that its lists have.
func (f *rawFlow) reset() {
	*f = rawFlow{
		sourceNames: f.sourceNames[:0], destinationNames: f.destinationNames[:0],
		egressAllowed: f.egressAllowed[:0], ingressAllowed: f.ingressAllowed[:0],
		egressDenied: f.egressDenied[:0], ingressDenied: f.ingressDenied[:0],
		sourceScratch: f.sourceScratch[:0], destinationScratch: f.destinationScratch[:0],
	}
}

// read takes the fields of flow.proto, of old servers too. What it does not
// know is passed over.
func (f *rawFlow) read(b []byte) error {
	v := fields{rest: b}
	for v.next() {
		var err error
		switch v.kind {
		case protowire.VarintType:
			f.number(v.number, v.value)
		case protowire.BytesType:
			err = f.message(v.number, v.bytes)
		}
		if err != nil {
			return err
		}
	}
	return v.err()
}

func (f *rawFlow) number(n protowire.Number, v uint64) {
	switch n {
	case 2:
		f.verdict = int32(v)
	case 3:
		f.drop = uint32(v)
	case 16:
		f.oldReply = v != 0
	case 22:
		f.direction = int32(v)
	case 23:
		f.match = uint32(v)
	case 24:
		f.point = int32(v)
	case 25:
		f.dropDesc = int32(v)
	case 36:
		f.trace = int32(v)
	}
}

func (f *rawFlow) message(n protowire.Number, b []byte) error {
	switch n {
	case 1:
		return f.time.read(b)
	case 5:
		return f.ip(b)
	case 6:
		f.l4 = joined(f.l4, b)
	case 8:
		f.source = joined(f.source, b)
	case 9:
		f.destination = joined(f.destination, b)
	case fieldFlowNode:
		f.node = b
	case 13:
		f.sourceNames = append(f.sourceNames, b)
	case 14:
		f.destinationNames = append(f.destinationNames, b)
	case 15:
		f.l7 = joined(f.l7, b)
	case 19:
		return f.event(b)
	case 26:
		return f.isReply(b)
	case 34:
		f.uuid = b
	case 21001:
		f.egressAllowed = append(f.egressAllowed, b)
	case 21002:
		f.ingressAllowed = append(f.ingressAllowed, b)
	case 21004:
		f.egressDenied = append(f.egressDenied, b)
	case 21005:
		f.ingressDenied = append(f.ingressDenied, b)
	case 100000:
		f.summary = b
	}
	return nil
}

// joined is a message that may have come before: then both are parts of one.
func joined(before, b []byte) []byte {
	if before == nil {
		return b
	}
	return append(before[:len(before):len(before)], b...)
}

func (f *rawFlow) ip(b []byte) error {
	v := fields{rest: b}
	for v.next() {
		switch {
		case v.kind != protowire.BytesType:
		case v.number == 1:
			f.sourceIP = v.bytes
		case v.number == 2:
			f.destinationIP = v.bytes
		}
	}
	return v.err()
}

func (f *rawFlow) event(b []byte) error {
	v := fields{rest: b}
	for v.next() {
		switch {
		case v.kind != protowire.VarintType:
		case v.number == 1:
			f.kind = int32(v.value)
		case v.number == 2:
			f.sub = int32(v.value)
		}
	}
	return v.err()
}

func (f *rawFlow) isReply(b []byte) error {
	if f.reply == unknown {
		f.reply = no
	}
	v := fields{rest: b}
	for v.next() {
		if v.kind == protowire.VarintType && v.number == 1 {
			f.reply = no
			if v.value != 0 {
				f.reply = yes
			}
		}
	}
	return v.err()
}

// Members of Layer4, in flow.proto.
var protocols = [...]audit.Protocol{
	1: audit.TCP, 2: audit.UDP, 3: audit.ICMPv4, 4: audit.ICMPv6, 5: audit.SCTP, 6: audit.Other, 7: audit.Other,
}

// layer4 takes protocol and ports.
func (f *rawFlow) layer4(r *record) error {
	r.protocol = audit.Other
	var member protowire.Number
	var l transport
	v := fields{rest: f.l4}
	for v.next() {
		if v.kind != protowire.BytesType || int(v.number) >= len(protocols) {
			continue
		}
		if v.number != member {
			member, l = v.number, transport{}
		}
		if err := l.read(v.bytes); err != nil {
			return err
		}
	}
	if err := v.err(); err != nil {
		return err
	}
	if member != 0 {
		r.protocol = protocols[member]
	}
	switch r.protocol {
	case audit.Other:
		return nil
	case audit.ICMPv4, audit.ICMPv6: // a type and a code
		l = transport{to: l.from}
	case audit.TCP:
		r.flags = l.flags
	}
	if l.from > 65535 || l.to > 65535 {
		return outOfRange(max(l.from, l.to))
	}
	r.fromPort, r.port = uint16(l.from), uint16(l.to)
	return nil
}

// transport is a message of layer 4: its first two numbers, and flags.
type transport struct {
	from, to uint32
	flags    flags
}

func (t *transport) read(b []byte) error {
	v := fields{rest: b}
	for v.next() {
		switch {
		case v.kind == protowire.BytesType && v.number == 3:
			if err := t.flags.read(v.bytes); err != nil {
				return err
			}
		case v.kind != protowire.VarintType:
		case v.number == 1:
			t.from = uint32(v.value)
		case v.number == 2:
			t.to = uint32(v.value)
		}
	}
	return v.err()
}

func (f *flags) read(b []byte) error {
	v := fields{rest: b}
	for v.next() {
		if v.kind != protowire.VarintType {
			continue
		}
		var bit flags
		switch v.number {
		case 1:
			bit = fin
		case 2:
			bit = syn
		case 3:
			bit = rst
		case 5:
			bit = ack
		}
		if *f |= bit; v.value == 0 {
			*f &^= bit
		}
	}
	return v.err()
}

// address4 reads what nearly all addresses are, without making a text of it.
func address4(b []byte) (netip.Addr, bool) {
	var a [4]byte
	part, digits, value := 0, 0, 0
	for _, c := range b {
		switch {
		case c == '.':
			if digits == 0 || part == 3 {
				return netip.Addr{}, false
			}
			a[part] = byte(value)
			part, digits, value = part+1, 0, 0
		case '0' <= c && c <= '9':
			if digits > 0 && value == 0 {
				return netip.Addr{}, false // a leading zero
			}
			digits++
			if value = value*10 + int(c-'0'); value > 255 {
				return netip.Addr{}, false
			}
		default:
			return netip.Addr{}, false
		}
	}
	if part != 3 || digits == 0 {
		return netip.Addr{}, false
	}
	a[3] = byte(value)
	return netip.AddrFrom4(a), true
}
