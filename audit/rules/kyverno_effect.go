package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// An effect is what a validating rule of a kyverno.io policy does in the
// namespaces that exist and that it may be about.
type effect struct {
	audited   []string            // namespaces in which its action is Audit
	excepted  map[string][]string // exceptions → namespaces that they take away from it
	by        []*audit.Object     // those exceptions
	byDefault bool                // its action is Audit where no override says otherwise
	enforced  bool                // it blocks in some namespace
	nowhere   bool                // what is excepted is excepted in every namespace there may be
	undecided bool                // whether something is excepted in a namespace can't be told
}

func effectOf(p *audit.Pass, o *audit.Object, rule map[string]any) effect {
	spec := child(o.Raw, "spec")
	exceptions := exceptionsFrom(p, audit.PolicyRef{Ref: o.Ref, Rule: text(rule, "name")})
	anywhere := audit.Namespace{Name: o.Namespace}
	e := effect{excepted: map[string][]string{}, byDefault: isAudit(actionIn(spec, rule, anywhere))}
	spaces := []audit.Namespace{anywhere}
	if overrides(spec, rule) || len(exceptions) > 0 {
		spaces = spacesOf(p, o, rule)
	}
	for _, ns := range spaces {
		m, by := exceptedIn(exceptions, kindsIn(rule, ns), ns)
		switch {
		case isAudit(actionIn(spec, rule, ns)):
			e.audited = append(e.audited, ns.Name)
		case m == yes:
			e.except(ns.Name, by)
		default:
			e.enforced = true
			e.undecided = e.undecided || m == unknown
		}
	}
	m, _ := exceptedIn(exceptions, kindsIn(rule, anywhere), anywhere)
	e.nowhere = m == yes && !e.enforced
	slices.Sort(e.audited)
	return e
}

// spacesOf lists the namespaces that exist and that a rule may be about; where
// there is none, one that has no name stands for those to come.
func spacesOf(p *audit.Pass, o *audit.Object, rule map[string]any) []audit.Namespace {
	var out []audit.Namespace
	for _, ns := range p.Namespaces {
		if p.IsSystem(ns.Name) || o.Namespace != "" && o.Namespace != ns.Name || len(kindsIn(rule, ns)) == 0 {
			continue
		}
		out = append(out, ns)
	}
	if len(out) == 0 {
		out = []audit.Namespace{{Name: o.Namespace}}
	}
	return out
}

func (e *effect) except(namespace string, by []*audit.Object) {
	var names []string
	for _, o := range by {
		names = append(names, o.String())
		if !slices.Contains(e.by, o) {
			e.by = append(e.by, o)
		}
	}
	k := strings.Join(names, " and ")
	e.excepted[k] = append(e.excepted[k], namespace)
}

// blocks tells whether the rule blocks somewhere, or would in a namespace that is
// made later.
func (e *effect) blocks() bool { return e.enforced || !e.byDefault && len(e.by) == 0 }

// lines say where the rule blocks nothing.
func (e *effect) lines() []string {
	var out []string
	switch {
	case len(e.audited) == 0:
	case e.byDefault && !e.enforced && len(e.by) == 0:
		out = append(out, "failure action Audit")
	default:
		out = append(out, "failure action Audit in "+strings.Join(e.audited, ", "))
	}
	for _, by := range slices.Sorted(maps.Keys(e.excepted)) {
		from := "from " + strings.Join(slices.Sorted(slices.Values(e.excepted[by])), ", ")
		if e.nowhere && len(e.audited) == 0 {
			from = "everywhere"
		}
		out = append(out, fmt.Sprintf("taken away %s by %s", from, by))
	}
	return out
}
