package rules

import (
	"regexp"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A place is one kind of object in one namespace, whatever its name, its labels
// and the one who asks.
type place struct {
	kind string // as a rule of Kyverno's writes it
	ns   audit.Namespace
}

// placeOf leaves out the namespace of kinds that have none: Kyverno compares them
// with the empty name.
func placeOf(kind string, ns audit.Namespace) place {
	if clusterWide(kindParts(kind)[2]) {
		ns = audit.Namespace{}
	}
	return place{kind, ns}
}

// clusterWide tells the kinds that are known to have no namespace. A namespace is
// taken by Kyverno to lie in itself.
func clusterWide(kind string) bool {
	return strings.HasPrefix(kind, "Cluster") || strings.HasPrefix(kind, "CiliumClusterwide") || strings.HasSuffix(kind, "WebhookConfiguration") ||
		slices.Contains([]string{"Node", "PersistentVolume", "CustomResourceDefinition", "StorageClass", "IngressClass", "PriorityClass", "RuntimeClass"}, kind)
}

// exceptionsFrom lists the exceptions of kyverno.io that name a rule, by its own
// name: those that Kyverno derives for the controllers of pods have their own.
func exceptionsFrom(p *audit.Pass, rule audit.PolicyRef) []*audit.Object {
	name := rule.Name
	if rule.Namespace != "" {
		name = rule.Namespace + "/" + name
	}
	var out []*audit.Object
	for _, o := range p.Kyverno {
		if o.Kind != "PolicyException" || isCEL(o) {
			continue
		}
		if slices.ContainsFunc(children(child(o.Raw, "spec"), "exceptions"), func(e map[string]any) bool {
			named := func(r string) bool { return wildcard(r, rule.Rule) }
			return text(e, "policyName") == name && slices.ContainsFunc(strs(e, "ruleNames"), named)
		}) {
			out = append(out, o)
		}
	}
	return out
}

// mostListed bounds the filters, kinds and namespaces that are compared one by one:
// who may write exceptions could make the product of the lists endless. What has more
// is undecided.
const mostListed = 200

// exceptedIn tells whether exceptions take a rule away from every kind that it is
// about in a namespace, and which do. It is unknown where that depends on names,
// labels, conditions, or on who asks.
func exceptedIn(exceptions []*audit.Object, kinds []string, ns audit.Namespace) (match, []*audit.Object) {
	switch {
	case len(kinds) == 0 || len(exceptions) == 0:
		return no, nil
	case len(kinds) > mostListed:
		return unknown, nil
	}
	all := yes
	var by []*audit.Object
	for _, k := range kinds {
		m := no
		for _, o := range exceptions {
			c := covers(o, placeOf(k, ns))
			if m = or(m, c); c == yes && !slices.Contains(by, o) {
				by = append(by, o)
			}
		}
		all = and(all, m)
	}
	return all, by
}

// covers tells whether an exception of kyverno.io is for all that there can be in
// a place (kyverno pkg/engine/utils/exceptions.go).
func covers(exception *audit.Object, at place) match {
	spec := child(exception.Raw, "spec")
	block := child(spec, "match")
	if len(children(block, "any"))+len(children(block, "all")) == 0 {
		return no
	}
	return and(at.within(block), unconditional(exception))
}

// unconditional is yes for an exception of kyverno.io from the whole of a rule, and
// unknown for one with conditions, or from some controls of it.
func unconditional(exception *audit.Object) match {
	spec := child(exception.Raw, "spec")
	if spec["conditions"] != nil || len(children(spec, "podSecurity")) > 0 {
		return unknown
	}
	return yes
}

// kindsIn lists the kinds that a rule of a kyverno.io policy may be about in a
// namespace; all of them, if they are very many.
func kindsIn(rule map[string]any, ns audit.Namespace) []string {
	block := child(rule, "match")
	var kinds []string
	for _, f := range slices.Concat(children(block, "any"), children(block, "all"), []map[string]any{block}) {
		kinds = append(kinds, strs(child(f, "resources"), "kinds")...)
	}
	slices.Sort(kinds)
	if kinds = slices.Compact(kinds); len(kinds) > mostListed {
		return kinds
	}
	return slices.DeleteFunc(kinds, func(k string) bool {
		at := placeOf(k, ns)
		m := at.within(block)
		if ex := child(rule, "exclude"); len(ex) > 0 {
			m = and(m, not(at.within(ex)))
		}
		return m == no
	})
}

// within tells whether match or exclude takes all that there can be in a place.
func (at place) within(block map[string]any) match {
	some, all := children(block, "any"), children(block, "all")
	switch {
	case len(some)+len(all) > mostListed:
		return unknown
	case len(some) > 0:
		m := no
		for _, f := range some {
			m = or(m, at.filter(f))
		}
		return m
	case len(all) > 0:
		m := yes
		for _, f := range all {
			m = and(m, at.filter(f))
		}
		return m
	}
	return at.filter(block)
}

func (at place) filter(f map[string]any) match {
	res := child(f, "resources")
	m := is(len(res) > 0)
	for _, k := range []string{"subjects", "roles", "clusterRoles"} {
		if v, ok := f[k].([]any); ok && len(v) > 0 {
			m = unknown
		}
	}
	for _, k := range sortedKeys(res) {
		m = and(m, at.field(res, k))
	}
	return m
}

// field reads one condition of a resource filter.
func (at place) field(res map[string]any, k string) match {
	list, _ := res[k].([]any)
	switch {
	case len(list) > mostListed:
		return unknown
	case k == "kinds":
		m := no
		for _, pattern := range strs(res, k) {
			m = or(m, coversKind(pattern, at.kind))
		}
		return m
	case k == "namespaces":
		return is(slices.ContainsFunc(strs(res, k), func(n string) bool { return wildcard(n, at.ns.Name) }))
	case k == "namespaceSelector" && at.kind != "Namespace" && at.kind != "v1/Namespace":
		return labelsMatch(child(res, k), at.ns.Labels)
	case isEverything(res[k]):
		return yes
	}
	return unknown
}

// coversKind tells whether one kind, as Kyverno writes it, takes in another.
func coversKind(pattern, kind string) match {
	m := yes
	of := kindParts(kind)
	for i, want := range kindParts(pattern) {
		switch {
		case want == of[i] || want == "*":
		case strings.ContainsAny(of[i], "*?"):
			m = and(m, unknown)
		default:
			m = and(m, is(wildcard(want, of[i])))
		}
	}
	return m
}

// kindParts reads group, version, kind and subresource of a kind as Kyverno does
// (kyverno pkg/utils/kube/kind.go).
func kindParts(s string) [4]string {
	parts := strings.Split(s, "/")
	last := len(parts) - 1
	parts = append(parts[:last:last], strings.Split(parts[last], ".")...)
	versioned := kindVersion.MatchString(parts[0])
	switch {
	case s == "*/*":
		return [4]string{"*", "*", "*", "*"}
	case len(parts) == 1:
		return [4]string{"*", "*", parts[0], ""}
	case len(parts) == 2 && versioned && (parts[0] != "*" || parts[1] != strings.ToLower(parts[1])):
		return [4]string{"*", parts[0], parts[1], ""}
	case len(parts) == 2:
		return [4]string{"*", "*", parts[0], parts[1]}
	case len(parts) == 3 && versioned:
		return [4]string{"*", parts[0], parts[1], parts[2]}
	case len(parts) == 3:
		return [4]string{parts[0], parts[1], parts[2], ""}
	case len(parts) == 4:
		return [4]string(parts)
	}
	return [4]string{}
}

var kindVersion = regexp.MustCompile(`^(v\d((alpha|beta)\d)?|\*)$`)
