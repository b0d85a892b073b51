package flows

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"unicode/utf8"

	"github.com/cilium/cilium/api/v1/flow"
	"github.com/cilium/cilium/api/v1/observer"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/segproof/segproof/audit"
)

// A reader reads Hubble's responses from the bytes on the wire, and makes the
// same records as newRecord does of generated types. Nearly all of a flow are
// its two ends, and they come again and again: an end is known by its bytes,
// and only one that is new is decoded. Other texts are remembered likewise.
type reader struct {
	ends     *recent[*knownEnd]
	policies *recent[*knownPolicy]
	names    *recent[string]
	requests *recent[*audit.Request]
	flow     rawFlow // reused
	record   record  // reused
}

type knownEnd struct {
	endpoint
	party party
}

// knownPolicy is what a verdict says by naming one policy.
type knownPolicy struct {
	policies []audit.NamedPolicy
	allowed  []string
}

func newReader() *reader {
	return &reader{
		ends: newRecent[*knownEnd](maxRecentBytes), policies: newRecent[*knownPolicy](maxRecentBytes),
		names: newRecent[string](maxRecentBytes), requests: newRecent[*audit.Request](maxRecentBytes),
	}
}

// forget forgets whatever a register knows, which has swept.
func (r *reader) forget() { r.ends.forget() }

var errWire = errors.New("not a message of Hubble's: its bytes are malformed")

// outer is what there is in a response besides a flow's fields.
type outer struct {
	kind protowire.Number // of what is in it: 1 a flow, else status or lost events; 0 nothing
	body []byte
	node []byte
	time stamp
}

// Fields of GetFlowsResponse, in observer.proto.
const (
	fieldFlow     = 1
	fieldLast     = 3
	fieldNode     = 1000
	fieldTime     = 1001
	fieldFlowNode = 11
)

func (r *outer) read(b []byte) error {
	v := fields{rest: b}
	for v.next() {
		switch {
		case v.kind != protowire.BytesType:
		case v.number == fieldNode:
			r.node = v.bytes
		case v.number == fieldTime:
			if err := r.time.read(v.bytes); err != nil {
				return err
			}
		case v.number > fieldLast:
		case v.number == r.kind: // a message that comes twice is one
			r.body = joined(r.body, v.bytes)
		default:
			r.kind, r.body = v.number, v.bytes
		}
	}
	return v.err()
}

// takeBytes takes one response. An error is a record that can't be read.
func (in *intake) takeBytes(b []byte) error {
	var m outer
	if err := m.read(b); err != nil {
		return err
	}
	if m.kind != fieldFlow {
		return in.takeRest(b)
	}
	r, err := in.reader.read(m.body, &m)
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return err
	}
	in.flow(r)
	return nil
}

// takeRest takes what is no flow, and rare.
func (in *intake) takeRest(b []byte) error {
	var m observer.GetFlowsResponse
	if err := proto.Unmarshal(b, &m); err != nil {
		return errWire
	}
	e := envelope{m.GetNodeName(), m.GetTime()}
	switch r := m.GetResponseTypes().(type) {
	case *observer.GetFlowsResponse_NodeStatus:
		in.takeStatus(r.NodeStatus, e)
	case *observer.GetFlowsResponse_LostEvents:
		in.takeLost(r.LostEvents, e)
	}
	return nil
}

// read makes the record of a flow. It is overwritten by the next.
func (r *reader) read(b []byte, around *outer) (*record, error) {
	raw := &r.flow
	raw.reset()
	if err := raw.read(b); err != nil {
		return nil, err
	}
	at, err := instant(&raw.time, &around.time)
	if err != nil {
		return nil, err
	}
	out := &r.record
	*out = record{
		at: at, kind: raw.kind, sub: raw.sub, verdict: verdictOf(raw.verdict),
		direction: newDirection(flow.TrafficDirection(raw.direction)), reason: dropReasonOf(raw.dropDesc, raw.drop),
		match: raw.match, reply: raw.reply, oldReply: raw.oldReply, trace: traceReason(raw.trace), point: point(raw.point),
		policies: out.policies[:0], allowed: out.allowed[:0],
	}
	if out.id, _ = newUID(raw.uuid); out.id == (uid{}) {
		if !utf8.Valid(raw.uuid) {
			return nil, errWire
		}
		out.idText = string(raw.uuid)
	}
	node := raw.node
	if len(node) == 0 {
		node = around.node
	}
	names := [...]struct {
		from []byte
		to   *string
	}{{node, &out.node}, {raw.summary, &out.summary}}
	for _, n := range names {
		if *n.to, err = r.name(n.from); err != nil {
			return nil, err
		}
	}
	if err := r.both(raw, out); err != nil {
		return nil, err
	}
	switch out.kind {
	case kindVerdict:
		err = r.named(raw, out)
	case kindL7:
		out.request, err = r.asked(raw.l7)
	}
	if err != nil {
		return nil, err
	}
	return out, raw.layer4(out)
}

// both reads both ends.
func (r *reader) both(raw *rawFlow, out *record) (err error) {
	if err = r.end(raw.source, &out.source); err != nil {
		return err
	}
	if err = r.end(raw.destination, &out.destination); err != nil {
		return err
	}
	if out.source.ip, err = r.address(raw.sourceIP); err != nil {
		return err
	}
	if out.destination.ip, err = r.address(raw.destinationIP); err != nil {
		return err
	}
	if out.source.names, err = r.list(raw.sourceNames, raw.sourceScratch); err != nil {
		return err
	}
	out.destination.names, err = r.list(raw.destinationNames, raw.destinationScratch)
	raw.sourceScratch, raw.destinationScratch = out.source.names, out.destination.names
	return err
}

func (r *reader) end(b []byte, out *endpoint) error {
	known, ok := r.ends.get(b)
	if !ok {
		var e flow.Endpoint
		if err := proto.Unmarshal(b, &e); err != nil {
			return errWire
		}
		known = &knownEnd{endpoint: newEndpoint(&e, "", nil)}
		known.endpoint.party = &known.party
		if err := known.check(); err == nil { // else it is refused, and not worth remembering
			known.checked = true
			r.ends.put(b, known)
		}
	}
	*out = known.endpoint
	return nil
}

// named takes whom a verdict names at the end that decided.
func (r *reader) named(raw *rawFlow, out *record) error {
	var by [2][][]byte
	switch out.direction {
	case audit.Ingress:
		by = [2][][]byte{raw.ingressAllowed, raw.ingressDenied}
	case audit.Egress:
		by = [2][][]byte{raw.egressAllowed, raw.egressDenied}
	}
	for _, list := range by {
		for _, b := range list {
			p, err := r.policy(b)
			if err != nil {
				return err
			}
			out.policies = append(out.policies, p.policies...)
			out.allowed = append(out.allowed, p.allowed...)
		}
	}
	return nil
}

func (r *reader) policy(b []byte) (*knownPolicy, error) {
	if p, ok := r.policies.get(b); ok {
		return p, nil
	}
	var p flow.Policy
	if err := proto.Unmarshal(b, &p); err != nil {
		return nil, errWire
	}
	var one record
	one.named(&p)
	known := &knownPolicy{one.policies, one.allowed}
	r.policies.put(b, known)
	return known, nil
}

// name is a text that is kept once.
func (r *reader) name(b []byte) (string, error) {
	if len(b) == 0 {
		return "", nil
	}
	if s, ok := r.names.get(b); ok {
		return s, nil
	}
	if !utf8.Valid(b) {
		return "", errWire
	}
	s := string(b)
	if len(b) <= maxRemembered {
		r.names.put(b, s)
	}
	return s, nil
}

// maxRemembered is the longest text that is worth remembering.
const maxRemembered = 4 << 10

func (r *reader) list(from [][]byte, scratch []string) ([]string, error) {
	out := scratch[:0]
	for _, b := range from {
		s, err := r.name(b)
		if err != nil {
			return out, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (r *reader) address(b []byte) (netip.Addr, error) {
	if a, ok := address4(b); ok {
		return a, nil
	}
	text, err := r.name(b)
	return plain(text), err
}

func verdictOf(n int32) audit.Verdict {
	switch flow.Verdict(n) {
	case flow.Verdict_FORWARDED:
		return audit.Forwarded
	case flow.Verdict_DROPPED:
		return audit.Dropped
	case flow.Verdict_REDIRECTED:
		return audit.Redirected
	case flow.Verdict_AUDIT:
		return audit.Audited
	}
	return audit.Verdict(flow.Verdict(n).String())
}

// dropReasonOf is Hubble's word, or the number if there is none.
func dropReasonOf(described int32, number uint32) string {
	n := int64(described)
	if described == int32(flow.DropReason_DROP_REASON_UNKNOWN) {
		if number == 0 {
			return ""
		}
		n = int64(number)
	}
	if name, ok := flow.DropReason_name[int32(n)]; ok {
		return name
	}
	return strconv.FormatInt(n, 10)
}

func outOfRange(port uint32) error { return fmt.Errorf("port is out of range: %d", port) }
