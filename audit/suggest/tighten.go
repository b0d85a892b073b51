package suggest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

var (
	errUnused  = errors.New("nothing used the rule while flows were observed: if nobody needs it, take it away")
	errRewrote = errors.New("another change has rewritten the rule; apply that, and look again")
	errOthers  = errors.New("the policy is not one whose rules can be replaced in place")
)

// A looseness is the rules of one policy that allow more than is needed, and
// what was carried by each.
type looseness struct {
	*work
	f     *audit.Finding
	o     *audit.Object // as it is declared by now
	rules []any         // all of the direction
	at    []int         // those that allow too much
	used  map[int][]question
	all   []question // all that was carried where the policy holds
}

// tighten replaces rules that allow too much by what was observed to be needed.
func (w *work) tighten(f *audit.Finding) (*proposal, error) {
	l, err := w.looseness(f)
	if l == nil || err != nil {
		return nil, err
	}
	if len(l.used) == 0 {
		return nil, errUnused
	}
	next := map[int][]any{}
	var notes []string
	for _, i := range l.at {
		rules, note, err := l.narrowed(i)
		if err != nil {
			return nil, err
		}
		next[i], notes = rules, append(notes, note)
	}
	return l.prove(next, slices.Compact(notes))
}

// takeAway takes away rules that nothing used.
func (w *work) takeAway(f *audit.Finding) (*proposal, error) {
	l, err := w.looseness(f)
	if l == nil || err != nil {
		return nil, err
	}
	if len(l.used) > 0 {
		return nil, errors.New("the rule was used by what was opened before flows were observed")
	}
	return l.prove(map[int][]any{}, []string{"ask the owner first: what happens once a quarter, or in a disaster only, was not seen"})
}

// looseness finds the rules that a finding is about, and their use; nil if an
// earlier change has replaced them.
func (w *work) looseness(f *audit.Finding) (*looseness, error) {
	l := &looseness{work: w, f: f, o: w.declared(f.Subject), used: map[int][]question{}}
	if l.o == nil || l.o.Kind != kubernetes && !ciliums(l.o.Kind) {
		return nil, errOthers
	}
	if err := w.enough(l.o); err != nil {
		return nil, err
	}
	l.rules = rulesIn(l.o, f.Direction)
	for _, ref := range f.Policies {
		i, err := l.find(ref)
		switch {
		case err != nil:
			return nil, err
		case i >= 0 && !slices.Contains(l.at, i):
			l.at = append(l.at, i)
		}
	}
	slices.Sort(l.at)
	switch {
	case len(l.at) > 0:
		return l, l.use()
	case len(w.broad(l.o, f.Direction)) > 0:
		return nil, errRewrote
	}
	return nil, nil
}

// rulesIn are the rules of one direction as they are written.
func rulesIn(o *audit.Object, d audit.Direction) []any {
	rules, _ := sub(o.Raw["spec"], string(d)).([]any)
	return rules
}

// find is where a rule stands by now, since earlier changes may have moved it;
// -1 if it is gone.
func (l *looseness) find(ref audit.PolicyRef) (int, error) {
	i, ok := place(ref.Rule, string(l.f.Direction))
	if !ok {
		return 0, errOthers
	}
	was := l.rules
	if ref.Object != nil {
		was = rulesIn(ref.Object, l.f.Direction)
	}
	if i >= len(was) {
		return 0, errOthers
	}
	if i < len(l.rules) && reflect.DeepEqual(l.rules[i], was[i]) {
		return i, nil
	}
	return slices.IndexFunc(l.rules, func(r any) bool { return reflect.DeepEqual(r, was[i]) }), nil
}

// use asks by which rule each thing passed that was carried.
func (l *looseness) use() error {
	l.all = l.carried(l.o.Namespace, l.f.Direction)
	l.spend(len(l.all))
	for _, q := range l.all {
		d := l.engine.Decide(q.Query)
		if d.Answer == audit.Undetermined {
			return fmt.Errorf("whether it is needed for %s with %s can't be told: %s", q.subject(), q.peer(), d.Why)
		}
		if d.Reason != audit.AllowedByRule {
			continue
		}
		for _, ref := range d.Policies {
			if i, ok := place(ref.Rule, string(l.f.Direction)); ok && ref.Ref == l.o.Ref && slices.Contains(l.at, i) {
				l.used[i] = append(l.used[i], q)
			}
		}
	}
	return nil
}

// prove tries the policy with other rules in the place of those that allow too
// much: nothing that was carried may break, nothing may open, and none of them
// may be as wide as before.
func (l *looseness) prove(next map[int][]any, notes []string) (*proposal, error) {
	var rules []any
	for i, r := range l.rules {
		if !slices.Contains(l.at, i) {
			rules = append(rules, r)
			continue
		}
		for _, n := range next[i] {
			if !slices.ContainsFunc(rules, func(o any) bool { return reflect.DeepEqual(o, n) }) {
				rules = append(rules, n)
			}
		}
	}
	o := revised(l.o, func(spec map[string]any) bool { return replaceRules(spec, l.f.Direction, rules, l.o.Kind) })
	if o == nil {
		return nil, errOthers
	}
	t, err := l.try([]*audit.Object{o}, func(audit.Ref, audit.Ref, *audit.Query) bool { return false })
	if err != nil {
		return nil, err
	}
	if err := l.holds(t); err != nil {
		return nil, err
	}
	notes = append([]string{"what was not seen in the thirty days and more that flows cover is denied then"}, notes...)
	return t.proposal(strings.Join(slices.DeleteFunc(notes, func(n string) bool { return n == "" }), "; ")), nil
}

// holds tells whether all that was carried still is, and nothing else.
func (l *looseness) holds(t *trial) error {
	t.broken = append(t.broken, l.broken(t)...)
	switch {
	case len(t.broken) > 0:
		q := &t.broken[0]
		return fmt.Errorf("the change that was tried would break %s with %s on %s", q.subject(), q.peer(), audit.PortName(q.Protocol, q.Port))
	case len(t.opens) > 0:
		return fmt.Errorf("the change that was tried would open more: %s", strings.Join(t.opens.lines(), "; "))
	}
	before, left := l.broad(l.o, l.f.Direction), 0
	for i := range before {
		if !slices.Contains(l.at, i) {
			left++
		}
	}
	after := *t.w
	after.engine = t.after
	if len(after.broad(t.objects[0], l.f.Direction)) > left {
		return errSame
	}
	return nil
}

// broken are what was carried and would not be any more, or no more by a proxy's leave.
func (l *looseness) broken(t *trial) []question {
	l.spend(2 * len(l.all))
	var out []question
	for _, q := range l.all {
		before, after := l.engine.Decide(q.Query), t.after.Decide(q.Query)
		if before.Answer == audit.Allow && (after.Answer != audit.Allow || after.L7 != before.L7) {
			out = append(out, q)
		}
	}
	return out
}

// replaceRules sets the rules of a direction. What isolated before isolates still,
// though no rule be left.
func replaceRules(spec map[string]any, d audit.Direction, rules []any, kind string) bool {
	switch {
	case len(rules) > 0:
		spec[string(d)] = rules
	case ciliums(kind):
		spec[string(d)] = []any{map[string]any{}} // allows nothing, and isolates
	default:
		if spec["policyTypes"] == nil {
			types := []any{"Ingress"}
			if others, _ := spec["egress"].([]any); len(others) > 0 {
				types = append(types, "Egress")
			}
			spec["policyTypes"] = types
		}
		delete(spec, string(d))
	}
	return true
}
