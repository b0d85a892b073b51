package policy

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/segproof/segproof/audit"
)

// changed is the inventory with other policies.
func changed(inv *audit.Inventory, policies ...*audit.Object) *audit.Inventory {
	out := *inv
	out.Policies = policies
	out.Settings = maps.Clone(inv.Settings)
	return &out
}

func TestALaterEngineAnswersAsOneMadeAnew(t *testing.T) {
	inv := inventory(t, mixture()...)
	e := Compile(inv, Options{})
	before := interrogate(t, e)
	for i := range inv.Policies {
		later := changed(inv, slices.Delete(slices.Clone(inv.Policies), i, i+1)...)
		derived := e.With(later)
		anew := Compile(later, Options{})
		if d := cmp.Diff(interrogate(t, anew), interrogate(t, derived), cmpopts.IgnoreFields(audit.PolicyRef{}, "Object")); d != "" {
			t.Fatalf("without %s: %s", inv.Policies[i].Ref, d)
		}
		if d := cmp.Diff(anew.Partly(), derived.Partly()); d != "" {
			t.Fatalf("without %s: %s", inv.Policies[i].Ref, d)
		}
		back := derived.With(inv)
		if d := cmp.Diff(before, interrogate(t, back), cmpopts.IgnoreFields(audit.PolicyRef{}, "Object")); d != "" {
			t.Fatalf("with %s again: %s", inv.Policies[i].Ref, d)
		}
	}
	if d := cmp.Diff(before, interrogate(t, e), cmpopts.IgnoreFields(audit.PolicyRef{}, "Object")); d != "" {
		t.Errorf("the first engine changed: %s", d)
	}
}

func TestAChangedPolicyConcernsOnlyWhatItSelects(t *testing.T) {
	inv := inventory(t, cnp("a", "{endpointSelector: {matchLabels: {app: a}}, ingress: [{fromEndpoints: [{}]}]}"), cnp("b", "{endpointSelector: {matchLabels: {app: b}}, ingress: [{}]}"))
	e := Compile(inv, Options{})
	expect(t, e, "a/x <- c/x TCP 80 = allow\nb/x <- c/x TCP 80 = deny(default)")
	planOf := func(e *Engine, name string) *plan {
		p := peer(name)
		return e.plan(e.end(&p).identity, ingress)
	}
	a, b := planOf(e, "a/x"), planOf(e, "b/x")
	other := inventory(t, cnp("b", "{endpointSelector: {matchLabels: {app: b}}, ingress: [{fromEndpoints: [{matchLabels: {app: c}}]}]}"))
	later := e.With(changed(inv, inv.Policies[0], other.Policies[0]))
	expect(t, later, "a/x <- c/x TCP 80 = allow\nb/x <- c/x TCP 80 = allow")
	if planOf(later, "a/x") != a || planOf(later, "b/x") == b {
		t.Error("what is known of a was dropped, or of b was kept")
	}
	expect(t, e, "b/x <- c/x TCP 80 = deny(default)")
}

func TestTheSameStateOfAnObjectIsNotReadAgain(t *testing.T) {
	read := func(version string) *audit.Inventory {
		inv := inventory(t, cnp("p", "{endpointSelector: {}, ingress: [{}]}"))
		inv.Policies[0].UID = "u"
		inv.Policies[0].Raw["metadata"].(map[string]any)["resourceVersion"] = version
		return inv
	}
	e := Compile(read("1"), Options{})
	for version, same := range map[string]bool{"1": true, "2": false, "": false} {
		later := e.With(read(version))
		if got := later.byNamespace["x"][0] == e.byNamespace["x"][0]; got != same {
			t.Errorf("version %q: the same %v, want %v", version, got, same)
		}
	}
}

func TestOtherSettingsServicesGroupsAndPortsAreAnotherGround(t *testing.T) {
	inv := inventory(t, knp("p", "{podSelector: {}, ingress: [{ports: [{port: http}]}]}"))
	inv.Pods = []audit.Pod{named("a", 8080)}
	e := Compile(inv, Options{})
	expect(t, e, "a/x <- b/x TCP 8080 = allow")
	for name, change := range map[string]func(*audit.Inventory){
		"settings":   func(i *audit.Inventory) { i.Settings["enable-ipv6"] = "true" },
		"services":   func(i *audit.Inventory) { i.Services = services() },
		"unreadable": func(i *audit.Inventory) { i.Unreadable = []audit.Unreadable{{Kind: "services"}} },
		"groups": func(i *audit.Inventory) {
			i.Policies = append(i.Policies, inventory(t, "kind: CiliumCIDRGroup\nmetadata: {name: g}\n").Policies...)
		},
		"addresses": func(i *audit.Inventory) {
			i.Settings = nil
			i.Policies = append(i.Policies, inventory(t, anp("q", "{}")).Policies...)
		},
	} {
		later := changed(inv, inv.Policies...)
		change(later)
		if e.With(later).ground == e.ground {
			t.Errorf("%s: the ground is the same", name)
		}
	}
	later := changed(inv, inv.Policies...)
	later.Pods = []audit.Pod{named("a", 9090)}
	expect(t, e.With(later), "a/x <- b/x TCP 8080 = deny(default)\na/x <- b/x TCP 9090 = allow")
	if e.With(changed(inv, inv.Policies...)).ground != e.ground {
		t.Error("nothing changed, but the ground did")
	}
}
