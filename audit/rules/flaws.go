package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// flaws are what one rule finds wrong with how policies are written. All that
// it finds in one direction of one policy is one finding.
type flaws map[flawed][]flaw

type flawed struct {
	policy    audit.Ref
	direction audit.Direction
}

// A flaw is one place in a policy, and what is wrong there.
type flaw struct {
	audit.PolicyRef
	what string // one line of evidence
}

func (f flaws) add(ref audit.PolicyRef, d audit.Direction, what string) {
	k := flawed{ref.Ref, d}
	f[k] = append(f[k], flaw{ref, what})
}

// report makes the findings, in order. Say gives the message, in which places
// are the rules concerned, and what to do; "" is what the rule always says.
func (f flaws) report(p *audit.Pass, say func(k flawed, places string) (message, fix string)) {
	order := func(a, b flawed) int {
		return cmp.Or(a.policy.Compare(b.policy), cmp.Compare(a.direction, b.direction))
	}
	for _, k := range slices.SortedFunc(maps.Keys(f), order) {
		out := audit.Finding{Subject: k.policy, Direction: k.direction}
		var places []string
		for _, one := range f[k] {
			out.Policies = append(out.Policies, one.PolicyRef)
			if one.Rule != "" {
				places = append(places, one.Rule)
			}
			if one.what != "" {
				out.Evidence = append(out.Evidence, audit.Evidence{What: one.what})
			}
		}
		out.Policies = slices.CompactFunc(out.Policies, func(a, b audit.PolicyRef) bool { return a.Ref == b.Ref && a.Rule == b.Rule })
		out.Message, out.Fix = say(k, some(slices.Compact(places)))
		p.Report(out)
	}
}

// at is a rule with the place it has in the policy, for a line of evidence.
func at(ref audit.PolicyRef, what string) string {
	if ref.Rule == "" {
		return what
	}
	return ref.Rule + ": " + what
}

// some joins what is worth naming.
func some(words []string) string {
	const most = 4
	switch n := len(words); {
	case n > most:
		return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), n-most)
	case n > 1:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

// owners names the workloads of members, each once.
func owners(ms []*member) string {
	var out []string
	for _, m := range ms {
		out = append(out, m.owner.String())
	}
	slices.Sort(out)
	return some(slices.Compact(out))
}

// both are the directions, in the order in which they are told.
func both() []audit.Direction { return []audit.Direction{audit.Ingress, audit.Egress} }

// marked tells whether an object or its namespace carries this annotation with
// the value true.
func marked(p *audit.Pass, o *audit.Object, annotation string) bool {
	if o == nil {
		return false
	}
	if o.Annotations[annotation] == "true" {
		return true
	}
	ns := p.Namespace(o.Namespace)
	return ns != nil && ns.Annotations[annotation] == "true"
}
