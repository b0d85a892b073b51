package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	fakedynamic "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// aCluster is a fake API server: it serves core kinds, NetworkPolicies and
// CiliumNetworkPolicies, no other.
func aCluster() (*clients, *fake.Clientset, *fakedynamic.FakeDynamicClient) {
	meta := metav1.ObjectMeta{Name: "deny", Namespace: "shop", Generation: 1}
	typed := fake.NewClientset(
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}},
		&networkingv1.NetworkPolicy{ObjectMeta: meta, Spec: networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{}}}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "cilium-config", Namespace: "kube-system"}, Data: map[string]string{"cluster-name": "prod"}},
	)
	lists := map[schema.GroupVersionResource]string{}
	for _, k := range kinds {
		gv := schema.GroupVersion{Group: k.Group, Version: k.Versions[0]}
		lists[gv.WithResource(k.Resource)] = k.Kind + "List"
		if k.builtin() || k.Kind == "CiliumNetworkPolicy" {
			typed.Resources = append(typed.Resources, &metav1.APIResourceList{
				GroupVersion: gv.String(), APIResources: []metav1.APIResource{{Name: k.Resource, Kind: k.Kind}},
			})
		}
	}
	cnp := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": map[string]any{"name": "l7", "namespace": "shop"},
	}}
	dynamic := fakedynamic.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, cnp)
	return &clients{typed: typed, dynamic: dynamic}, typed, dynamic
}

// refuse makes the fakes answer every list and watch of a resource with err.
func refuse(resource string, err error, fakes ...reactor) {
	for _, f := range fakes {
		f.PrependReactor("list", resource, func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, err })
		f.PrependWatchReactor(resource, func(clienttesting.Action) (bool, watch.Interface, error) { return true, nil, err })
	}
}

type reactor interface {
	PrependReactor(verb, resource string, reaction clienttesting.ReactionFunc)
	PrependWatchReactor(resource string, reaction clienttesting.WatchReactionFunc)
}

func forbidden(resource string) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no"))
}

// unreadable lists the kinds that are so, and are served.
func unreadable(inv *audit.Inventory) []string {
	var out []string
	for _, u := range inv.Unreadable {
		if !u.Absent {
			out = append(out, u.Kind+": "+u.Reason)
		}
	}
	return out
}

// In each of these tests the bubble would not end if a goroutine remained.

func TestALiveClusterIsReadThroughInformers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := aCluster()
		inv, err := (&Live{Name: "context"}).follower().once(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if inv.Cluster != "prod" || !inv.At.Equal(time.Now()) || len(inv.Namespaces) != 1 || len(inv.Pods) != 1 || len(inv.Problems) > 0 {
			t.Errorf("got %+v", inv)
		}
		if d := cmp.Diff([]string{"CiliumNetworkPolicy shop/l7", "NetworkPolicy shop/deny"}, refs(inv.Policies)); d != "" {
			t.Error(d)
		}
		// An empty rule allows everything: it must not get lost on the way.
		spec := inv.Policies[1].Raw["spec"].(map[string]any)
		if d := cmp.Diff([]any{map[string]any{}}, spec["ingress"]); d != "" || inv.Policies[1].APIVersion != "networking.k8s.io/v1" {
			t.Error(inv.Policies[1].APIVersion, d)
		}
		if got := unreadable(inv); len(got) > 0 {
			t.Errorf("unreadable %v", got)
		}
		absent := slices.ContainsFunc(inv.Unreadable, func(u audit.Unreadable) bool { return u.Kind == "clusterpolicies.kyverno.io" && u.Absent })
		if !absent {
			t.Errorf("what is not served is absent: %v", inv.Unreadable)
		}
	})
}

func TestAKindThatIsForbiddenIsUnreadableAndTheRestIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, typed, dynamic := aCluster()
		refuse("networkpolicies", forbidden("networkpolicies"), typed)
		refuse("ciliumnetworkpolicies", forbidden("ciliumnetworkpolicies"), dynamic)
		typed.PrependReactor("get", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, forbidden("configmaps")
		})
		began := time.Now()
		inv, err := (&Live{}).follower().once(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"ciliumnetworkpolicies.cilium.io: not allowed; check: kubectl auth can-i list ciliumnetworkpolicies.cilium.io --all-namespaces",
			"configmaps/cilium-config: not allowed; check: kubectl auth can-i get configmaps/cilium-config -n kube-system",
			"networkpolicies.networking.k8s.io: not allowed; check: kubectl auth can-i list networkpolicies.networking.k8s.io --all-namespaces",
		}
		if d := cmp.Diff(want, unreadable(inv)); d != "" {
			t.Error(d)
		}
		if len(inv.Pods) != 1 || inv.Settings != nil {
			t.Errorf("pods %v, settings %v", inv.Pods, inv.Settings)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("a refusal is final, and yet it took %v", took)
		}
	})
}

func TestAKindThatDoesNotComeInTimeIsUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, typed, _ := aCluster()
		refuse("pods", apierrors.NewInternalError(errors.New("etcd is away")), typed)
		began := time.Now()
		inv, err := (&Live{Timeout: 20 * time.Second}).follower().once(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if got := unreadable(inv); len(got) != 1 || !strings.HasPrefix(got[0], "pods: not read within 20s") || !strings.Contains(got[0], "etcd is away") {
			t.Errorf("got %v", got)
		}
		if took := time.Since(began); took > 25*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestAServerThatAllowsNothingIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, typed, dynamic := aCluster()
		refuse("*", forbidden("x"), typed, dynamic)
		_, err := (&Live{}).follower().once(t.Context(), c)
		if err == nil || !strings.Contains(err.Error(), "kubectl auth can-i --list") {
			t.Errorf("got %v", err)
		}
	})
}

func TestACancelledReadEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, typed, _ := aCluster()
		refuse("pods", apierrors.NewInternalError(errors.New("etcd is away")), typed)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := (&Live{}).follower().once(ctx, c)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*time.Second {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
	})
}
