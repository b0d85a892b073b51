package deploy

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// everything is what is deployed: the chart under each example, and the lab.
func everything(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, values := range examples(t) {
		out[filepath.Base(values)] = render(t, values)
	}
	policies, err := filepath.Glob(filepath.Join(lab, "policies", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(policies, filepath.Join(lab, "workloads.yaml")) {
		out[filepath.Base(f)] = text(t, f)
	}
	return out
}

// linter runs a command over documents.
func linter(t *testing.T, pkg, documents string, args ...string) (string, error) {
	t.Helper()
	binary, err := build("lint", pkg)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), binary, args...)
	c.Stdin = strings.NewReader(documents)
	out, err := c.CombinedOutput()
	return string(out), err
}

func TestKubeconformTakesEveryObjectStrictly(t *testing.T) {
	location := schemas(t)
	conform := func(documents string) (string, error) {
		return linter(t, "github.com/yannh/kubeconform/cmd/kubeconform", documents, "-strict", "-summary", "-schema-location", location)
	}
	for name, documents := range everything(t) {
		out, err := conform(documents)
		if err != nil || !strings.Contains(out, "Invalid: 0, Errors: 0, Skipped: 0") || strings.Contains(out, "Valid: 0") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	for object, want := range map[string]string{
		"apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec: {replicaz: 1}\n":                                                  "replicaz",
		"apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: a}\nspec: {endpointSelector: {}, egres: []}\n":               "egres",
		"apiVersion: v1\nkind: Service\nmetadata: {name: a, label: {}}\n":                                                                   "label",
		"apiVersion: example.com/v1\nkind: Unheard\nmetadata: {name: a}\n":                                                                  "could not find schema",
		"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: a}\nspec: {groups: [{name: g, rules: [{exp: 1}]}]}\n": "exp",
	} {
		if out, err := conform(object); err == nil || !strings.Contains(out, want) {
			t.Errorf("want a refusal that says %q, got %v\n%s", want, err, out)
		}
	}
}

// passedOver is what kube-score asks and we decided otherwise.
func passedOver(example string) []string {
	out := []string{
		"container-image-pull-policy", // an image is named by version or digest, and where there is no network it is there already
		"pod-networkpolicy",           // it doesn't know Cilium's policies; what ours let through is asked of explain
	}
	if example == "kubernetes-values.yaml" {
		out = append(out, "deployment-replicas", "deployment-strategy") // two must not write one file
	}
	return out
}

func TestKubeScoreFindsNothingInWhatWeDeploy(t *testing.T) {
	score := func(documents string, without []string) (string, error) {
		args := []string{"score", "--kubernetes-version", "v1.37", "--output-format", "ci", "--exit-one-on-warning"}
		for _, check := range without {
			args = append(args, "--ignore-test", check)
		}
		for _, check := range []string{"container-seccomp-profile", "container-ports-check"} {
			args = append(args, "--enable-optional-test", check)
		}
		return linter(t, "github.com/zegl/kube-score/cmd/kube-score", documents, append(args, "-")...)
	}
	for _, values := range examples(t) {
		name := filepath.Base(values)
		if out, err := score(render(t, values), passedOver(name)); err != nil || !strings.Contains(out, "[OK]") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	greedy := "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a, namespace: b}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, " +
		"spec: {containers: [{name: c, image: a}]}}}\n"
	if out, err := score(greedy, passedOver("")); err == nil || !strings.Contains(out, "[CRITICAL]") {
		t.Errorf("a pod without limits was found well: %v\n%s", err, out)
	}
}
