package audit

import (
	"slices"
	"strings"
	"time"
)

// An exemption is how much of a rule PolicyExceptions take away in a namespace.
type exemption uint8

const (
	untouched exemption = iota
	inPart              // or perhaps all: by name, labels, conditions or CEL
	wholly
)

// mostListed bounds what is compared one by one: of longer lists it is not told
// how much they take away.
const mostListed = 200

// exceptions lists the PolicyExceptions that name a policy and have not ended.
func (g *scoring) exceptions(policy *Object) []*Object {
	cel := isCEL(policy)
	return slices.DeleteFunc(slices.Clone(g.Kyverno), func(o *Object) bool {
		spec := sub(o.Raw, "spec")
		switch {
		case o.Kind != "PolicyException" || isCEL(o) != cel:
			return true
		case cel:
			end, err := time.Parse(time.RFC3339, word(spec, "expiresAt"))
			return err == nil && end.Before(g.newest()) ||
				!slices.ContainsFunc(subs(spec, "policyRefs"), func(r map[string]any) bool { return word(r, "kind") == policy.Kind && word(r, "name") == policy.Name })
		}
		return !slices.ContainsFunc(subs(spec, "exceptions"), func(e map[string]any) bool {
			return word(e, "policyName") == strings.TrimPrefix(policy.Namespace+"/"+policy.Name, "/")
		})
	})
}

func isCEL(o *Object) bool { return strings.HasPrefix(o.APIVersion, "policies.kyverno.io/") }

// newest is the newest time that is known.
func (g *scoring) newest() time.Time {
	at := g.At
	if g.Traffic != nil && g.Until.After(at) {
		at = g.Until
	}
	return at
}

// exempted tells what exceptions leave of the policy in a namespace: of one rule, or
// of the whole of a policy of policies.kyverno.io, whose exceptions say in CEL
// what they are for.
func (p *admissionPolicy) exempted(rule map[string]any, ns *Namespace) exemption {
	if p.rules != nil {
		return p.exemptedRule(rule, ns)
	}
	left := untouched
	for _, o := range p.exceptions {
		spec := sub(o.Raw, "spec")
		if len(subs(spec, "matchConditions"))+len(words(spec, "images"))+len(words(spec, "allowedValues")) == 0 {
			return wholly
		}
		left = inPart
	}
	return left
}

// exemptedRule takes a rule to be exempted wholly if each kind that it is about is.
func (p *admissionPolicy) exemptedRule(rule map[string]any, ns *Namespace) exemption {
	kinds := kindsOf(sub(rule, "match"))
	switch {
	case len(p.exceptions) == 0:
		return untouched
	case len(kinds) > mostListed:
		return inPart
	}
	gone, touched := 0, false
	for _, k := range kinds {
		most := untouched
		for _, o := range p.exceptions {
			if exceptsRule(o, word(rule, "name"), p.object) {
				most = max(most, takes(o, k, ns))
			}
		}
		touched = touched || most != untouched
		if most == wholly {
			gone++
		}
	}
	switch {
	case len(kinds) > 0 && gone == len(kinds):
		return wholly
	case touched:
		return inPart
	}
	return untouched
}

func kindsOf(block map[string]any) []string {
	kinds := words(sub(block, "resources"), "kinds")
	for _, f := range append(subs(block, "any"), subs(block, "all")...) {
		kinds = append(kinds, words(sub(f, "resources"), "kinds")...)
	}
	return kinds
}

func exceptsRule(o *Object, rule string, policy *Object) bool {
	return slices.ContainsFunc(subs(sub(o.Raw, "spec"), "exceptions"), func(e map[string]any) bool {
		return word(e, "policyName") == strings.TrimPrefix(policy.Namespace+"/"+policy.Name, "/") && slices.ContainsFunc(words(e, "ruleNames"), wild(rule))
	})
}

// takes tells how much of one kind in a namespace an exception of kyverno.io is
// for.
func takes(o *Object, kind string, ns *Namespace) exemption {
	spec := sub(o.Raw, "spec")
	match := sub(spec, "match")
	some, all := subs(match, "any"), subs(match, "all")
	if len(some)+len(all) > mostListed {
		return inPart
	}
	most := untouched
	for _, f := range some {
		most = max(most, filterTakes(f, kind, ns))
	}
	if len(some) == 0 && len(all) > 0 {
		most = wholly
		for _, f := range all {
			most = min(most, filterTakes(f, kind, ns))
		}
	}
	if spec["conditions"] != nil || len(subs(spec, "podSecurity")) > 0 {
		most = min(most, inPart)
	}
	return most
}

// filterTakes looks at kinds and namespaces; what else a filter has narrows it.
func filterTakes(f map[string]any, kind string, ns *Namespace) exemption {
	res := sub(f, "resources")
	kinds, named := words(res, "kinds"), words(res, "namespaces")
	short := kind[strings.LastIndexByte(kind, '/')+1:]
	switch {
	case len(res) == 0:
		return untouched
	case len(kinds) > mostListed || len(named) > mostListed:
		return inPart
	case len(kinds) > 0 && !slices.Contains(kinds, kind) && !slices.Contains(kinds, short) && !slices.Contains(kinds, "*"):
		return untouched
	case len(named) > 0 && !slices.ContainsFunc(named, wild(ns.Name)), !labelsFit(sub(res, "namespaceSelector"), ns.Labels):
		return untouched
	}
	for k := range res {
		if k != "kinds" && k != "namespaces" && k != "namespaceSelector" {
			return inPart
		}
	}
	if f["subjects"] != nil || f["roles"] != nil || f["clusterRoles"] != nil {
		return inPart
	}
	return wholly
}
