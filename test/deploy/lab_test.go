package deploy

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What our values of Cilium's chart make, and that Relay is what our network
// policy takes it for.
func TestRelayIsWhereOurNetworkPolicyLooksForIt(t *testing.T) {
	source := moduleDir(t, "cilium", "github.com/cilium/cilium")
	out, errs, err := helm(t, "render", filepath.Join(source, "install", "kubernetes", "cilium"), "kube-system", filepath.Join(lab, "cilium-values.yaml"))
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	var values struct {
		NetworkPolicy struct {
			Relay struct {
				Namespace string
				PodLabels map[string]string
				Port      int64
			}
		}
	}
	read(t, filepath.Join(chart, "values.yaml"), &values)
	want := values.NetworkPolicy.Relay
	found := false
	for _, o := range decode(t, out) {
		if o.GetKind() != "Deployment" || o.GetName() != "hubble-relay" {
			continue
		}
		found = true
		labels, _, _ := unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", "labels")
		for k, v := range want.PodLabels {
			if labels[k] != v {
				t.Errorf("Relay's pods have %v, and we look for %s=%s", labels, k, v)
			}
		}
		containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
		port, _, _ := unstructured.NestedSlice(containers[0].(map[string]any), "ports")
		if got := port[0].(map[string]any)["containerPort"]; got != want.Port && got != float64(want.Port) || o.GetNamespace() != want.Namespace {
			t.Errorf("Relay listens at %v in %s, and we look for %d in %s", got, o.GetNamespace(), want.Port, want.Namespace)
		}
	}
	if !found {
		t.Error("our values make no Relay")
	}
}

func TestTheLabsScriptIsBash(t *testing.T) {
	script := filepath.Join(lab, "up.sh")
	if out, err := exec.CommandContext(t.Context(), "bash", "-n", script).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for file := range strings.SplitSeq("k3d.yaml cilium-values.yaml kyverno-values.yaml segproof-values.yaml policies/kyverno-rights.yaml policies/kyverno.yaml policies/namespaces.yaml "+
		"policies/baseline.yaml policies/payments.yaml policies/l7.yaml workloads.yaml", " ") {
		if !strings.Contains(text(t, script), file) {
			t.Errorf("%s is not used", file)
		}
		text(t, filepath.Join(lab, file))
	}
}
