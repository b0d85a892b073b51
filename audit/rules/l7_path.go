package rules

import (
	"fmt"
	"strings"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// PathFullMatch finds HTTP paths that were meant as prefixes, and refuse what
// lies below them.
var PathFullMatch = &audit.Rule{
	ID: "SEG501", Name: "l7-path-fullmatch", Severity: audit.High, Needs: audit.Policies | audit.Flows,
	Doc: audit.Doc{
		Title: "An HTTP path matches only itself, and requests below it are refused",
		Why: "Cilium's `path` is an expression that must match the whole path, query string included: `/api/v1/` allows just that and not `/api/v1/users`. " +
			"Clients get 403, though the rule reads as if it allowed them.",
		Fix:   "Append `.*` to the path: `/api/v1/.*`. Where only the query string differs, `/status(\\?.*)?` does.",
		Blind: "Needs Hubble's HTTP flows, so a proxy on the way. Clients that are meant to be refused below the path look the same. Paths that Hubble redacts, and rules with headers, can't be held against requests.",
	},
	References: []string{"NIST 800-53 CM-6"},
	Check: func(p *audit.Pass) {
		found := flaws{}
		for _, r := range refusedBelow(p) {
			found.add(r.ref, r.direction, at(r.ref, fmt.Sprintf("path %s; refused was %s %s", r.path, r.request.Method, r.request.Path)))
		}
		found.report(p, func(k flawed, places string) (string, string) {
			return fmt.Sprintf("%s of %s refuses requests below a path that matches only itself (%s)", k.direction, k.policy.Name, places), ""
		})
	},
}

// PathPrefixSuspect finds HTTP paths that look as if they were meant as prefixes.
var PathPrefixSuspect = &audit.Rule{
	ID: "SEG502", Name: "l7-path-prefix-suspect", Severity: audit.Low, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "An HTTP path looks like a prefix, and matches only itself",
		Why:   "A path that ends in a slash, or begins with `^` and has no end, is mostly written by somebody who means all that begins so. Cilium compares the whole path: nothing below it is allowed.",
		Fix:   "Append `.*` if what lies below is meant; write `$` at the end if not, and this is not asked again.",
		Blind: "Nothing refused was seen: with HTTP flows that show it, `l7-path-fullmatch` reports it instead; while flows are lost it is withheld, since they might.",
	},
	References: []string{"NIST 800-53 CM-6"},
	Check:      prefixSuspect,
}

func prefixSuspect(p *audit.Pass) {
	seen := map[pathKey]bool{}
	if p.Traffic != nil {
		for _, r := range refusedBelow(p) {
			seen[r.pathKey()] = true
		}
	}
	found := flaws{}
	eachRequest(p, func(r policy.Rule, q policy.RequestRule) {
		ref := r.Policy()
		switch {
		case !looksLikePrefix(q.Path) || seen[pathKey{ref.Ref, ref.Rule, q.Path}]:
		case p.Traffic != nil && p.Lost > 0:
			p.Withhold(1)
		default:
			found.add(ref, r.Direction(), at(ref, "path "+q.Path))
		}
	})
	found.report(p, func(k flawed, places string) (string, string) {
		return fmt.Sprintf("%s of %s has a path that looks like a prefix and matches only itself (%s)", k.direction, k.policy.Name, places), ""
	})
}

// eachRequest calls do with every HTTP rule of pods' policies in force.
func eachRequest(p *audit.Pass, do func(policy.Rule, policy.RequestRule)) {
	for _, s := range specs(p) {
		for _, d := range both() {
			for _, r := range s.Rules(d) {
				for _, q := range r.Requests() {
					do(r, q)
				}
			}
		}
	}
}

// literal is the text that an expression stands for, if it has no operators.
func literal(expr string) (string, bool) {
	s := strings.TrimSuffix(strings.TrimPrefix(expr, "^"), "$")
	return s, s != "" && !strings.ContainsAny(s, `*+?()[]{}|\^$`)
}

func looksLikePrefix(expr string) bool {
	s, ok := literal(expr)
	return ok && !strings.HasSuffix(expr, "$") && (strings.HasSuffix(s, "/") || strings.HasPrefix(expr, "^"))
}

// below tells whether a path lies below a literal one, or differs from it in the
// query string only.
func below(lit, path string) bool {
	rest, ok := strings.CutPrefix(path, lit)
	return ok && rest != "" && (strings.HasSuffix(lit, "/") || rest[0] == '/' || rest[0] == '?')
}

// A refusal is a request that a path would have let pass had it been a prefix.
type refusal struct {
	ref       audit.PolicyRef
	direction audit.Direction
	path      string // as the rule has it
	request   audit.Request
}

type pathKey struct {
	policy     audit.Ref
	rule, path string
}

func (r *refusal) pathKey() pathKey { return pathKey{r.ref.Ref, r.ref.Rule, r.path} }

// refusedBelow lists, once for each path of each rule, the first request below
// it that a proxy was seen to refuse because of the path alone.
func refusedBelow(p *audit.Pass) []*refusal {
	paths := map[ruleKey][]string{}
	eachRequest(p, func(r policy.Rule, q policy.RequestRule) {
		if _, ok := literal(q.Path); ok {
			k := ruleKey{r.Policy().Ref, r.Policy().Rule}
			paths[k] = append(paths[k], q.Path)
		}
	})
	var out []*refusal
	seen := map[pathKey]bool{}
	for i := range p.Conversations {
		c := &p.Conversations[i]
		if len(paths) == 0 || c.Event != audit.L7 || c.Verdict != audit.Dropped || c.Direction == "" {
			continue
		}
		for _, q := range c.Requests {
			for _, r := range refusals(p, c, q, paths) {
				if !seen[r.pathKey()] {
					seen[r.pathKey()] = true
					out = append(out, r)
				}
			}
		}
	}
	return out
}

// refusals holds one refused request against the rules that were asked.
func refusals(p *audit.Pass, c *audit.Conversation, q audit.Request, paths map[ruleKey][]string) []*refusal {
	if q.Kind != audit.HTTPRequest {
		return nil
	}
	var out []*refusal
	for _, ref := range decideRequest(p, c, q, q.Path).Policies {
		for _, path := range paths[ruleKey{ref.Ref, ref.Rule}] {
			lit, _ := literal(path)
			// The same request for the very path would have passed.
			if below(lit, q.Path) && decideRequest(p, c, q, lit).Answer == audit.Allow && inForceAt(ref, c) {
				out = append(out, &refusal{ref, c.Direction, path, q})
			}
		}
	}
	return out
}

func decideRequest(p *audit.Pass, c *audit.Conversation, q audit.Request, path string) audit.Decision {
	subject, other := &c.From, &c.To
	if c.Direction == audit.Ingress {
		subject, other = other, subject
	}
	d := p.Engine.Decide(audit.Query{
		Direction: c.Direction, Subject: subject, Peer: other, Protocol: audit.TCP, Port: c.Port,
		HTTP: &audit.HTTP{Method: q.Method, Path: path, Host: q.Host},
	})
	if d.Answer == audit.Deny && d.Reason != audit.L7Denied {
		d.Policies = nil
	}
	return d
}

// inForceAt tells whether a conversation went on after the policy had become
// what it is.
func inForceAt(ref audit.PolicyRef, c *audit.Conversation) bool {
	return ref.Object == nil || !c.Last.Before(ref.Object.Changed) && !c.Last.Before(ref.Object.Created)
}
