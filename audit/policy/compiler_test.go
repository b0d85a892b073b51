package policy

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/segproof/segproof/audit"
)

func TestACompilerAnswersAsOneThatStartsAnewEachTime(t *testing.T) {
	inv := inventory(t, mixture()...)
	c := &Compiler{}
	first := c.Compile(inv)
	if again := c.Compile(inv); again.(*Engine).ground != first.(*Engine).ground {
		t.Error("the same inventory is another ground")
	}
	for i := range inv.Policies {
		later := changed(inv, slices.Delete(slices.Clone(inv.Policies), i, i+1)...)
		if d := cmp.Diff(interrogate(t, Compile(later, Options{})), interrogate(t, c.Compile(later).(*Engine)), cmpopts.IgnoreFields(audit.PolicyRef{}, "Object")); d != "" {
			t.Fatalf("without %s: %s", inv.Policies[i].Ref, d)
		}
	}
	if e := c.Compile(nil).(*Engine); len(e.objects) != 0 {
		t.Error("no inventory, but policies")
	}
}

func TestACompilerServesSeveralAtOnce(t *testing.T) {
	inv := inventory(t, mixture()...)
	c := &Compiler{}
	want := short(c.Compile(inv).Decide(query(t, "a/x <- b/x TCP 80")))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got := short(c.Compile(inv).Decide(query(t, "a/x <- b/x TCP 80"))); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
	wg.Wait()
}

// manyPolicies are 2,000 policies of 100 namespaces, and the subjects that they
// are about.
func manyPolicies(t testing.TB) (*audit.Inventory, []audit.Query) {
	inv := inventory(t)
	var docs []string
	var qs []audit.Query
	for n := range 100 {
		ns := fmt.Sprint("n", n)
		inv.Namespaces = append(inv.Namespaces, audit.Namespace{Name: ns})
		for i := range 20 {
			docs = append(docs, object("CiliumNetworkPolicy", ns, fmt.Sprint("p", i), fmt.Sprintf(
				"spec: {endpointSelector: {matchLabels: {app: app%d}}, ingress: [{fromEndpoints: [{matchLabels: {app: app%d}}], toPorts: [{ports: [{port: '80'}]}]}]}", i, (i+1)%20)))
			s, p := peer(fmt.Sprintf("app%d/%s", i, ns)), peer(fmt.Sprintf("app%d/%s", (i+1)%20, ns))
			qs = append(qs, audit.Query{Direction: audit.Ingress, Subject: &s, Peer: &p, Protocol: audit.TCP, Port: 80})
		}
	}
	inv.Policies = inventory(t, docs...).Policies
	return inv, qs
}

// BenchmarkOneChangedPolicyOf2000 is to cost far less than all of them, with
// every subject asked about.
func BenchmarkOneChangedPolicyOf2000(b *testing.B) {
	inv, qs := manyPolicies(b)
	ask := func(e audit.Engine) {
		for i := range qs {
			e.Decide(qs[i])
		}
	}
	b.Run("changed", func(b *testing.B) {
		c := &Compiler{}
		ask(c.Compile(inv))
		for i := range b.N {
			later := changed(inv, slices.Clone(inv.Policies)...)
			other := *inv.Policies[i%2000]
			later.Policies[i%2000] = &other
			ask(c.Compile(later))
		}
	})
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			ask(Compile(inv, Options{}))
		}
	})
}
