package cluster

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
)

func aPolicy(name, selector string) string {
	return fmt.Sprintf("{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: %s, namespace: shop, uid: u-%s}, spec: {podSelector: {matchLabels: {app: %s}}}}",
		name, name, selector)
}

func TestWhatChangesIsFollowed(t *testing.T) {
	following(t, nil, func(r *rig) {
		if inv := r.inventory(); len(inv.Policies) > 0 || len(inv.Past) > 0 || !inv.InForce.IsZero() || inv.Cluster != "lab" {
			t.Errorf("got %+v", inv)
		}
		rings := r.rings
		r.server.apply(t, aPolicy("deny", "a"))
		r.later(time.Minute)
		if d := cmp.Diff([]string{"NetworkPolicy shop/deny"}, refs(r.inventory().Policies)); d != "" {
			t.Error(d)
		}
		r.server.remove(t, aPolicy("deny", "a"))
		if got := r.inventory().Policies; len(got) > 0 {
			t.Errorf("it is still there: %v", refs(got))
		}
		if r.rings != rings+2 {
			t.Errorf("rang %d times", r.rings-rings)
		}
	})
}

func TestEveryChangeOfPolicyIsToldAtOnceAsACut(t *testing.T) {
	declared := func(s *server) {
		s.apply(t, aPolicy("before", "a"))
	}
	following(t, declared, func(r *rig) {
		if len(r.cuts) > 0 {
			t.Errorf("what was there before is told as a change: %v", r.cuts)
		}
		var want []audit.Cut
		expect := func() {
			want = append(want, audit.Cut{At: time.Now(), Namespace: "shop"})
			r.inventory()
			r.later(time.Minute)
		}
		r.server.apply(t, aPolicy("deny", "a"))
		expect()
		r.server.apply(t, aPolicy("deny", "b"))
		expect()
		r.server.remove(t, aPolicy("deny", "b"))
		expect()
		if d := cmp.Diff(want, r.cuts); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
	})
}

func TestPodsComeAndGoWithoutRinging(t *testing.T) {
	const pod = `{apiVersion: v1, kind: Pod, metadata: {name: web-abc-1, namespace: shop, labels: {app: web, pod-template-hash: abc}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-abc, uid: u, controller: true}]}}`
	const rs = `{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-abc, namespace: shop, ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: canary, uid: u, controller: true}]}}`
	following(t, nil, func(r *rig) {
		rings := r.rings
		r.server.apply(t, rs)
		r.server.apply(t, pod)
		want := audit.Ref{Kind: "Rollout", Namespace: "shop", Name: "canary"}
		if inv := r.inventory(); len(inv.Pods) != 1 || inv.Pods[0].Owner != want {
			t.Errorf("got %+v", inv.Pods)
		}
		r.server.remove(t, pod)
		went := time.Now()
		r.inventory()
		r.server.remove(t, rs)
		inv := r.inventory()
		if len(inv.Pods) > 0 || len(inv.GonePods) != 1 || inv.GonePods[0].Owner != want || !inv.GonePods[0].Gone.Equal(went) {
			t.Errorf("pods %v, gone %+v", inv.Pods, inv.GonePods)
		}
		if r.rings != rings {
			t.Errorf("rang %d times", r.rings-rings)
		}
		r.later(25 * time.Hour)
		if got := r.inventory().GonePods; len(got) > 0 {
			t.Errorf("remembered for ever: %v", got)
		}
	})
}

func TestNewLabelsOfANamespaceAreACut(t *testing.T) {
	ns := `{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: TEAM}, managedFields: [{time: "TIME"}]}}`
	at := func(team string, when time.Time) string {
		return strings.NewReplacer("TEAM", team, "TIME", when.UTC().Format(time.RFC3339)).Replace(ns)
	}
	following(t, nil, func(r *rig) {
		r.server.apply(t, at("a", time.Now()))
		r.later(time.Hour)
		rings := r.rings
		r.server.apply(t, at("a", time.Now()))
		if cuts := r.inventory().Cuts; len(cuts) > 0 || r.rings != rings {
			t.Errorf("nothing changed, and yet: %v, %d rings", cuts, r.rings-rings)
		}
		changed := time.Now().Add(-3 * time.Second).Truncate(time.Second)
		r.server.apply(t, at("b", changed))
		if d := cmp.Diff([]audit.Cut{{At: changed.UTC(), Namespace: "shop"}}, r.inventory().Cuts); d != "" || r.rings != rings+1 {
			t.Errorf("%s, %d rings", d, r.rings-rings)
		}
	})
}

func TestWhatDidNotChangeIsSharedBetweenInventories(t *testing.T) {
	following(t, nil, func(r *rig) {
		r.server.apply(t, "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop}}")
		r.server.apply(t, "{apiVersion: v1, kind: Node, metadata: {name: node-1}}")
		one := r.inventory()
		r.server.apply(t, "{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: shop}}")
		two := r.inventory()
		if &one.Nodes[0] != &two.Nodes[0] || len(one.Pods) != 1 || len(two.Pods) != 2 {
			t.Errorf("nodes are copied, or pods are not: %v %v", one.Pods, two.Pods)
		}
		if three := r.inventory(); &two.Pods[0] != &three.Pods[0] {
			t.Error("pods are copied although none changed")
		}
	})
}

func TestAWatchThatExpiresLosesNothing(t *testing.T) {
	following(t, nil, func(r *rig) {
		r.server.apply(t, aPolicy("stays", "a"))
		r.server.apply(t, aPolicy("goes", "a"))
		r.inventory()
		r.server.set(func() { // unseen: the log does not tell of it
			path := "/apis/networking.k8s.io/v1/networkpolicies"
			r.server.objects[path] = r.server.objects[path][:1]
		})
		r.server.forget()
		r.later(time.Minute)
		inv := r.inventory()
		if d := cmp.Diff([]string{"NetworkPolicy shop/stays"}, refs(inv.Policies)); d != "" {
			t.Error(d)
		}
		if got := unreadable(inv); len(got) > 0 {
			t.Errorf("unreadable %v", got)
		}
	})
}

func TestWhileTheServerIsAwayTheInventorySaysSo(t *testing.T) {
	following(t, func(s *server) { s.add(t, aPolicy("deny", "a")) }, func(r *rig) {
		r.wire.down(true)
		r.later(90 * time.Second)
		inv := r.inventory()
		if len(inv.Problems) != 1 || !strings.Contains(inv.Problems[0].Err, "away since") || len(unreadable(inv)) > 0 {
			t.Errorf("problems %v, unreadable %v", inv.Problems, unreadable(inv))
		}
		rings := r.rings
		r.later(3 * time.Minute)
		inv = r.inventory()
		if len(inv.Policies) != 1 || !strings.Contains(why(inv, "networkpolicies.networking.k8s.io"), "not followed since") {
			t.Errorf("policies %v, unreadable %v", refs(inv.Policies), unreadable(inv))
		}
		r.server.remove(t, aPolicy("deny", "a"))
		r.server.apply(t, aPolicy("other", "a"))
		r.wire.down(false)
		r.later(2 * time.Minute)
		inv = r.inventory()
		if d := cmp.Diff([]string{"NetworkPolicy shop/other"}, refs(inv.Policies)); d != "" || len(inv.Problems) > 0 || len(unreadable(inv)) > 0 {
			t.Errorf("%s, problems %v, unreadable %v", d, inv.Problems, unreadable(inv))
		}
		if r.rings == rings {
			t.Error("did not ring")
		}
		// Nobody knows when in between the one went and the other came.
		if n := len(inv.Past); n < 2 || inv.Past[0].Unsure || !inv.Past[n-1].Unsure {
			t.Errorf("got %+v", inv.Past)
		}
		if err := r.f.Ready(); err != nil {
			t.Error(err)
		}
	})
}

func TestARightThatComesAndGoes(t *testing.T) {
	const path, kind = "/apis/cilium.io/v2/ciliumnetworkpolicies", "ciliumnetworkpolicies.cilium.io"
	const cnp = "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: l7, namespace: shop}}"
	following(t, func(s *server) { s.refused[path] = http.StatusForbidden; s.add(t, cnp) }, func(r *rig) {
		inv := r.inventory()
		if got := why(inv, kind); !strings.HasPrefix(got, "not allowed; check") || len(inv.Policies) > 0 {
			t.Errorf("got %q, %v", got, refs(inv.Policies))
		}
		rings := r.rings
		r.server.set(func() { delete(r.server.refused, path) })
		r.later(2 * time.Minute)
		if inv = r.inventory(); why(inv, kind) != "" || len(inv.Policies) != 1 || len(inv.Past) > 0 || r.rings == rings {
			t.Errorf("granted: %q, %v, past %v, %d rings", why(inv, kind), refs(inv.Policies), inv.Past, r.rings-rings)
		}
		r.server.set(func() { r.server.refused[path] = http.StatusForbidden })
		r.server.forget() // its watch ends, and is not allowed again
		r.later(time.Minute)
		inv = r.inventory()
		if got := why(inv, kind); !strings.HasPrefix(got, "not allowed since ") || len(inv.Policies) != 1 {
			t.Errorf("revoked: %q, %v", got, refs(inv.Policies))
		}
		r.server.set(func() { delete(r.server.refused, path) })
		r.later(2 * time.Minute)
		if inv = r.inventory(); why(inv, kind) != "" || len(inv.Policies) != 1 || len(inv.Past) > 0 {
			t.Errorf("granted again: %q, %v", why(inv, kind), inv.Past)
		}
	})
}

func TestAKindAppearsAndVanishes(t *testing.T) {
	const gv, kind = "policy.networking.k8s.io/v1alpha2", "clusternetworkpolicies.policy.networking.k8s.io"
	const cnp = "{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: c}}"
	var crd []Kind
	path := listPath(gv, "clusternetworkpolicies")
	following(t, func(s *server) { crd = s.kinds[gv]; delete(s.kinds, gv); delete(s.objects, path) }, func(r *rig) {
		if got := why(r.inventory(), kind); got != "the cluster does not serve it" {
			t.Errorf("got %q", got)
		}
		rings := r.rings
		r.server.set(func() { r.server.kinds[gv], r.server.objects[path] = crd, []any{} })
		r.server.apply(t, cnp)
		r.later(3 * time.Minute)
		if inv := r.inventory(); why(inv, kind) != "" || len(inv.Policies) != 1 || r.rings == rings {
			t.Errorf("appeared: %q, %v", why(inv, kind), refs(inv.Policies))
		}
		rings = r.rings
		r.server.set(func() { delete(r.server.kinds, gv); delete(r.server.objects, path) })
		r.later(30 * time.Second) // not found is enough to ask anew
		inv := r.inventory()
		if why(inv, kind) != "the cluster does not serve it" || len(inv.Policies) > 0 || len(inv.Past) != 1 || r.rings == rings {
			t.Errorf("vanished: %q, %v, past %v", why(inv, kind), refs(inv.Policies), inv.Past)
		}
	})
}

func TestAKindThatMovesToANewVersionIsNeverMissing(t *testing.T) {
	old := Kind{"kyverno.io", "PolicyException", "policyexceptions", except, true, asKyverno}
	group := Kind{"cilium.io", "CiliumCIDRGroup", "ciliumcidrgroups", young, false, asPolicy}
	const was = "{apiVersion: cilium.io/v2alpha1, kind: CiliumCIDRGroup, metadata: {name: g}, spec: {externalCIDRs: [10.0.0.0/8]}}"
	drop := func(s *server, gv string, k Kind) {
		var rest []Kind
		for _, x := range s.kinds[gv] {
			if x.Resource != k.Resource {
				rest = append(rest, x)
			}
		}
		s.kinds[gv] = rest
		delete(s.objects, listPath(gv, k.Resource))
	}
	following(t, func(s *server) {
		drop(s, "cilium.io/v2", group)
		drop(s, "kyverno.io/v2", old)
		s.serve(group, "v2alpha1")
		s.add(t, was)
	}, func(r *rig) {
		if got := refs(r.inventory().Policies); len(got) != 1 {
			t.Fatal(got)
		}
		r.server.set(func() {
			drop(r.server, "cilium.io/v2alpha1", group)
			r.server.serve(group, "v2")
		})
		r.server.apply(t, strings.Replace(was, "v2alpha1", "v2", 1))
		for range 60 {
			r.later(5 * time.Second)
			if got := r.inventory(); len(got.Policies) != 1 || len(got.Past) > 0 {
				t.Fatalf("policies %v, past %v", refs(got.Policies), got.Past)
			}
		}
		if inv := r.inventory(); inv.Policies[0].APIVersion != "cilium.io/v2" || len(unreadable(inv)) > 0 {
			t.Errorf("%s, unreadable %v", inv.Policies[0].APIVersion, unreadable(inv))
		}
	})
}
