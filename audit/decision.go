package audit

// An Engine knows what the declared policies decide. Package audit/policy is
// the implementation; it is pure and safe for concurrent use.
type Engine interface {
	// Decide answers for one end of a connection.
	Decide(Query) Decision
	// DefaultDeny names the policies that isolate every pod of a namespace,
	// also tomorrow's, in one direction. Unsure tells that a policy which could
	// do so is not wholly understood or not readable.
	DefaultDeny(namespace string, d Direction) (by []PolicyRef, unsure string)
	// Partly names the policies that are not wholly understood, and why; those
	// that Cilium would reject are among them, marked as having no effect.
	Partly() []Partly
}

// A Query asks whether the subject may talk to the peer (egress) or be talked
// to by it (ingress). Port is the destination port at the backend, after any
// Service translation; for ICMP it is the type.
type Query struct {
	Direction Direction
	Subject   *Peer
	Peer      *Peer
	Protocol  Protocol
	Port      uint16
	HTTP      *HTTP  // the request, if one is asked about; gRPC is HTTP with the path /package.Service/Method
	DNS       string // the name asked for, if a DNS query is asked about
	SNI       string // the server name that a TLS connection asks for, if that is asked about
}

// HTTP is a request as a proxy sees it.
type HTTP struct {
	Method  string            `json:"method,omitempty"`
	Path    string            `json:"path,omitempty"` // with its query string
	Host    string            `json:"host,omitempty"` // with its port, if the client sends one
	Headers map[string]string `json:"headers,omitempty"`
}

// Answer is what the declared policies say.
type Answer string

// Answers.
const (
	Allow        Answer = "allow"
	Deny         Answer = "deny"
	Undetermined Answer = "undetermined" // it can't be known; Decision.Why says what is missing
)

// Reason is the kind of rule that decided.
type Reason string

// Reasons.
const (
	AllowedByRule Reason = "allowed-by-rule"
	DeniedByRule  Reason = "denied-by-rule"
	DefaultDenied Reason = "default-deny"
	NotIsolated   Reason = "not-isolated"
	L7Denied      Reason = "l7-denied"     // allowed as far as the proxy, which refuses
	AuthRequired  Reason = "auth-required" // a rule allows it and asks for an authentication that always fails
	LocalHost     Reason = "local-host"    // a node may always reach its own pods
	Unknown       Reason = "unknown"
)

// A Decision is an answer with those who gave it.
type Decision struct {
	Answer   Answer
	Reason   Reason
	Policies []PolicyRef // the allowing ones, the denying ones, or for a default deny the isolating ones; ordered
	L7       bool        // a proxy decides on: the answer holds as far as it, or, where the query asks about a request, for that request
	Why      string      // of an undetermined answer; of a default deny, which rule may deny too
}

// PolicyRef names a policy, and the rule in it that took part.
type PolicyRef struct {
	Ref
	Rule     string  `json:"rule,omitempty"` // such as ingress[0] or specs[1].egressDeny[2]; "" for the policy as a whole
	Location Source  `json:"location,omitzero"`
	Object   *Object `json:"-"`
}

// Partly is a policy that is not wholly understood.
type Partly struct {
	Ref
	Why      string
	NoEffect bool   // Cilium rejects it: it does nothing at all
	Source   Source // where it was read from
}
