package audit

import "time"

// A Score is what is known of one namespace, layer by layer.
type Score struct {
	Namespace     string `json:"namespace"`
	Owner         string `json:"owner,omitempty"`
	System        bool   `json:"system,omitempty"`
	Admission     Layer  `json:"admission"`
	Network       Layer  `json:"network"` // layers 3 and 4
	L7            Layer  `json:"l7"`
	Observability Layer  `json:"observability"`
}

// A Layer is one layer of enforcement in one namespace.
type Layer struct {
	State    LayerState `json:"state"`
	Newest   time.Time  `json:"newest,omitzero"` // of the evidence
	Why      string     `json:"why"`             // one line
	Findings int        `json:"findings,omitempty"`
}

// LayerState says how much is known to hold.
type LayerState string

// States of a layer, from the least to the most. Contradicted beats all.
const (
	NotCovered LayerState = "not covered" // nothing is declared, or nothing can be seen
	DeclaredOK LayerState = "declared"    // written down; whether it is enforced was not seen
	Enforced   LayerState = "enforced"    // seen to be in force, though not put to the test
	ProvenOK   LayerState = "proven"      // seen refusing what is denied, and carrying only what is allowed
	Disproved  LayerState = "contradicted"
)

// An Exercise says whether real traffic has used one rule of one policy.
type Exercise struct {
	PolicyRef
	Effect        string    `json:"effect"` // allow, deny or isolate
	Exercised     bool      `json:"exercised"`
	Conversations int       `json:"conversations"`
	Connections   uint64    `json:"connections"`
	Last          time.Time `json:"last,omitzero"`
	By            []string  `json:"by,omitempty"` // some of the conversations: from, to, port
}

// An Edge is all that was seen, or is declared, between two workloads on one port.
type Edge struct {
	From        Ref       `json:"from"`
	To          Ref       `json:"to"`
	Protocol    Protocol  `json:"protocol"`
	Port        uint16    `json:"port"`
	State       EdgeState `json:"state"`
	Egress      EdgeEnd   `json:"egress"`
	Ingress     EdgeEnd   `json:"ingress"`
	Connections uint64    `json:"connections,omitempty"`
	Flows       uint64    `json:"flows,omitempty"`
	First       time.Time `json:"first,omitzero"`
	Last        time.Time `json:"last,omitzero"`
	Samples     []Sample  `json:"samples,omitempty"`
	Findings    []string  `json:"findings,omitempty"` // fingerprints
}

// EdgeState is what becomes of a connection.
type EdgeState string

// States of an edge.
const (
	EdgeCarried      EdgeState = "carried"      // allowed, and carried
	EdgeRefused      EdgeState = "refused"      // denied, and dropped
	EdgeContradicted EdgeState = "contradicted" // denied, and carried
	EdgeUnjudged     EdgeState = "unjudged"     // carried, and held against nothing
	EdgeUnseen       EdgeState = "unseen"       // allowed by a rule that names both ends, and never seen
)

// An EdgeEnd is what one end decides.
type EdgeEnd struct {
	Answer   Answer      `json:"answer,omitempty"` // "" if it has no say: no pod of ours
	Reason   Reason      `json:"reason,omitempty"`
	Policies []PolicyRef `json:"policies,omitempty"`
	Outcome  Outcome     `json:"outcome,omitempty"`
}

// Declared is an object as it was declared, without status and managed fields.
// Of objects that are not policies only the metadata is kept.
type Declared struct {
	Ref
	APIVersion string         `json:"apiVersion"`
	Source     Source         `json:"source,omitzero"`
	Manifest   map[string]any `json:"manifest"`
}
