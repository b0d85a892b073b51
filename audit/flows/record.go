package flows

import (
	"fmt"
	"net/netip"

	"github.com/segproof/segproof/audit"
)

// A record is one flow, as far as it is used. It knows nothing of how the flow
// was encoded.
type record struct {
	at        int64 // Unix nanoseconds
	id        uid
	idText    string // the uuid, if it is not written as usual
	node      string // that reports
	kind, sub int32  // type and sub type of the event
	verdict   audit.Verdict
	direction audit.Direction // "" if not told
	reason    string          // of a drop
	match     uint32
	reply     answer
	oldReply  bool // the field that servers before 1.10 set instead
	trace     traceReason
	point     point
	protocol  audit.Protocol
	fromPort  uint16
	port      uint16 // destination port, type for ICMP
	flags     flags

	source, destination endpoint
	policies            []audit.NamedPolicy // named by the end that decided
	allowed             []string            // reserved origins named by it
	summary             string
	request             *audit.Request // of what a proxy saw; nil if it is not known
}

// endpoint is one end as a flow tells it.
type endpoint struct {
	labels    []string
	namespace string
	pod       string
	cluster   string
	workload  audit.Ref // zero if not told
	ip        netip.Addr
	names     []string // DNS names
	party     *party   // where who it is is remembered; nil if it is not
	checked   bool     // it has been
}

// answer is yes, no, or not known.
type answer uint8

const (
	unknown answer = iota
	yes
	no
)

// flags are those of TCP that matter here.
type flags uint8

const (
	syn flags = 1 << iota
	ack
	fin
	rst
)

// Types of event: MessageType* in cilium pkg/monitor/api/types.go.
const (
	kindDrop    = 1
	kindTrace   = 4
	kindVerdict = 5
	kindL7      = 129
)

// point is where a trace was taken, numbered as TraceObservationPoint in
// Hubble's API.
type point int32

const (
	pointUnknown point = 0
	toHost       point = 2
	toStack      point = 3
	toOverlay    point = 4
	toNetwork    point = 11
	toCrypto     point = 13
	toEndpoint   point = 101
)

// traceReason is what connection tracking said, numbered as TraceReason in
// Hubble's API.
type traceReason int32

const (
	reasonUnknown  traceReason = 0
	reasonNew      traceReason = 1
	reasonReply    traceReason = 3
	reasonRelated  traceReason = 4
	reasonReopened traceReason = 5
)

// check refuses what no real flow holds: it would only serve to fill memory.
func (r *record) check() error {
	for _, t := range []struct{ what, text string }{
		{"uuid", r.idText}, {"node name", r.node}, {"reason", r.reason},
	} {
		if len(t.text) > maxName {
			return fmt.Errorf("%s of %d bytes, at most %d expected", t.what, len(t.text), maxName)
		}
	}
	if len(r.policies)+len(r.allowed) > maxPolicies {
		return fmt.Errorf("%d policies named, at most %d expected", len(r.policies)+len(r.allowed), maxPolicies)
	}
	for _, p := range r.policies {
		if len(p.Kind)+len(p.Namespace)+len(p.Name)+len(p.UID) > 2*maxName {
			return fmt.Errorf("name of a policy is too long")
		}
	}
	if err := r.source.check(); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	if err := r.destination.check(); err != nil {
		return fmt.Errorf("destination: %w", err)
	}
	return nil
}

func (e *endpoint) check() error {
	if e.checked {
		return nil
	}
	for _, t := range []struct{ what, text string }{
		{"namespace", e.namespace}, {"pod name", e.pod}, {"cluster name", e.cluster},
		{"workload kind", e.workload.Kind}, {"workload name", e.workload.Name},
	} {
		if len(t.text) > maxName {
			return fmt.Errorf("%s of %d bytes, at most %d expected", t.what, len(t.text), maxName)
		}
	}
	if len(e.labels) > maxLabels {
		return fmt.Errorf("%d labels, at most %d expected", len(e.labels), maxLabels)
	}
	for _, l := range e.labels {
		if len(l) > maxLabel {
			return fmt.Errorf("label of %d bytes, at most %d expected", len(l), maxLabel)
		}
	}
	return nil
}
