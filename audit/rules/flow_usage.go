package rules

import (
	"net/netip"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// A usage is what one rule of one policy was seen to allow.
type usage struct {
	ports map[portKey]bool
	peers map[peerKey]bool
}

type portKey struct {
	proto audit.Protocol
	port  uint16
}

type peerKey struct {
	peer audit.Ref
	ip   netip.Addr // outside the cluster
}

// A ruleKey names one rule of one policy.
type ruleKey struct {
	policy audit.Ref
	rule   string
}

// usages tells what each rule was seen to allow, and whether that is all that it
// allowed. A rule is used though others would have allowed the same.
func usages(p *audit.Pass) (used map[ruleKey]*usage, enough bool) {
	u := audit.Shared(p, sharedUsages{}, gatherUsages)
	return u.of, u.enough
}

type allUsages struct {
	of     map[ruleKey]*usage
	enough bool
}

func gatherUsages(p *audit.Pass) *allUsages {
	if watched(p) {
		of, enough := usedEver(p)
		return &allUsages{of, enough}
	}
	used := map[ruleKey]*usage{}
	for i := range p.Judgement.Ends {
		if v := &p.Judgement.Ends[i]; v.Outcome == audit.Used && v.Decision.Reason == audit.AllowedByRule {
			for _, r := range v.Decision.Policies {
				use(used, ruleKey{r.Ref, r.Rule}, v.Conversation, v.Other())
			}
		}
	}
	return &allUsages{used, false}
}

// usedEver tells it of all that was carried, whether the connection was opened
// in the window or before, and whether every end could be decided.
func usedEver(p *audit.Pass) (map[ruleKey]*usage, bool) {
	out, decided := map[ruleKey]*usage{}, true
	for i := range p.Conversations {
		c := &p.Conversations[i]
		if c.Verdict == audit.Dropped || c.Event == audit.L7 || c.IsNoise() {
			continue
		}
		for _, d := range both() {
			subject, other := &c.From, &c.To
			if d == audit.Ingress {
				subject, other = other, subject
			}
			if !subject.IsPod() {
				continue
			}
			switch a := p.Engine.Decide(audit.Query{Direction: d, Subject: subject, Peer: other, Protocol: c.Protocol, Port: c.Port}); {
			case a.Answer == audit.Undetermined:
				decided = false
			case a.Reason == audit.AllowedByRule:
				for _, r := range a.Policies {
					use(out, ruleKey{r.Ref, r.Rule}, c, other)
				}
			}
		}
	}
	return out, decided
}

func use(out map[ruleKey]*usage, k ruleKey, c *audit.Conversation, other *audit.Peer) {
	u := out[k]
	if u == nil {
		u = &usage{map[portKey]bool{}, map[peerKey]bool{}}
		out[k] = u
	}
	u.ports[portKey{c.Protocol, c.Port}] = true
	pk := peerKey{peer: other.Ref()}
	if other.IsWorld() {
		pk.ip = other.IP
	}
	u.peers[pk] = true
}

// eachAllow calls do with every rule of pods' policies that allows and is
// understood, system namespaces left out.
func eachAllow(p *audit.Pass, do func(policy.Rule)) {
	for _, s := range specs(p) {
		ref := s.Policy()
		if s.Host() || p.IsSystem(ref.Namespace) || s.Unsure() != "" {
			continue
		}
		for _, d := range both() {
			for _, r := range s.Rules(d) {
				if r.Allows() && r.Unsure() == "" && !r.Nobody() && r.Policy().Rule != "" {
					do(r)
				}
			}
		}
	}
}

// watched tells whether the window is such that what was not seen in it means
// something.
func watched(p *audit.Pass) bool {
	long, whole := p.Seen().Conclusive()
	return long && whole
}

// inForce tells whether a policy was in force, as it is, all the window long. One
// without times is of a repository and taken to have been.
func inForce(p *audit.Pass, o *audit.Object) bool {
	return o == nil || !o.Created.After(p.Since) && !o.Changed.After(p.Since)
}
