package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func after(minutes float64) time.Time { return noon.Add(time.Duration(minutes * float64(time.Minute))) }

// declared is an object, of which spec is all that is declared.
func declared(name, spec string) *audit.Object {
	return &audit.Object{Ref: refOf(name), Raw: map[string]any{"spec": spec}}
}

func refOf(name string) audit.Ref {
	return audit.Ref{Kind: "NetworkPolicy", Namespace: "shop", Name: name}
}

func came(at float64, name, spec string) change {
	return change{ref: refOf(name), object: declared(name, spec), at: after(at)}
}

func went(at float64, name string) change { return change{ref: refOf(name), at: after(at)} }

// story is a history in a line: the minutes at which its epochs begin, and what
// is declared in each.
func story(h *history, now float64) string {
	a := h.annals(after(now))
	var out []string
	tell := func(from time.Time, os []*audit.Object, unsure bool) {
		var specs []string
		for _, o := range os {
			specs = append(specs, o.Name+"="+o.Raw["spec"].(string))
		}
		mark := ""
		if unsure {
			mark = "?"
		}
		out = append(out, fmt.Sprintf("%g%s:%s", from.Sub(noon).Minutes(), mark, strings.Join(specs, ",")))
	}
	for _, e := range a.past {
		tell(e.From, e.Policies, e.Unsure)
	}
	if len(a.past) == 0 {
		tell(noon, a.policies, false)
	} else {
		tell(a.inForce, a.policies, false)
	}
	return strings.Join(out, " ")
}

func TestAChangeOfPolicyBeginsAnEpoch(t *testing.T) {
	initial := func(c change) change { c.initial = true; return c }
	own := func(at float64, c change) change { c.declared = after(at); return c }
	blind := func(since float64, c change) change { c.gap = after(since); return c }
	for _, tt := range []struct {
		name    string
		changes []change
		want    string
	}{
		{"nothing changed", []change{initial(came(0, "a", "1"))}, "0:a=1"},
		{"came and went", []change{initial(came(0, "a", "1")), came(10, "b", "1"), went(20, "a")}, "0:a=1 10:a=1,b=1 20:b=1"},
		{"became another", []change{initial(came(0, "a", "1")), came(10, "a", "2"), came(20, "a", "3")}, "0:a=1 10:a=2 20:a=3"},
		{"the same again", []change{initial(came(0, "a", "1")), came(10, "a", "1")}, "0:a=1"},
		{"gone that was never there", []change{went(10, "a")}, "0:"},
		{"a kind that is read later", []change{came(10, "a", "1"), initial(came(20, "b", "1"))}, "0:b=1 10:a=1,b=1"},
		{"close together", []change{came(10, "a", "1"), came(10.01, "b", "1"), came(10.1, "c", "1")}, "0: 10:a=1,b=1 10.1:a=1,b=1,c=1"},
		{"back again at once", []change{came(10, "a", "1"), came(20, "a", "2"), came(20, "a", "1")}, "0: 10:a=1 20:a=1"},
		{"the object's own time", []change{own(9, came(10, "a", "1"))}, "0: 9:a=1"},
		{"too long ago", []change{own(7, came(10, "a", "1"))}, "0: 10:a=1"},
		{"a time to come", []change{own(11, came(10, "a", "1"))}, "0: 10:a=1"},
		{"before anybody looked", []change{own(-1, came(0.5, "a", "1"))}, "0:a=1"},
		{"missed, and it says when", []change{came(1, "b", "1"), blind(2, own(5, came(10, "a", "1")))}, "0: 1:b=1 5:a=1,b=1"},
		{"missed, and nobody knows when", []change{came(1, "b", "1"), blind(2, went(10, "b")), blind(2, went(11, "a"))}, "0: 1:b=1 2?:b=1 10:"},
		{"told late", []change{came(9, "b", "1"), blind(2, own(5, came(10, "a", "1")))}, "0: 5:a=1 9:a=1,b=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHistory(24*time.Hour, time.Second, noon)
			for _, c := range tt.changes {
				h.apply(c)
			}
			if d := cmp.Diff(tt.want, story(h, 30)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestOneObjectIsInMemoryOnceHoweverManyEpochsItIsIn(t *testing.T) {
	h := newHistory(24*time.Hour, time.Second, noon)
	h.apply(came(1, "a", "1"))
	h.apply(came(2, "b", "1"))
	again := came(3, "a", "1")
	again.object.Raw["status"] = "written since"
	if h.apply(again) {
		t.Error("a new status is no change")
	}
	a := h.annals(after(4))
	if a.past[1].Policies[0] != again.object || a.policies[0] != again.object {
		t.Error("two objects for one")
	}
	if h.annals(after(5)) != a {
		t.Error("told anew although nothing changed")
	}
}

func TestWhatIsOlderThanTheWindowIsForgotten(t *testing.T) {
	h := newHistory(time.Hour, time.Second, noon)
	for i := range 10 {
		h.apply(came(float64(10*i+10), "a", fmt.Sprint(i)))
	}
	// An epoch that reaches into the window is kept whole.
	if d := cmp.Diff("30:a=2 40:a=3 50:a=4 60:a=5 70:a=6 80:a=7 90:a=8 100:a=9", story(h, 95)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff("0:a=9", story(h, 1000)); d != "" || h.bounded || len(h.former) > 0 {
		t.Errorf("%s, %d former", d, len(h.former))
	}
}

func TestPoliciesThatNeverRestAreBounded(t *testing.T) {
	h := newHistory(24*time.Hour, time.Second, noon)
	for i := range 3 * maxVersions {
		h.apply(came(float64(i+1)/30, "a", fmt.Sprint(i)))
		if len(h.former) > maxVersions {
			t.Fatalf("%d versions", len(h.former))
		}
	}
	a := h.annals(after(3 * maxVersions / 30))
	if len(a.past) != maxEpochs || !h.bounded || a.policies[0].Raw["spec"] != fmt.Sprint(3*maxVersions-1) {
		t.Errorf("%d epochs, bounded %v", len(a.past), h.bounded)
	}
	if !a.past[0].From.Equal(h.oldest) || len(h.former) != maxEpochs {
		t.Errorf("the first epoch does not say how far the memory reaches: %v, %v, %d former", a.past[0].From, h.oldest, len(h.former))
	}
}

func TestEpochsAreThoseOfTheObjectsTimes(t *testing.T) {
	following(t, func(s *server) { s.add(t, aPolicy("deny", "a")) }, func(r *rig) {
		began := r.inventory().At
		r.later(time.Hour)
		changed := time.Now().Add(-2 * time.Second).Truncate(time.Second).UTC()
		edit := strings.Replace(aPolicy("deny", "b"), "uid:", fmt.Sprintf("generation: 2, managedFields: [{time: %q}], uid:", changed.Format(time.RFC3339)), 1)
		r.server.apply(t, edit)
		one := r.inventory()
		if len(one.Past) != 1 || !one.InForce.Equal(changed) || one.Past[0].From.After(began) || len(one.Past[0].Policies) != 1 {
			t.Fatalf("got %+v, in force %v, want %v", one.Past, one.InForce, changed)
		}
		selects := func(o *audit.Object) string { return fmt.Sprint(o.Raw["spec"]) }
		if was, is := selects(one.Past[0].Policies[0]), selects(one.Policies[0]); !strings.Contains(was, "app:a") || !strings.Contains(is, "app:b") {
			t.Errorf("was %s, is %s", was, is)
		}
		r.later(time.Hour)
		r.server.remove(t, edit)
		went := time.Now()
		two := r.inventory()
		if len(two.Past) != 2 || !two.InForce.Equal(went) || two.Past[1].Policies[0] != one.Policies[0] {
			t.Errorf("got %+v, in force %v", two.Past, two.InForce)
		}
	})
}
