package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/segproof/segproof/test/rig"
)

// One API server, with the kinds of all that we may meet, judges everything.
func TestARealAPIServerTakesEveryObjectAndTheRightsAreEnoughAndNoMore(t *testing.T) {
	rig.Require(t, rig.Kube)
	api := rig.StartAPI(t)
	api.Install(t, rig.CiliumDefinitions(), rig.KyvernoDefinitions(), rig.OpenReportsDefinitions())
	api.Apply(t, operatorKinds(t))
	api.Apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: segproof}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: kyverno}\n")
	s := connect(t, api)
	for _, values := range examples(t) {
		t.Run("strictly "+filepath.Base(values), func(t *testing.T) { s.takes(t, decode(t, render(t, values))) })
	}
	t.Run("strictly the lab", func(t *testing.T) {
		for _, f := range []string{"baseline", "kyverno-rights", "kyverno"} {
			s.takes(t, decode(t, text(t, filepath.Join(lab, "policies", f+".yaml"))))
		}
		api.Apply(t, text(t, filepath.Join(lab, "policies", "namespaces.yaml")))
		for _, f := range []string{"policies/payments", "policies/l7", "workloads"} {
			s.takes(t, decode(t, text(t, filepath.Join(lab, f+".yaml"))))
		}
	})
	t.Run("restricted pod security admits our pods", func(t *testing.T) {
		api.Apply(t, text(t, filepath.Join(manifests, "rbac.yaml"))) // labels the namespace
		for _, example := range []string{"cronjob", "watch", "store", "kubernetes"} {
			for _, x := range templates(t, decode(t, render(t, filepath.Join(chart, "ci", example+"-values.yaml")))) {
				pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "pod", Labels: x.pod.Labels}, Spec: x.pod.Spec}
				_, err := s.typed.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{DryRun: []string{"All"}})
				if err != nil {
					t.Errorf("%s of %s: %v", x.owner, example, err)
				}
			}
		}
	})
	t.Run("restricted pod security refuses a collector for its mount alone", func(t *testing.T) { s.refusesCollectors(t) })
	seen := &requests{}
	t.Run("the rights leave no kind unreadable", func(t *testing.T) {
		r := rig.Audit(t, "--kubeconfig", seen.through(t, api.ServiceAccount(t, namespace, "segproof"), true))
		if len(r.Coverage.Unreadable) > 0 {
			t.Errorf("unreadable:\n%s", strings.Join(r.Coverage.Unreadable, "\n"))
		}
	})
	t.Run("the daemon leads with its own rights", func(t *testing.T) { s.leads(t, api, seen) })
	t.Run("every right is used", func(t *testing.T) { seen.use(t, s.granted(t)) })
	t.Run("and no more", func(t *testing.T) { s.may(t) })
}

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A server is asked as its administrator.
type server struct {
	typed   kubernetes.Interface
	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper
}

func connect(t *testing.T, api *rig.API) *server {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", api.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS, config.Burst = 200, 400
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	d, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return &server{typed, d, restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(typed.Discovery()))}
}

// takes applies objects dry: an unknown field is an error.
func (s *server) takes(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	for _, o := range objects {
		m, err := s.mapper.RESTMapping(o.GroupVersionKind().GroupKind(), o.GroupVersionKind().Version)
		if err != nil {
			t.Fatal(err)
		}
		r := dynamic.ResourceInterface(s.dynamic.Resource(m.Resource))
		if m.Scope.Name() == meta.RESTScopeNameNamespace {
			if o.GetNamespace() == "" {
				t.Errorf("%s %s names no namespace", o.GetKind(), o.GetName())
			}
			r = s.dynamic.Resource(m.Resource).Namespace(o.GetNamespace())
		}
		_, err = r.Create(t.Context(), o, metav1.CreateOptions{DryRun: []string{"All"}, FieldValidation: metav1.FieldValidationStrict})
		if err != nil && !(o.GetKind() == "Namespace" && strings.Contains(err.Error(), "already exists")) {
			t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
}

// refusesCollectors tells what of a collector a restricted namespace refuses.
func (s *server) refusesCollectors(t *testing.T) {
	for _, x := range templates(t, decode(t, render(t, filepath.Join(chart, "ci", "collect-values.yaml")))) {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "pod", Labels: x.pod.Labels}, Spec: x.pod.Spec}
		_, err := s.typed.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{DryRun: []string{"All"}})
		if want := `violates PodSecurity "restricted:latest": restricted volume types (volume "cilium" uses restricted volume type "hostPath")`; err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("want a refusal that ends with %q, got %v", want, err)
		}
	}
}

// may asks the server's authorizer for what would be too much.
func (s *server) may(t *testing.T) {
	for _, account := range []string{"segproof", "segproof-watch"} {
		for _, a := range []authorizationv1.ResourceAttributes{
			{Verb: "list", Resource: "secrets"},
			{Verb: "get", Resource: "secrets", Namespace: namespace, Name: "segproof-slack"},
			{Verb: "list", Resource: "configmaps"},
			{Verb: "get", Resource: "configmaps", Namespace: "kube-system", Name: "coredns"},
			{Verb: "create", Resource: "pods", Subresource: "exec", Namespace: namespace},
			{Verb: "get", Resource: "nodes", Subresource: "proxy"},
			{Verb: "update", Group: "networking.k8s.io", Resource: "networkpolicies", Namespace: "payments"},
			{Verb: "delete", Group: "cilium.io", Resource: "ciliumnetworkpolicies", Namespace: "payments"},
			{Verb: "create", Group: "coordination.k8s.io", Resource: "leases", Namespace: "kube-system"},
			{Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Namespace: namespace, Name: "another"},
			{Verb: "impersonate", Resource: "users"},
		} {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User:   fmt.Sprintf("system:serviceaccount:%s:%s", namespace, account),
				Groups: []string{"system:serviceaccounts", "system:authenticated"}, ResourceAttributes: &a,
			}}
			got, err := s.typed.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Status.Allowed {
				t.Errorf("%s may %s %s/%s in %q", account, a.Verb, a.Resource, a.Subresource, a.Namespace)
			}
		}
	}
}

// operatorKinds are those of the Prometheus Operator that we make objects of.
func operatorKinds(t *testing.T) string {
	t.Helper()
	var out []string
	for _, path := range operatorFiles(t) {
		out = append(out, text(t, path))
	}
	return strings.Join(out, "\n---\n")
}

func operatorFiles(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, kind := range []string{"podmonitors", "prometheusrules", "servicemonitors"} {
		out = append(out, filepath.Join(download(t, "github.com/prometheus-operator/prometheus-operator@v0.92.0"),
			"example", "prometheus-operator-crd", "monitoring.coreos.com_"+kind+".yaml"))
	}
	return out
}
