package audit

import (
	"slices"
	"time"
)

// An Outliner is an engine that also tells what there is to decide by.
type Outliner interface {
	// Outline lists every rule of every policy, and each policy that isolates, in
	// order.
	Outline() []RuleOutline
	// Isolates names the policies that isolate a subject in one direction. If
	// there is none, unsure says why it may be isolated all the same.
	Isolates(subject *Peer, d Direction) (by []PolicyRef, unsure string)
	// PodPeer is the end that a declared pod is.
	PodPeer(*Pod) Peer
}

// A RuleOutline is one rule of one policy, or what a policy isolates as a whole.
type RuleOutline struct {
	PolicyRef
	Effect    Effect
	Direction Direction
	Subjects  string // whom it is about, in words
	L7        bool   // it leaves something to a proxy
	Ports     []PortOutline
	Selects   func(*Peer) bool // it is certain to be about the end; nil if it has no effect
	Reaches   func(*Peer) bool // it is certain to name the end; nil where it names nobody
	Within    []string         // namespaces, in order, beside whose pods it names nobody; nil if that can't be told
	NoEffect  bool             // the policy does nothing at all; Doubt says why
	Doubt     string           // why the policy is not wholly understood
}

// PortOutline is a single port that a rule names, by number or by name.
type PortOutline struct {
	Protocol Protocol
	Port     uint16
	Name     string
}

// Effect is what a rule does to what it is about.
type Effect string

// Effects.
const (
	EffectAllow   Effect = "allow"
	EffectDeny    Effect = "deny"
	EffectPass    Effect = "pass" // leaves the decision to another tier, so it decides nothing itself
	EffectIsolate Effect = "isolate"
)

// An Exercise says whether real traffic has used one rule of one policy: an
// allowance that carried, a denial that dropped, an isolation by which something
// was dropped that no rule allows.
type Exercise struct {
	PolicyRef
	Effect        Effect    `json:"effect"`              // "" of a policy that is listed as a whole
	Direction     Direction `json:"direction,omitempty"` // which end it decides at
	Subjects      string    `json:"subjects,omitempty"`  // whom it is about, in words
	Exercised     bool      `json:"exercised"`
	Conversations int       `json:"conversations"` // pairs of ends and ports
	Connections   uint64    `json:"connections"`   // at least
	Last          time.Time `json:"last,omitzero"`
	By            []string  `json:"by,omitempty"`       // some of the conversations: from, to, port
	NoEffect      bool      `json:"noEffect,omitempty"` // the policy does nothing at all
	Note          string    `json:"note,omitempty"`     // why it has no effect, or is not wholly understood
}

// Counts tells whether the rule can be exercised at all.
func (x *Exercise) Counts() bool { return !x.NoEffect && x.Effect != "" && x.Effect != EffectPass }

// mostBy is how many conversations are named for a rule.
const mostBy = 3

// ruleKey names a rule, or what a policy isolates in one direction.
type ruleKey struct {
	ref       Ref
	rule      string
	direction Direction
}

// An exercising is an exercise in the making.
type exercising struct {
	object *Object
	tally  tally
	seen   map[int32]bool // pairs by number
	some   []between      // the first few in order
}

// exercise compares what is declared with what was used of it.
func exercise(outline []RuleOutline, j *Judgement) []Exercise {
	by := map[ruleKey]*exercising{}
	for i := range outline {
		if o := &outline[i]; !o.NoEffect {
			by[ruleKey{o.Ref, o.Rule, o.Direction}] = &exercising{object: o.Object, seen: map[int32]bool{}}
		}
	}
	if j != nil {
		for i := range j.Ends {
			v := &j.Ends[i]
			if v.Outcome != Used && v.Outcome != Proven && v.Outcome != Refused {
				continue
			}
			for _, p := range v.Decision.Policies {
				if x := by[ruleKey{p.Ref, p.Rule, v.End}]; x != nil && sameObject(x.object, p.Object) {
					x.add(v)
				}
			}
		}
	}
	out := make([]Exercise, 0, len(outline))
	for i := range outline {
		o := &outline[i]
		x := Exercise{PolicyRef: o.PolicyRef, Effect: o.Effect, Direction: o.Direction, Subjects: o.Subjects, NoEffect: o.NoEffect, Note: o.Doubt}
		if o.Object != nil {
			x.Location = o.Object.Source
		}
		if e := by[ruleKey{o.Ref, o.Rule, o.Direction}]; e != nil && !o.NoEffect {
			e.fill(&x)
		}
		out = append(out, x)
	}
	return out
}

// sameObject tells whether a decision was made by the object that is declared
// now, rather than by a former one of its name.
func sameObject(now, then *Object) bool {
	return now == then || now == nil || then == nil ||
		now.UID != "" && now.UID == then.UID && now.Generation != 0 && now.Generation == then.Generation
}

func (x *exercising) add(v *Judged) {
	x.tally.add(v.Conversation)
	if x.seen[v.pair] {
		return
	}
	x.seen[v.pair] = true
	k := pairOf(v.Conversation)
	at, _ := slices.BinarySearchFunc(x.some, k, between.compare)
	if at < mostBy {
		x.some = slices.Insert(x.some, at, k)
		x.some = x.some[:min(len(x.some), mostBy)]
	}
}

func (x *exercising) fill(to *Exercise) {
	to.Conversations, to.Exercised = len(x.seen), len(x.seen) > 0
	to.Connections, to.Last = x.tally.connections(), x.tally.last
	for _, k := range x.some {
		to.By = append(to.By, k.String())
	}
}

// Exercised is how many rules of policies real traffic has used, of those that it
// could use.
func (r *Report) Exercised() (used, of int) {
	for i := range r.PolicyCoverage {
		if x := &r.PolicyCoverage[i]; x.Counts() {
			of++
			if x.Exercised {
				used++
			}
		}
	}
	return used, of
}
