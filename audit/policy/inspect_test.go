package policy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/segproof/segproof/audit"
)

// What contains another must match whatever that matches: of random policies
// every rule is held against every other, and the questions decide.
func TestARuleThatSubsumesAnotherMatchesAllThatItMatches(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 0))
	contained := 0
	for range 40 {
		var docs []string
		for i := range 8 {
			docs = append(docs, pick(r, fmt.Sprint("p", i), r.IntN(4) == 0))
		}
		e := compile(t, docs...)
		questions := slices.Sorted(maps.Keys(interrogate(t, e)))
		specs := e.Specs()
		for i, w := range specs {
			for j, s := range specs {
				if i == j || !w.Subsumes(s) {
					continue
				}
				for _, d := range []audit.Direction{audit.Ingress, audit.Egress} {
					for _, wide := range w.Rules(d) {
						for _, narrow := range s.Rules(d) {
							if wide.Subsumes(narrow) {
								contained++
								holds(t, e, questions, wide, narrow)
							}
						}
					}
				}
			}
		}
	}
	if contained < 20 {
		t.Errorf("only %d rules were contained in another, which proves little", contained)
	}
}

// holds asks both rules all questions, each as far as its policy is about the
// subject.
func holds(t *testing.T, e *Engine, questions []string, wide, narrow Rule) {
	t.Helper()
	order := []string{"", "no", "maybe", "yes"}
	for _, text := range questions {
		match := map[audit.Ref]string{}
		for _, c := range e.Consider(query(t, text)) {
			match[c.Ref] = c.Match
		}
		if slices.Index(order, match[narrow.Policy().Ref]) > max(1, slices.Index(order, match[wide.Policy().Ref])) {
			t.Errorf("%s: %s matches, and %s, which is to contain it, does not", text, narrow.Wants(), wide.Wants())
		}
	}
}

func TestSpecsSaySelectAndIsolateWhatTheEngineDecides(t *testing.T) {
	e := compile(t, mixture()...)
	if len(e.Specs()) < 5 {
		t.Fatalf("%d specs of the mixture", len(e.Specs()))
	}
	for text := range interrogate(t, e) {
		q := query(t, text)
		var isolators []audit.Ref
		for _, s := range e.Specs() {
			if is, sure := s.Selects(q.Subject); is && sure && s.Isolates(q.Direction) && !s.Host() {
				isolators = append(isolators, s.Policy().Ref)
			}
		}
		if d := e.Decide(q); d.Reason == audit.DefaultDenied {
			for _, p := range d.Policies {
				if !slices.Contains(isolators, p.Ref) {
					t.Errorf("%s: %s isolates, but its spec does not say so", text, p.Ref)
				}
			}
		}
		if d := e.Decide(q); d.Reason == audit.NotIsolated && len(isolators) > 0 {
			t.Errorf("%s: not isolated, but the specs of %v say so", text, isolators)
		}
	}
}
