package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
)

func TestTheOrderOfPathsDoesNotMatter(t *testing.T) {
	inFolder(t, map[string]string{
		"a/deny.yaml": policy, "b/deny.yaml": strings.Replace(policy, "{}", "{matchLabels: {x: y}}", 1),
		"b/broken.yaml": "kind: [\n", "c.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
	})
	want := readPaths(t, "a", "b", "c.yaml")
	for _, paths := range [][]string{{"c.yaml", "b", "a"}, {"b", "./a/", "c.yaml", "b/deny.yaml"}, {"."}} {
		if d := cmp.Diff(want, readPaths(t, paths...)); d != "" {
			t.Errorf("%v: %s", paths, d)
		}
	}
}

func TestTheSameObjectTwiceNamesBothPlaces(t *testing.T) {
	inFolder(t, map[string]string{"a.yaml": policy, "b.yaml": "# again\n" + strings.Replace(policy, "{}", "{matchLabels: {x: y}}", 1)})
	inv := readPaths(t, "b.yaml", "a.yaml")
	if len(inv.Policies) != 1 || inv.Policies[0].Source.File != "a.yaml" {
		t.Errorf("want that of a.yaml: %v", inv.Policies)
	}
	if len(inv.Problems) != 1 {
		t.Fatal(inv.Problems)
	}
	if p := inv.Problems[0]; p.File != "b.yaml" || p.Line != 2 || !strings.Contains(p.Err, "first in a.yaml, line 1") {
		t.Errorf("got %v", p)
	}
}

func TestTheSameNameInAnotherGroupOrScopeIsAnotherObject(t *testing.T) {
	inFolder(t, map[string]string{"a.yaml": `
{apiVersion: kyverno.io/v2, kind: PolicyException, metadata: {name: x}}
--- 
{apiVersion: policies.kyverno.io/v1, kind: PolicyException, metadata: {name: x}}
---
{apiVersion: cilium.io/v2, kind: CiliumClusterwideNetworkPolicy, metadata: {name: x, namespace: ignored}}
---
{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: x}}
`})
	inv := readPaths(t, "a.yaml")
	if len(inv.Problems) > 0 {
		t.Error(inv.Problems)
	}
	got := append(refs(inv.Policies), refs(inv.Kyverno)...)
	want := []string{"CiliumClusterwideNetworkPolicy x", "CiliumNetworkPolicy default/x", "PolicyException default/x", "PolicyException default/x"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if inv.Kyverno[0].APIVersion != "kyverno.io/v2" || inv.Kyverno[1].APIVersion != "policies.kyverno.io/v1" {
		t.Errorf("versions %s, %s", inv.Kyverno[0].APIVersion, inv.Kyverno[1].APIVersion)
	}
}

func TestHostileNamesAreKeptAsTheyAre(t *testing.T) {
	name := "<!channel> \x1b[31m'; DROP TABLE x;--\u202e"
	inFolder(t, map[string]string{"a.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: \"<!channel> \\e[31m'; DROP TABLE x;--\\u202e\"}\n"})
	inv := readPaths(t, "a.yaml")
	if len(inv.Namespaces) != 1 || inv.Namespaces[0].Name != name {
		t.Errorf("got %+q", fmt.Sprint(inv.Namespaces))
	}
}

func TestStandardInputIsReadAsAFile(t *testing.T) {
	inv, err := (&Manifests{Paths: []string{"-", "-"}, Stdin: strings.NewReader(policy + "---\nkind: [\n")}).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.Policies) != 1 || inv.Policies[0].Source != (audit.Source{File: "-", Line: 1}) {
		t.Errorf("policies %v", inv.Policies)
	}
	if len(inv.Problems) != 1 || inv.Problems[0].File != "-" || inv.Problems[0].Line != 9 {
		t.Errorf("problems %v", inv.Problems)
	}
}

func TestAPathThatCanNotBeReadIsAProblemAndNoMore(t *testing.T) {
	inFolder(t, map[string]string{"a.yaml": policy, "folder/x.yaml": "a: b\n"})
	if err := os.Symlink("../folder", "folder/back"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../a.yaml", "folder/link.yaml"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", "folder/dead.yaml"); err != nil {
		t.Fatal(err)
	}
	inv := readPaths(t, "folder", "missing.yaml")
	var got []string
	for _, p := range inv.Problems {
		got = append(got, p.String())
	}
	want := []string{
		"folder/back: a link to a folder is not followed; name the folder itself with --manifests",
		"folder/dead.yaml: no such file or folder; check the path given with --manifests",
		"missing.yaml: no such file or folder; check the path given with --manifests",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(inv.Policies) != 1 || inv.Policies[0].Source.File != "folder/link.yaml" {
		t.Errorf("a link to a file is a file: %v", inv.Policies)
	}
}

func TestNothingToReadIsAnErrorThatSaysWhatToDo(t *testing.T) {
	inFolder(t, map[string]string{"empty/readme.txt": "x", "broken.yaml": "kind: [\n"})
	for path, says := range map[string]string{
		"empty":       "name a file, or a folder with .yaml",
		"missing":     "missing: no such file or folder",
		"broken.yaml": "broken.yaml, document 1, line 1: not YAML",
		"-":           "standard input was not given",
	} {
		_, err := (&Manifests{Paths: []string{path}}).Inventory(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), "read manifests: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", path, err, says)
		}
	}
}

func TestHalfADocumentIsNotUsed(t *testing.T) {
	half := io.MultiReader(strings.NewReader(policy+"---\n"+policy[:len(policy)/2]), iotest.ErrReader(errors.New("the pipe broke")))
	inv, err := (&Manifests{Paths: []string{"-"}, Stdin: half}).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.Policies) != 1 || len(inv.Problems) != 1 || inv.Problems[0].String() != "-: not readable: the pipe broke" {
		t.Errorf("policies %v, problems %v", inv.Policies, inv.Problems)
	}
}

func TestACancelledContextEndsTheReading(t *testing.T) {
	inFolder(t, map[string]string{"a.yaml": policy})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&Manifests{Paths: []string{"."}}).Inventory(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestALargeDocumentCostsOnlyItself(t *testing.T) {
	inFolder(t, map[string]string{"a.yaml": "x: " + strings.Repeat("y", maxYAML) + "\n---\n" + policy})
	inv := readPaths(t, "a.yaml")
	if len(inv.Problems) != 1 || !strings.Contains(inv.Problems[0].Err, "too large") {
		t.Errorf("problems %v", inv.Problems)
	}
	if len(inv.Policies) != 1 || inv.Policies[0].Source.Line != 3 {
		t.Errorf("policies %v", inv.Policies)
	}
}

func TestProblemsAndIgnoredKindsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range maxProblems + 7 {
		fmt.Fprintf(&b, "---\nkind: [\n---\napiVersion: x/v1\nkind: K%d\n", i)
	}
	inFolder(t, map[string]string{"a.yaml": b.String()})
	inv := readPaths(t, "a.yaml")
	if n := len(inv.Problems); n != maxProblems+1 || !strings.HasPrefix(inv.Problems[n-1].Err, "7 more problems") {
		t.Errorf("%d problems, the last %v", n, inv.Problems[n-1])
	}
	if n := len(inv.Ignored); n != maxIgnored+1 || inv.Ignored[otherKinds] != maxProblems+7-maxIgnored {
		t.Errorf("%d kinds, %d others", n, inv.Ignored[otherKinds])
	}
}

func TestTheRecordedDumpIsReadWhole(t *testing.T) {
	inv := readPaths(t, "testdata/dump.yaml")
	if len(inv.Problems) > 0 {
		t.Error(inv.Problems)
	}
	if inv.Cluster != "lab" || inv.Settings["enable-policy"] != "default" {
		t.Errorf("cluster %q, settings %v", inv.Cluster, inv.Settings)
	}
	if got := inv.At.Format("2006-01-02T15:04:05Z07:00"); got != "2026-11-22T22:42:53Z" {
		t.Errorf("at %s", got)
	}
	want := []string{
		"ClusterPolicy generate-default-deny", "ValidatingPolicy require-app-name", "ConfigMap kyverno/kyverno",
		"UpdateRequest kyverno/ur-bq9mc", "PolicyException legacy/legacy-without-limits",
	}
	if d := cmp.Diff(want, refs(inv.Kyverno)); d != "" {
		t.Error(d)
	}
	if len(inv.Policies) != 6 || len(inv.Pods) != 2 || len(inv.Workloads) != 2 || len(inv.Results) != 6 || len(inv.Ignored) != 0 {
		t.Errorf("%d policies, %d pods, %d workloads, %d results, ignored %v",
			len(inv.Policies), len(inv.Pods), len(inv.Workloads), len(inv.Results), inv.Ignored)
	}
	api := inv.Pods[slices.IndexFunc(inv.Pods, func(p audit.Pod) bool { return p.Labels["app"] == "api" })]
	if api.Owner != (audit.Ref{Kind: "Deployment", Namespace: "payments", Name: "api"}) || api.Node != "lab-node" || len(api.IPs) != 1 {
		t.Errorf("got %+v", api)
	}
}
