package deploy

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/segproof/segproof/test/rig"
)

// Kyverno's own command applies the policies of admission to what we deploy, and
// to what they must refuse.
func TestKyvernosOwnCommandPassesWhatWeDeploy(t *testing.T) {
	rig.Require(t, rig.Kyverno)
	binary, err := build("kyverno", "github.com/kyverno/kyverno/cmd/cli/kubectl-kyverno")
	if err != nil {
		t.Fatal(err)
	}
	managed := "apiVersion: cli.kyverno.io/v1alpha1\nkind: Values\nmetadata: {name: values}\nnamespaceSelector:\n" +
		"  - {name: segproof, labels: {platform.io/managed: \"true\"}}\n"
	apply := func(resources string, more ...string) (string, error) {
		args := append([]string{"apply", filepath.Join(lab, "policies", "kyverno.yaml"), "--resource", save(t, "resources.yaml", resources), "--remove-color"}, more...)
		out, err := exec.CommandContext(t.Context(), binary, args...).CombinedOutput()
		return string(out), err
	}
	namespaces := []string{"--values-file", save(t, "values.yaml", managed)}
	for _, values := range examples(t) {
		objects := render(t, values)
		for i, x := range templates(t, decode(t, objects)) {
			objects += fmt.Sprintf("---\n%s", pod(t, x, i))
		}
		out, err := apply(objects, namespaces...)
		if err != nil || !strings.Contains(out, "fail: 0") || strings.Contains(out, "pass: 0") {
			t.Errorf("%s: %v\n%s", filepath.Base(values), err, out)
		}
	}
	out, _ := apply("apiVersion: v1\nkind: Pod\nmetadata: {name: greedy, namespace: segproof}\nspec: {containers: [{name: c, image: a}]}\n---\n"+
		"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: lost, namespace: segproof}\nspec: {groups: []}\n", namespaces...)
	if !strings.Contains(out, "fail: 2") {
		t.Errorf("a pod without limits and an alert without a team were not refused:\n%s", out)
	}
	out, err = apply(text(t, filepath.Join(lab, "policies", "namespaces.yaml")))
	if n := strings.Count(out, "name: default-deny-all"); err != nil || n != 5 {
		t.Errorf("%d of 5 namespaces got their default deny: %v\n%s", n, err, out)
	}
}
