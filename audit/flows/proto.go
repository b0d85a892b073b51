package flows

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cilium/cilium/api/v1/flow"
	"github.com/cilium/cilium/api/v1/relay"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/segproof/segproof/audit"
)

// envelope is what a response of Hubble says around a flow.
type envelope struct {
	node string
	time *timestamppb.Timestamp
}

// takeFlow takes a flow of Hubble's API, or says what is wrong with it.
func (in *intake) takeFlow(f *flow.Flow, e envelope) error {
	r, err := newRecord(f, e)
	if err != nil {
		return err
	}
	if err := r.check(); err != nil {
		return err
	}
	in.flow(r)
	return nil
}

func (in *intake) takeLost(l *flow.LostEvent, e envelope) {
	source := l.GetSource()
	if _, known := flow.LostEventSource_name[int32(source)]; !known {
		source = flow.LostEventSource_UNKNOWN_LOST_EVENT_SOURCE
	}
	at, err := nanoseconds(e.time, l.GetLast())
	if err != nil {
		at = never
	}
	in.lose(e.node, source.String(), l.GetNumEventsLost(), at)
}

func (in *intake) takeStatus(s *relay.NodeStatusEvent, e envelope) {
	at, err := nanoseconds(e.time)
	if err != nil {
		at = ever
	}
	for _, name := range s.GetNodeNames() {
		in.nodes.named(name).told(standing{at, newState(s.GetStateChange()), s.GetMessage()})
	}
}

func newState(s relay.NodeState) state {
	switch s {
	case relay.NodeState_NODE_CONNECTED:
		return connected
	case relay.NodeState_NODE_GONE:
		return gone
	case relay.NodeState_NODE_UNAVAILABLE:
		return unavailable
	case relay.NodeState_NODE_ERROR:
		return failing
	}
	return untold
}

// newRecord translates a flow. The deprecated fields are what servers of older
// versions set.
func newRecord(f *flow.Flow, e envelope) (*record, error) {
	at, err := nanoseconds(f.GetTime(), e.time)
	if err != nil {
		return nil, err
	}
	r := &record{
		at: at, node: cmp.Or(f.GetNodeName(), e.node),
		kind: f.GetEventType().GetType(), sub: f.GetEventType().GetSubType(),
		verdict: verdictOf(int32(f.GetVerdict())), direction: newDirection(f.GetTrafficDirection()),
		reason: dropReasonOf(int32(f.GetDropReasonDesc()), f.GetDropReason()), match: f.GetPolicyMatchType(),
		oldReply: f.GetReply(), trace: traceReason(f.GetTraceReason()), point: point(f.GetTraceObservationPoint()),
		source:      newEndpoint(f.GetSource(), f.GetIP().GetSource(), f.GetSourceNames()),
		destination: newEndpoint(f.GetDestination(), f.GetIP().GetDestination(), f.GetDestinationNames()),
		summary:     f.GetSummary(),
	}
	r.identify(f.GetUuid())
	if f.GetIsReply() != nil {
		r.reply = no
		if f.GetIsReply().GetValue() {
			r.reply = yes
		}
	}
	switch r.kind {
	case kindVerdict:
		r.name(f)
	case kindL7:
		r.request = newRequest(f.GetL7())
	}
	return r, r.layer4(f.GetL4())
}

func (r *record) identify(uuid string) {
	var ok bool
	if r.id, ok = newUID(uuid); !ok {
		r.idText = uuid
	}
}

// nanoseconds is the first time that is told.
func nanoseconds(times ...*timestamppb.Timestamp) (int64, error) {
	for _, t := range times {
		if t == nil {
			continue
		}
		at := t.AsTime()
		if t.CheckValid() != nil || !countable(at) {
			return 0, fmt.Errorf("time is out of range: %s", at.Format(time.RFC3339))
		}
		return at.UnixNano(), nil
	}
	return 0, errors.New("no time in it")
}

func newDirection(d flow.TrafficDirection) audit.Direction {
	switch d {
	case flow.TrafficDirection_INGRESS:
		return audit.Ingress
	case flow.TrafficDirection_EGRESS:
		return audit.Egress
	}
	return ""
}

func newEndpoint(e *flow.Endpoint, ip string, names []string) endpoint {
	out := endpoint{
		labels: e.GetLabels(), namespace: e.GetNamespace(), pod: e.GetPodName(), cluster: e.GetClusterName(),
		ip: plain(ip), names: names,
	}
	if w := e.GetWorkloads(); len(w) > 0 && w[0].GetName() != "" {
		out.workload = audit.Ref{Kind: w[0].GetKind(), Name: w[0].GetName()}
	}
	return out
}

// layer4 takes protocol and ports. What has none of those that policies speak
// of is [audit.Other].
func (r *record) layer4(l *flow.Layer4) error {
	var from, to uint32
	switch p := l.GetProtocol().(type) {
	case *flow.Layer4_TCP:
		r.protocol, from, to = audit.TCP, p.TCP.GetSourcePort(), p.TCP.GetDestinationPort()
		r.flags = newFlags(p.TCP.GetFlags())
	case *flow.Layer4_UDP:
		r.protocol, from, to = audit.UDP, p.UDP.GetSourcePort(), p.UDP.GetDestinationPort()
	case *flow.Layer4_SCTP:
		r.protocol, from, to = audit.SCTP, p.SCTP.GetSourcePort(), p.SCTP.GetDestinationPort()
	case *flow.Layer4_ICMPv4:
		r.protocol, to = audit.ICMPv4, p.ICMPv4.GetType()
	case *flow.Layer4_ICMPv6:
		r.protocol, to = audit.ICMPv6, p.ICMPv6.GetType()
	default:
		r.protocol = audit.Other
	}
	if from > 65535 || to > 65535 {
		return outOfRange(max(from, to))
	}
	r.fromPort, r.port = uint16(from), uint16(to)
	return nil
}

func newFlags(f *flow.TCPFlags) (out flags) {
	if f.GetSYN() {
		out |= syn
	}
	if f.GetACK() {
		out |= ack
	}
	if f.GetFIN() {
		out |= fin
	}
	if f.GetRST() {
		out |= rst
	}
	return out
}

// name takes whom a verdict names at the end that decided.
func (r *record) name(f *flow.Flow) {
	var by []*flow.Policy
	switch r.direction {
	case audit.Ingress:
		by = slices.Concat(f.GetIngressAllowedBy(), f.GetIngressDeniedBy())
	case audit.Egress:
		by = slices.Concat(f.GetEgressAllowedBy(), f.GetEgressDeniedBy())
	}
	for _, p := range by {
		r.named(p)
	}
}

// Labels of a policy: cilium pkg/k8s/apis/cilium.io/const.go and pkg/policy,
// which marks what it adds of its own with a reserved label and no name.
const (
	policyLabel  = "k8s:io.cilium.k8s.policy."
	reservedRule = "reserved:io.cilium.policy.derived-from="
)

func (r *record) named(p *flow.Policy) {
	n := audit.NamedPolicy{Ref: audit.Ref{Kind: p.GetKind(), Namespace: p.GetNamespace(), Name: p.GetName()}}
	for _, l := range p.GetLabels() {
		if origin, ok := strings.CutPrefix(l, reservedRule); ok && p.GetName() == "" {
			r.allowed = append(r.allowed, origin)
		}
		switch key, value, _ := strings.Cut(l, "="); key {
		case policyLabel + "uid":
			n.UID = value
		case policyLabel + "derived-from":
			n.Kind = cmp.Or(n.Kind, value)
		}
	}
	if n.Name != "" {
		r.policies = append(r.policies, n)
	}
}
