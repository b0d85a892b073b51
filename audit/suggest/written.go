package suggest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

var errNoSpec = errors.New("the policy is not one whose spec can be changed in place")

// rewrite changes the spec of the policy that a finding is about. It may open
// what it opens: that is listed, and is what the author meant.
func (w *work) rewrite(f *audit.Finding, change func(o *audit.Object, spec map[string]any) bool) (*trial, error) {
	o := w.declared(f.Subject)
	if o == nil {
		return nil, errNoSpec
	}
	next := revised(o, func(spec map[string]any) bool { return change(o, spec) })
	if next == nil {
		return nil, errNoSpec
	}
	t, err := w.try([]*audit.Object{next}, nil)
	if err != nil {
		return nil, err
	}
	if len(t.broken) > 0 {
		q := &t.broken[0]
		return nil, fmt.Errorf("the change that was tried would break %s with %s on %s", q.subject(), q.peer(), audit.PortName(q.Protocol, q.Port))
	}
	return t, nil
}

func (t *trial) proposal(note string) *proposal {
	return &proposal{objects: t.objects, opens: t.opens.lines(), note: note}
}

// isolates tells whether the changed policy isolates in a direction.
func (t *trial) isolates(d audit.Direction) bool {
	for _, s := range t.after.Specs() {
		if s.Policy().Ref == t.objects[0].Ref && s.Isolates(d) {
			return true
		}
	}
	return false
}

// statePolicyTypes says that a policy with egress rules only is about egress.
func (w *work) statePolicyTypes(f *audit.Finding) (*proposal, error) {
	t, err := w.rewrite(f, func(_ *audit.Object, spec map[string]any) bool {
		if spec["policyTypes"] != nil || spec["ingress"] != nil {
			return false
		}
		spec["policyTypes"] = []any{"Egress"}
		return true
	})
	if err != nil {
		return nil, err
	}
	if t.isolates(audit.Ingress) {
		return nil, errSame
	}
	return t.proposal("if ingress was to be denied as well, say policyTypes: [Ingress, Egress] instead"), nil
}

// denyOnly lets a policy deny what it names, and nothing else.
func (w *work) denyOnly(f *audit.Finding) (*proposal, error) {
	t, err := w.rewrite(f, func(_ *audit.Object, spec map[string]any) bool {
		off, _ := spec["enableDefaultDeny"].(map[string]any)
		if off == nil {
			off = map[string]any{}
		}
		off[string(f.Direction)] = false
		spec["enableDefaultDeny"] = off
		return true
	})
	if err != nil {
		return nil, err
	}
	if t.isolates(f.Direction) {
		return nil, errSame
	}
	return t.proposal(fmt.Sprintf("if everything was to be denied, say enableDefaultDeny: {%s: true} instead", f.Direction)), nil
}

// denyOn lets a policy isolate, where all that was carried is allowed.
func (w *work) denyOn(f *audit.Finding) (*proposal, error) {
	if !w.heard(f.Subject.Namespace) {
		return nil, errUnheard
	}
	t, err := w.rewrite(f, func(_ *audit.Object, spec map[string]any) bool {
		off, _ := spec["enableDefaultDeny"].(map[string]any)
		if off == nil {
			return false
		}
		delete(off, string(f.Direction))
		if len(off) == 0 {
			delete(spec, "enableDefaultDeny")
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	if !t.isolates(f.Direction) {
		return nil, errSame
	}
	return t.proposal("what was not seen while flows were observed is denied then"), nil
}

// pinDNS makes the rules for port 53 name the cluster's DNS.
func (w *work) pinDNS(f *audit.Finding) (*proposal, error) {
	dns, err := w.resolver()
	if err != nil {
		return nil, err
	}
	t, err := w.rewrite(f, func(o *audit.Object, spec map[string]any) bool {
		rules, _ := spec["egress"].([]any)
		pinned := 0
		for _, ref := range f.Policies {
			if i, ok := place(ref.Rule, "egress"); ok && i < len(rules) {
				if rule, ok := rules[i].(map[string]any); ok {
					pin(rule, dns, o)
					pinned++
				}
			}
		}
		return pinned > 0
	})
	if err != nil {
		return nil, err
	}
	if len(t.opens) > 0 || t.wide(f) {
		return nil, errSame
	}
	return t.proposal("resolvers other than the cluster's own are denied then"), nil
}

// pin replaces whom a rule names; the ports, and what the proxy is told, stay.
func pin(rule map[string]any, dns *resolver, o *audit.Object) {
	for k := range rule {
		if strings.HasPrefix(k, "to") && k != "toPorts" {
			delete(rule, k)
		}
	}
	for k, v := range dns.allowance().rule(o.Kind, o.Namespace) {
		if k != "ports" && k != "toPorts" {
			rule[k] = v
		}
	}
}

// place is the number in such as egress[2].
func place(rule, list string) (int, bool) {
	var i int
	n, err := fmt.Sscanf(rule, list+"[%d]", &i)
	return i, err == nil && n == 1 && i >= 0 && rule == fmt.Sprintf("%s[%d]", list, i)
}

// wide tells whether a rule of a finding still is for any pod of any namespace,
// or for the world.
func (t *trial) wide(f *audit.Finding) bool {
	strangers := t.w.strangers()
	anybody := &strangers[len(strangers)-1].peer
	concerns := func(r policy.Rule) bool {
		for _, ref := range f.Policies {
			if ref.Ref == r.Policy().Ref && ref.Rule == r.Policy().Rule {
				return true
			}
		}
		return false
	}
	for _, s := range t.after.Specs() {
		for _, r := range s.Rules(audit.Egress) {
			if !concerns(r) {
				continue
			}
			if is, sure := r.Matches(anybody, anybody); is || !sure || r.World() != "" {
				return true
			}
		}
	}
	return false
}
