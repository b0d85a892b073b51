package explain

import (
	"cmp"
	"slices"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// Considered is a rule that is about the end which decides, and which parts of
// it fit: yes, no or maybe.
type Considered struct {
	audit.PolicyRef
	Deny  bool   `json:"deny,omitempty"`
	Pass  bool   `json:"pass,omitempty"`
	Match string `json:"match"`
	Peer  string `json:"peer"`
	Port  string `json:"port"`
	L7    string `json:"l7,omitempty"`
	Why   string `json:"why,omitempty"`
}

// maxConsidered is how many rules are named that did not decide.
const maxConsidered = 5

// consider tells the rules that decided from those that came close, the closest
// first.
func consider(e *policy.Engine, q audit.Query, s *Side) (matched, close []Considered) {
	matched, close = []Considered{}, []Considered{}
	for _, r := range e.Consider(q) {
		c := Considered{located(r.PolicyRef), r.Deny, r.Pass, r.Match, r.Peer, r.Port, r.L7, r.Why}
		decided := func(p audit.PolicyRef) bool { return p.Ref == c.Ref && p.Rule == c.Rule }
		switch {
		case c.Rule != "" && slices.ContainsFunc(s.Policies, decided):
			matched = append(matched, c)
		case s.Verdict != audit.Allow || c.Deny:
			close = append(close, c)
		}
	}
	slices.SortStableFunc(close, func(a, b Considered) int { return cmp.Compare(b.closeness(), a.closeness()) })
	return matched, close[:min(maxConsidered, len(close))]
}

// closeness ranks a rule by how much of it fits.
func (c *Considered) closeness() int {
	n := 0
	for _, part := range []string{c.Match, c.Peer, c.Port, c.L7} {
		switch part {
		case "yes":
			n += 2
		case "maybe":
			n++
		}
	}
	return n
}

// effect is what the rule would do.
func (c *Considered) effect() string {
	s := "would allow"
	switch {
	case c.Deny:
		s = "would deny"
	case c.Pass:
		s = "would pass on"
	}
	if c.Match == "yes" {
		s += ", and is outweighed"
	}
	return s
}

// located is a policy with where it was read.
func located(p audit.PolicyRef) audit.PolicyRef {
	if p.Object != nil && p.Location == (audit.Source{}) {
		p.Location = p.Object.Source
	}
	return p
}
