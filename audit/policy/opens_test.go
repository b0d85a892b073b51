package policy

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/segproof/segproof/audit"
)

func TestNothingOpensWhereItIsSaidThatNothingDoes(t *testing.T) {
	inv := inventory(t, mixture()...)
	e := Compile(inv, Options{})
	var ends []*audit.Peer
	for _, name := range []string{"a/x", "b/x", "c/x", "d/x", "a/y", "b/y", "world", "host", "remote-node", "reserved:unknown"} {
		p := peer(name)
		ends = append(ends, &p)
	}
	certain, open := 0, 0
	try := func(before, after *Engine) {
		for _, s := range ends {
			for _, d := range []audit.Direction{audit.Ingress, audit.Egress} {
				nothing := before.NothingOpens(after, s, d)
				for _, p := range ends {
					opens := opened(before, after, audit.Query{Direction: d, Subject: s, Peer: p})
					if is := nothing(p); is && opens != "" {
						t.Fatalf("%s of %v with %v: %s", d, s.Labels, p.Labels, opens)
					} else if is {
						certain++
					} else if opens != "" {
						open++
					}
				}
			}
		}
	}
	for i := range inv.Policies {
		without := e.With(changed(inv, slices.Delete(slices.Clone(inv.Policies), i, i+1)...))
		try(e, without)
		try(without, e)
	}
	if certain < 1000 || open < 20 {
		t.Errorf("of %d pairs it is certain, and %d do open: too few to prove anything", certain, open)
	}
}

// opened asks on many ports, and says what opens.
func opened(before, after *Engine, q audit.Query) string {
	for _, q.Protocol = range []audit.Protocol{audit.TCP, audit.UDP, audit.ICMPv4} {
		for _, q.Port = range []uint16{53, 80, 443, 8080, 9090} {
			was, is := before.Decide(q), after.Decide(q)
			opens := was.Answer != audit.Allow && is.Answer != audit.Deny && was.Answer != is.Answer
			unproxied := was.Answer == audit.Allow && was.L7 && is.Answer == audit.Allow && !is.L7
			if opens || unproxied {
				return fmt.Sprintf("on %s %d: %+v, then %+v", q.Protocol, q.Port, was, is)
			}
		}
	}
	return ""
}

func TestOfAnEngineOnOtherGroundNothingIsCertain(t *testing.T) {
	inv := inventory(t, mixture()...)
	p := peer("a/x")
	if Compile(inv, Options{}).NothingOpens(Compile(inv, Options{}), &p, audit.Ingress)(&p) {
		t.Error("two engines that share nothing are compared by what they share")
	}
}

func TestAPlanOutlivesTheEngineThatIsAskedByTurns(t *testing.T) {
	inv := inventory(t, cnp("a", "{endpointSelector: {matchLabels: {app: a}}, ingress: [{fromEndpoints: [{}]}]}"))
	e := Compile(inv, Options{})
	later := e.With(changed(inv))
	p := peer("a/x")
	id := e.end(&p).identity
	before, after := e.plan(id, ingress), later.plan(id, ingress)
	if before == after {
		t.Fatal("one plan for two engines that say different things")
	}
	if e.plan(id, ingress) != before || later.plan(id, ingress) != after {
		t.Error("a plan is made again for each question")
	}
}

func TestARevisedEngineAnswersAsOneMadeAnew(t *testing.T) {
	all := mixture()
	inv := inventory(t, all[:len(all)-1]...) // the last has the name of another
	e := Compile(inv, Options{})
	for i, o := range inv.Policies {
		if e.objects.find(keyOf(o)).whole() {
			continue
		}
		for _, j := range []int{(i + 1) % len(inv.Policies), (i + 7) % len(inv.Policies)} {
			from := inv.Policies[j]
			if from.Kind != o.Kind {
				continue
			}
			edited, added := *o, *from
			edited.Raw = from.Raw
			added.Name, added.Namespace = "added", o.Namespace
			list := append(slices.Clone(inv.Policies), &added)
			list[i] = &edited
			later := changed(inv, list...)
			derived, anew := e.With(later), Compile(later, Options{})
			if d := cmp.Diff(interrogate(t, anew), interrogate(t, derived), cmpopts.IgnoreFields(audit.PolicyRef{}, "Object")); d != "" {
				t.Fatalf("%s as %s: %s", o.Ref, from.Ref, d)
			}
			if d := cmp.Diff(anew.Partly(), derived.Partly()); d != "" {
				t.Fatalf("%s as %s: %s", o.Ref, from.Ref, d)
			}
		}
	}
	revised := 0
	for i := range inv.Policies {
		list := slices.Clone(inv.Policies)
		again := *list[i]
		list[i] = &again
		if e.revise(changed(inv, list...)) != nil {
			revised++
		}
	}
	if revised != 3 { // the others concern the whole, or are not wholly understood
		t.Errorf("%d engines were revised, want 3", revised)
	}
}
