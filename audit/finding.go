package audit

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Ref names an object, an entity such as world, or an address.
type Ref struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String is how a person writes it: kind and namespace/name.
func (r Ref) String() string {
	switch {
	case r == Ref{}:
		return ""
	case r.Kind == "Entity":
		return r.Name
	case r.Namespace != "":
		return r.Kind + " " + r.Namespace + "/" + r.Name
	}
	return r.Kind + " " + r.Name
}

// Compare orders by namespace, kind and name.
func (r Ref) Compare(o Ref) int {
	if n := cmp.Compare(r.Namespace, o.Namespace); n != 0 {
		return n
	}
	if n := cmp.Compare(r.Kind, o.Kind); n != 0 {
		return n
	}
	return cmp.Compare(r.Name, o.Name)
}

// Severity of a rule, and so of each of its findings.
type Severity string

// Severities.
const (
	Info     Severity = "info"
	Low      Severity = "low"
	Medium   Severity = "medium"
	High     Severity = "high"
	Critical Severity = "critical"
)

// Severities from the least to the worst.
var Severities = []Severity{Info, Low, Medium, High, Critical}

// Rank is the place in [Severities]; -1 for an unknown word.
func (s Severity) Rank() int {
	for i, o := range Severities {
		if o == s {
			return i
		}
	}
	return -1
}

// Kind tells what does not hold from what was proven to hold.
type Kind string

// Kinds of finding.
const (
	Fails  Kind = "fail"
	Passes Kind = "pass" // positive proof
)

// State is what a finding is relative to the record it was compared with.
type State string

// States.
const (
	New       State = "new"
	Unchanged State = "unchanged"
	Back      State = "back" // it was gone or accepted, and is there again
)

// A Finding is one rule not holding for one subject, or proof that it holds.
// It is plain data: it can be stored, sent and read again.
type Finding struct {
	ID          string      `json:"id"`   // SEG401
	Rule        string      `json:"rule"` // flow-drop-gap
	Severity    Severity    `json:"severity"`
	Kind        Kind        `json:"kind"`
	State       State       `json:"state"`
	Subject     Ref         `json:"subject"` // whose owner must act
	Peer        *Ref        `json:"peer,omitempty"`
	Direction   Direction   `json:"direction,omitempty"` // which end decides
	Protocol    Protocol    `json:"protocol,omitempty"`
	Port        *uint16     `json:"port,omitempty"` // a pointer because ICMP type 0 is a value
	Owner       string      `json:"owner,omitempty"`
	Message     string      `json:"message"` // one sentence, no final period
	Fingerprint string      `json:"fingerprint"`
	Policies    []PolicyRef `json:"policies,omitempty"`
	Location    Source      `json:"location,omitzero"` // of the policy to change, else of the subject; zero if no file holds either
	LocatedBy   string      `json:"locatedBy,omitempty"`
	Evidence    []Evidence  `json:"evidence,omitempty"`
	Fix         string      `json:"fix,omitempty"`

	Suggestion *Suggestion  `json:"suggestion,omitempty"` // the change that closes it, proven
	Suppressed *Suppression `json:"suppressed,omitempty"` // accepted; it is told of, and fails nothing
}

// A Suggestion is a change of what is declared that closes a gap. It was applied
// to the snapshot before it was made: the gap was closed, and nothing else opened
// than Opens says.
type Suggestion struct {
	Action   string   `json:"action"` // create or replace
	Policy   Ref      `json:"policy"`
	Location Source   `json:"location,omitzero"` // of the policy to replace; zero if no file holds it
	YAML     string   `json:"yaml"`              // the whole document as it is to be
	Diff     string   `json:"diff,omitempty"`    // unified, against the file; of a replacement
	Opens    []string `json:"opens,omitempty"`   // what may pass then that could not before, one line each
	Note     string   `json:"note,omitempty"`
}

// An Exception accepts findings. It names at least one of fingerprint, rule and
// subject, and a reason.
type Exception struct {
	Rule        string    `json:"rule,omitempty"` // id or name; "" for every rule
	Fingerprint string    `json:"fingerprint,omitempty"`
	Subject     Ref       `json:"subject,omitzero"` // empty fields match everything
	Reason      string    `json:"reason"`
	Expires     time.Time `json:"expires,omitzero"` // zero: never
	From        string    `json:"from"`             // where it is written: a file and line, or an object's annotation
}

// Suppression says why a finding is accepted.
type Suppression struct {
	Reason  string    `json:"reason"`
	Expires time.Time `json:"expires,omitzero"`
	From    string    `json:"from"`
}

// Evidence is what a finding rests on.
type Evidence struct {
	What        string    `json:"what"` // one line: the event, or the text of a report
	Connections uint64    `json:"connections,omitempty"`
	Flows       uint64    `json:"flows,omitempty"`
	First       time.Time `json:"first,omitzero"`
	Last        time.Time `json:"last,omitzero"`
	Nodes       []string  `json:"nodes,omitempty"`
	Samples     []Sample  `json:"samples,omitempty"`
}

// PortName is the port as people write it: TCP 8080, ICMPv4 type 8, or "".
func (f *Finding) PortName() string {
	if f.Port == nil {
		return string(f.Protocol)
	}
	return PortName(f.Protocol, *f.Port)
}

// PortName is a protocol and port as people write them.
func PortName(p Protocol, port uint16) string {
	if p == ICMPv4 || p == ICMPv6 {
		return fmt.Sprintf("%s type %d", p, port)
	}
	return fmt.Sprintf("%s %d", p, port)
}

// fingerprint identifies a finding across runs: 32 hexadecimal digits of what
// it is about, never of how it is worded.
func (f *Finding) fingerprint(cluster string) string {
	parts := []string{"v1", f.ID, cluster, f.Subject.Kind, f.Subject.Namespace, f.Subject.Name, string(f.Direction), string(f.Protocol)}
	if f.Peer != nil {
		parts = append(parts, f.Peer.Kind, f.Peer.Namespace, f.Peer.Name)
	}
	if f.Port != nil {
		parts = append(parts, fmt.Sprint(*f.Port))
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// SortFindings puts the worst first, failures before proofs, and then orders
// completely: the same findings always stand in the same order.
func SortFindings(fs []Finding) {
	// Findings are large, so it is pointers that are moved about.
	was := slices.Clone(fs)
	order := make([]*Finding, len(was))
	for i := range was {
		order[i] = &was[i]
	}
	slices.SortStableFunc(order, (*Finding).Compare)
	for i, f := range order {
		fs[i] = *f
	}
}

// Compare is the order of [SortFindings].
func (f *Finding) Compare(o *Finding) int {
	if n := cmp.Or(cmp.Compare(o.kindRank(), f.kindRank()), cmp.Compare(o.Severity.Rank(), f.Severity.Rank()), cmp.Compare(f.ID, o.ID)); n != 0 {
		return n
	}
	if n := f.Subject.Compare(o.Subject); n != 0 {
		return n
	}
	return cmp.Or(
		cmp.Compare(f.Direction, o.Direction),
		f.peer().Compare(o.peer()),
		cmp.Compare(f.Protocol, o.Protocol),
		cmp.Compare(deref(f.Port), deref(o.Port)),
		cmp.Compare(f.Message, o.Message),
		cmp.Compare(f.Fingerprint, o.Fingerprint),
	)
}

func (f *Finding) peer() Ref {
	if f.Peer == nil {
		return Ref{}
	}
	return *f.Peer
}

func (f *Finding) kindRank() int {
	if f.Kind == Passes {
		return 0
	}
	return 1
}

func deref(p *uint16) int {
	if p == nil {
		return -1
	}
	return int(*p)
}
