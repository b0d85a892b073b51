package suggest

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A breadth is what of a rule is too wide.
type breadth struct{ peers, ports bool }

// broad are the rules of a policy in a direction that are about every port, or
// for the world or any pod of any namespace, by their place.
func (w *work) broad(o *audit.Object, d audit.Direction) map[int]breadth {
	strangers := w.strangers()
	anybody := &strangers[len(strangers)-1].peer
	out := map[int]breadth{}
	for _, s := range w.engine.Specs() {
		if s.Policy().Ref != o.Ref {
			continue
		}
		for _, r := range s.Rules(d) {
			i, ok := place(r.Policy().Rule, string(d))
			if !ok || !r.Allows() || r.Nobody() {
				continue
			}
			is, sure := r.Matches(anybody, anybody)
			b := out[i]
			b.peers = b.peers || is || !sure || r.World() != ""
			b.ports = b.ports || r.EveryPort()
			if b != (breadth{}) {
				out[i] = b
			}
		}
	}
	return out
}

// narrowed are the rules that stand for one: for those who used it, on the ports
// that they used, as far as it was too wide in either.
func (l *looseness) narrowed(i int) (rules []any, note string, err error) {
	rule, _ := l.rules[i].(map[string]any)
	if rule == nil {
		return nil, "", errOthers
	}
	if len(l.used[i]) == 0 {
		return nil, fmt.Sprintf("nothing used %s[%d], which is taken away", l.f.Direction, i), nil
	}
	b := l.broad(l.o, l.f.Direction)[i]
	if !b.peers {
		out, err := l.onPorts(rule, l.used[i])
		return out, "", err
	}
	var notes []string
	for _, s := range byPeer(l.used[i]) {
		r, err := l.exactly(s)
		if err != nil {
			return nil, "", err
		}
		next := without(rule, peerKeys)
		if b.ports {
			next = without(next, portKeys)
			maps.Copy(next, r.rule(l.o.Kind, l.o.Namespace))
		} else {
			maps.Copy(next, without(r.rule(l.o.Kind, l.o.Namespace), portKeys))
		}
		rules, notes = merge(rules, next), append(notes, knownAs(s.qs), r.note)
	}
	slices.Sort(notes)
	return rules, strings.Join(slices.Compact(slices.DeleteFunc(notes, func(n string) bool { return n == "" })), "; "), nil
}

// exactly is the rule for one peer that used a rule, on the ports that it used.
func (l *looseness) exactly(s *share) (*allowance, error) {
	if s.qs[0].Peer.IsWorld() && manyAddresses(s.qs) {
		return nil, errors.New("too many addresses outside the cluster used it to be named; decide by name (toFQDNs) or range")
	}
	r, err := l.keeping(l.f.Direction, s)
	if err != nil {
		return nil, fmt.Errorf("nothing keeps %s: %w", s.peer, err)
	}
	if !r.fits(l.o.Kind) {
		return nil, fmt.Errorf("a %s has no words for %s on %s, which used it", l.o.Kind, s.peer, audit.PortName(r.ports[0].proto, r.ports[0].number))
	}
	return r, nil
}

// onPorts is a rule for the same peers, on the ports that were used.
func (l *looseness) onPorts(rule map[string]any, used []question) ([]any, error) {
	var out []any
	for _, icmp := range []bool{false, true} {
		r := &allowance{direction: l.f.Direction}
		for _, q := range used {
			if p := (port{q.Protocol, q.Port, false}); isICMP(q.Protocol) == icmp && !slices.Contains(r.ports, p) {
				r.ports = append(r.ports, p)
			}
		}
		switch {
		case len(r.ports) == 0:
			continue
		case !r.fits(l.o.Kind):
			return nil, fmt.Errorf("a %s has no words for %s, which was used", l.o.Kind, audit.PortName(r.ports[0].proto, r.ports[0].number))
		}
		slices.SortFunc(r.ports, comparePorts)
		next := without(rule, portKeys)
		maps.Copy(next, without(r.rule(l.o.Kind, l.o.Namespace), peerKeys))
		out = append(out, next)
	}
	return out, nil
}

// byPeer are what used a rule by who it was, and by whether it is ICMP.
func byPeer(used []question) []*share {
	out := shares(used)
	for i := 0; i < len(out); i++ {
		for k := i + 1; k < len(out); {
			a, b := out[i], out[k]
			if a.peer != b.peer || isICMP(a.qs[0].Protocol) != isICMP(b.qs[0].Protocol) {
				k++
				continue
			}
			a.qs = append(a.qs, b.qs...)
			out = slices.Delete(out, k, k+1)
		}
	}
	return out
}

// peerKeys and portKeys tell what of a rule says whom and which ports it is about.
func peerKeys(k string) bool {
	return (strings.HasPrefix(k, "from") || strings.HasPrefix(k, "to")) && k != "toPorts"
}

func portKeys(k string) bool { return k == "ports" || k == "toPorts" || k == "icmps" }

// without is a copy of a rule without some of its keys.
func without(rule map[string]any, these func(string) bool) map[string]any {
	out := map[string]any{}
	for k, v := range rule {
		if !these(k) {
			out[k] = deepCopy(v)
		}
	}
	return out
}

// merge adds a rule, to one that says the same of other peers of the sort if
// there is one.
func merge(rules []any, next map[string]any) []any {
	for _, r := range rules {
		was, _ := r.(map[string]any)
		for k, v := range next {
			had, ok := was[k].([]any)
			more, _ := v.([]any)
			if peerKeys(k) && ok && reflect.DeepEqual(without(was, peerKeys), without(next, peerKeys)) {
				was[k] = append(had, more...)
				return rules
			}
		}
	}
	return append(rules, next)
}

// knownAs says by which names addresses outside were known.
func knownAs(qs []question) string {
	var names []string
	for _, q := range qs {
		names = append(names, q.names...)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return ""
	}
	more := ""
	if len(names) > mostNames {
		names, more = names[:mostNames], " and others"
	}
	return "what is outside was known as " + strings.Join(names, ", ") + more + ": a rule by name (toFQDNs) follows it to other addresses"
}
