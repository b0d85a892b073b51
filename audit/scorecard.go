package audit

import "time"

// A Score is what is known of one namespace, layer by layer. Silence is never
// proof: each state but the first rests on something that was read or seen.
//
// Admission is Kyverno's matter. Not covered: no policy of Kyverno is certain to
// match the namespace. Declared: some do, but all only audit, or nothing shows
// that they are asked at admission. Enforced: one enforces, and a webhook of
// Kyverno asks it. Proven: reports say that resources of the namespace pass what
// enforces, and none fails. Contradicted: a resource fails a policy that
// enforces, or what a policy is to generate is not there.
//
// Network is layers 3 and 4. Not covered: no policy isolates any pod. Declared:
// some does. Enforced: the network's verdicts name a policy or drop by policy.
// Proven: a denial was seen dropping, or every connection that an isolated pod
// was seen to make or get was allowed by a rule, at ends whose verdicts show that
// they enforce; and nothing speaks against it. Contradicted: a finding of an
// enforce- rule. To accept such a finding does not make the layer hold.
//
// L7 is what a proxy decides. Not covered: no rule of that layer is declared.
// Declared: some is. Enforced: the proxy took part in connections, or refused
// what a rule allows. Proven: requests passed that a rule allows, or the proxy was
// seen refusing what none does. Contradicted: a request passed that no rule
// allows, or there is a finding of high severity of an l7- rule.
//
// Observability is whether any of this could be seen. Not covered: nothing of the
// namespace was heard. Enforced: something was, or flows were lost. Proven: all
// its workloads were heard, all nodes answered and nothing was lost.
type Score struct {
	Namespace     string `json:"namespace"`
	Owner         string `json:"owner,omitempty"`
	System        bool   `json:"system,omitempty"`
	Workloads     int    `json:"workloads"` // with pods that policy can isolate
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
