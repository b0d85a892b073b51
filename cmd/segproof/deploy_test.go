package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/segproof/segproof/audit/cluster"
)

// The rights that are handed out are those of the kinds that are read: no more,
// no less, and nothing that changes anything.
func TestTheRightsAreThoseOfTheKindsThatAreRead(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "deploy", "manifests", "rbac.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for doc := range strings.SplitSeq(string(data), "\n---\n") {
		var role struct {
			Rules []struct{ APIGroups, Resources, ResourceNames, Verbs []string }
		}
		if err := yaml.Unmarshal([]byte(doc), &role); err != nil {
			t.Fatal(err)
		}
		for _, r := range role.Rules {
			for _, res := range r.Resources {
				names := append([]string{""}, r.ResourceNames...)
				for _, n := range names[min(1, len(r.ResourceNames)):] {
					got = append(got, strings.Join([]string{strings.Join(r.Verbs, ","), r.APIGroups[0], res, n}, " "))
				}
			}
		}
	}
	var want []string
	for _, k := range cluster.Kinds() {
		want = append(want, strings.Join([]string{"get,list,watch", k.Group, k.Resource, ""}, " "))
	}
	for _, r := range cluster.Named() {
		want = append(want, strings.Join([]string{"get", "", "configmaps", r.Name}, " "))
	}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("deploy/manifests/rbac.yaml (-read +granted):\n%s", d)
	}
}
