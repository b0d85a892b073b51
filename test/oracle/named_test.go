package oracle

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/segproof/segproof/audit"
)

// everyNamed is how often those whom we name are looked at one by one, which
// takes an engine for each.
const everyNamed = 50

// checkNamed asks Cilium again with nothing declared but what we named: each
// rule alone must allow or deny, each isolating policy alone must isolate.
func (tr trial) checkNamed(policies []object, ours audit.Decision, t *tally) *disagreement {
	for _, ref := range ours.Policies {
		i := slices.IndexFunc(policies, func(raw object) bool { return declared(raw).Ref == ref.Ref })
		if i < 0 {
			continue // the setting isolates, and not a policy
		}
		alone, err := onlyRule(policies[i], ref.Rule)
		if err != nil {
			return &disagreement{"named", describe(ours), err.Error()}
		}
		p, d, err := newPair(tr.setting, tr.cluster, []object{alone})
		if err != nil || d != nil {
			return &disagreement{"named", describe(ours), fmt.Sprint(err, d)}
		}
		theirs, err := p.cilium.Decide(p.asked(tr.question))
		if err != nil {
			t.conflicts++
			continue
		}
		t.named++
		if compare(ours, theirs) != nil || ours.Answer == audit.Allow && !theirs.Explicit {
			return &disagreement{"named", describe(ours), fmt.Sprintf("%s with %s %s alone", theirs, ref.Name, ref.Rule)}
		}
	}
	return nil
}

// onlyRule is a policy without any rule but the one at a path such as
// ingress[0] or specs[1].egressDeny[2]. Without a path it is whole.
func onlyRule(raw object, path string) (object, error) {
	if path == "" {
		return raw, nil
	}
	text, err := json.Marshal(raw)
	if err != nil {
		return nil, err
	}
	var p object
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, err
	}
	rule := path
	if specs, rest, ok := strings.Cut(path, "]."); ok {
		item, err := at(p, specs+"]")
		if err != nil {
			return nil, err
		}
		delete(p, "spec")
		p["specs"], rule = list{item}, rest
		return p, keepRule(item, rule)
	}
	delete(p, "specs")
	return p, keepRule(p["spec"], rule)
}

// keepRule removes every rule of a spec but one.
func keepRule(spec any, path string) error {
	s, _ := spec.(object)
	rule, err := at(s, path)
	if err != nil {
		return err
	}
	for _, name := range []string{"ingress", "ingressDeny", "egress", "egressDeny"} {
		delete(s, name)
	}
	name, _, _ := strings.Cut(path, "[")
	s[name] = list{rule}
	return nil
}

// at finds name[index].
func at(o object, path string) (any, error) {
	name, rest, _ := strings.Cut(path, "[")
	i, err := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	items, _ := o[name].(list)
	if err != nil || i >= len(items) {
		return nil, fmt.Errorf("there is no rule %q", path)
	}
	return items[i], nil
}
