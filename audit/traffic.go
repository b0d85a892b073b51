package audit

import (
	"net/netip"
	"time"
)

// Traffic is what the network carried, as far as it was seen.
type Traffic struct {
	Since, Until  time.Time // the window really covered: first and last record
	Asked         time.Time // from when flows were asked for; zero if all there are
	Conversations []Conversation
	Relabelled    []Relabelled
	Flows         uint64 // flows read
	Lost          uint64 // flows that the observer says it lost
	LostBy        map[string]uint64
	Nodes         []NodeCoverage
	SilentNodes   []string  // nodes that did not answer, or that fell silent
	Gaps          []Gap     // in order of time: when a node was not heard although it may have spoken
	Folded        uint64    // flows merged into "other" because a cap was reached
	Clusters      []string  // names of clusters seen in flows
	BadRecords    int       // records that could not be read
	Problems      []Problem // the first of them, and sources that could not be read to their end
}

// NodeCoverage is what was heard of one node.
type NodeCoverage struct {
	Name  string    `json:"name"`
	Flows uint64    `json:"flows"`
	Lost  uint64    `json:"lost,omitempty"`
	From  time.Time `json:"from,omitzero"`
	To    time.Time `json:"to,omitzero"`
	Note  string    `json:"note,omitempty"` // state other than connected, and its message; gaps
	// Watched is until when somebody listened to it, of what was kept by others; it
	// may have said nothing meanwhile.
	Watched time.Time `json:"watched,omitzero"`
}

// Gap is a time for which flows of a node are missing, and nobody knows how
// many.
type Gap struct {
	Node     string
	From, To time.Time // last flow before it and first one after it; To is zero while it lasts
	Why      string
}

// Relabelled is a pod that was seen with other identity labels before. The
// labels are bare: see [Labels.Bare].
type Relabelled struct {
	Namespace, Pod string
	Labels         Labels    // the new ones
	Was            Labels    // those before
	At             time.Time // when the new ones were first seen
}

// A Conversation is every flow event with the same ends, port, kind of event
// and outcome. It never spans one of the instants given as cuts.
type Conversation struct {
	// Interval is the start of the interval between cuts that it lies in; zero
	// before the first. It is part of what tells conversations apart.
	Interval  time.Time
	From, To  Peer
	Protocol  Protocol
	Port      uint16 // destination port; for ICMP the type
	Event     Event
	Direction Direction // of policy verdicts, drops and L7 events: which end spoke
	Verdict   Verdict
	Reason    string        // why it was dropped, in Hubble's words
	Match     uint32        // policy_match_type of a policy verdict
	Policies  []NamedPolicy // the policies that a verdict names
	Allowed   []string      // reserved origins that a verdict names instead, such as allow-localhost-ingress

	Flows       uint64
	First, Last time.Time
	Opened      uint64    // events that open a connection, or stand for one that was refused
	FirstOpen   time.Time // of those; zero if there were none
	LastOpen    time.Time
	Opens       []Open    // up to MaxOpens of them, chosen so that order of arrival does not matter
	Nodes       []string  // nodes that reported it
	Samples     []Sample  // up to MaxSamples, the earliest
	Requests    []Request // what was asked of a proxy, of L7 events only: up to MaxRequests kinds of it, ordered
	Unkept      uint64    // flows of kinds of request beyond those
}

// Bounds on what one conversation keeps.
const (
	MaxOpens    = 8
	MaxSamples  = 3
	MaxRequests = 50
)

// A Request is one kind of request that a proxy saw in a conversation.
type Request struct {
	Kind   RequestKind
	Method string // of HTTP; of Kafka the API key
	Path   string // of HTTP, with its query string where Hubble tells it
	Host   string // of HTTP, with its port if the client sent one
	Code   int    // of an HTTP response; 0 of a request
	Name   string // that DNS was asked for; of Kafka the topic
	Flows  uint64
}

// RequestKind is the protocol that a proxy speaks.
type RequestKind string

// Kinds of request.
const (
	HTTPRequest  RequestKind = "http"
	DNSRequest   RequestKind = "dns"
	KafkaRequest RequestKind = "kafka"
)

// Open is one connection: a hash of what tells it from others, and when it
// was first seen.
type Open struct {
	Hash uint64
	At   time.Time
}

// Sample is one flow kept as evidence.
type Sample struct {
	Time    time.Time `json:"time"`
	UUID    string    `json:"uuid,omitempty"`
	Node    string    `json:"node,omitempty"`
	From    string    `json:"from"` // pod or address
	To      string    `json:"to"`
	Address string    `json:"address,omitempty"` // destination address and port
	Names   []string  `json:"names,omitempty"`   // DNS names of an end outside the cluster
	Summary string    `json:"summary,omitempty"`
}

// Peer is one end of a conversation, with the identity it had at that time.
type Peer struct {
	Labels    Labels
	Namespace string
	Workload  Ref        // owner of the pods; zero for an end that is no pod
	IP        netip.Addr // of an end that is no pod; zero where many were folded
}

// IsPod tells whether the end is a pod that has an identity of its own.
// Host-network pods have none: they are the node.
func (p *Peer) IsPod() bool { return p.Namespace != "" }

// Entities inside or beside the cluster, in the order in which the first that
// fits names an end.
var entities = []string{
	"kube-apiserver", "host", "remote-node", "health", "ingress", "init", "unmanaged",
}

// Ref names the end in a finding: its workload, or the entity that it is.
// Everything outside the cluster is world.
func (p *Peer) Ref() Ref {
	if p.IsPod() {
		return p.Workload
	}
	for _, e := range entities {
		if p.Labels.Reserved(e) {
			return Ref{Kind: "Entity", Name: e}
		}
	}
	if p.IsWorld() {
		return Ref{Kind: "Entity", Name: "world"}
	}
	return Ref{Kind: "Entity", Name: "unknown"}
}

// IsWorld tells whether the end is outside the cluster.
func (p *Peer) IsWorld() bool {
	return p.Labels.Reserved("world") || p.Labels.Reserved("world-ipv4") || p.Labels.Reserved("world-ipv6")
}

// NamedPolicy is a policy as a verdict names it.
type NamedPolicy struct {
	Ref
	UID string
}

// Protocol is the transport protocol in Hubble's spelling.
type Protocol string

// Protocols.
const (
	TCP    Protocol = "TCP"
	UDP    Protocol = "UDP"
	SCTP   Protocol = "SCTP"
	ICMPv4 Protocol = "ICMPv4"
	ICMPv6 Protocol = "ICMPv6"
	Other  Protocol = "other"
)

// Direction says which end of a connection decides: egress at its source,
// ingress at its destination.
type Direction string

// Directions.
const (
	Egress  Direction = "egress"
	Ingress Direction = "ingress"
)

// Verdict is what happened to a flow, in Hubble's word.
type Verdict string

// Verdicts.
const (
	Forwarded  Verdict = "FORWARDED"
	Dropped    Verdict = "DROPPED"
	Redirected Verdict = "REDIRECTED"
	Audited    Verdict = "AUDIT"
)

// Event says what kind of observation a conversation is made of, and so what
// it can prove.
type Event string

// Events.
const (
	PolicyVerdict Event = "policy-verdict" // the end named by Direction decided
	Drop          Event = "drop"           // the same packet again, as a drop
	Delivered     Event = "delivered"      // to-endpoint: it arrived, so both ends let it pass
	Left          Event = "left"           // to-stack, to-network, to-overlay, to-host: the source let it pass
	L7            Event = "l7"             // a proxy's record
	Seen          Event = "seen"           // replies, and observation points before any decision: prove nothing
)
