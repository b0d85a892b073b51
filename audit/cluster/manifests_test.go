package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
)

const policy = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: deny
  namespace: shop
spec:
  podSelector: {}
`

// inFolder writes files into an empty folder and goes there.
func inFolder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func readPaths(t *testing.T, paths ...string) *audit.Inventory {
	t.Helper()
	inv, err := (&Manifests{Paths: paths}).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func refs(os []*audit.Object) []string {
	var out []string
	for _, o := range os {
		out = append(out, o.Ref.String())
	}
	return out
}

func TestABrokenDocumentNamesFileDocumentAndLine(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		line       int // within the document
		says       string
	}{
		{"tab", "kind: A\nspec:\n\tx: 1\n", 3, "tab"},
		{"tab deeper", "kind: A\nspec:\n  x: 1\n\ty: 1\n", 4, "tab"},
		{"tab in the first line", "\tkind: A\n", 1, "tab"},
		{"dedent", "kind: A\nmetadata:\n  name: x\n namespace: y\n", 4, "not YAML"},
		{"quote that is never closed", "kind: A\nx: \"y\nz: 1\nw: 2\n", 2, "not YAML"},
		{"colon in a value", "kind: A\nx: y: z\n", 2, "not YAML"},
		{"unknown anchor", "kind: A\nx: *nowhere\n", 2, "unknown anchor"},
		{"text after a flow mapping", "{kind: A, metadata: {}}\nx: y\n", 2, "not YAML"},
		{"control character", "kind: A\nx: \x01\n", 2, "control characters"},
		{"not UTF-8", "kind: A\nx: \xff\xfe\n", 2, "UTF-8"},
		{"same key twice", "kind: A\nspec:\n  x: 1\n  y: 2\n  x: 3\n", 5, `"x" is there twice, first in line 12`},
		{"anchor in itself", "kind: A\nx: &x\n  - *x\n", 3, "contains itself"},
		{"Helm value", "kind: A\nmetadata:\n  name: {{ .Values.name }}\n", 3, "helm template"},
		{"Helm block", "{{- if .Values.on }}\nkind: A\n{{- end }}\n", 1, "helm template"},
		{"Kyverno variable", "kind: A\nx: '{{ request.object }}'\ny: z: {{request}}\n", 3, "not YAML"},
		{"no name", "apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {}\n", 1, "metadata.name is missing"},
		{"no metadata", "apiVersion: v1\nkind: Pod\n", 1, "metadata is missing"},
		{"no apiVersion", "kind: NetworkPolicy\nmetadata:\n  name: x\n", 1, "apiVersion is missing"},
		{"no kind", "apiVersion: v1\nmetadata:\n  name: x\n", 1, "kind is missing"},
		{"unknown version", "apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: x}\n", 1, "use v1"},
		{"name is a number", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: 8080\n", 4, "put it in quotes"},
		{"endless name", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: " + strings.Repeat("x", 300) + "\n", 1, "too long"},
		{"label is a boolean", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: x\n  labels:\n    a: b\n    on: yes\n", 7, "expected a string, found true or false"},
		{"ports are no list", "apiVersion: v1\nkind: Service\nmetadata:\n  name: x\nspec:\n  ports:\n    port: 80\n", 6, "spec.ports: expected a list"},
		{"port does not fit", "apiVersion: v1\nkind: Service\nmetadata:\n  name: x\nspec:\n  ports:\n  - port: 80\n  - port: 4294967376\n", 8, "number 4294967376"},
		{"policy with a wrong type", strings.Replace(policy, "name: deny", "name: wrong", 1)[:len(policy)-2] + "\n    matchLabels: [a]\n", 8, "matchLabels: expected a mapping, found a list"},
		{"not JSON either", `{"apiVersion": "v1", "kind": "Pod" "x"}` + "\n", 1, "not JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// Nine lines come before it, and a good document behind.
			inFolder(t, map[string]string{"apps/a.yaml": "# a comment\n" + policy + "---\n" + tt.text + "---\n" + strings.Replace(policy, "deny", "after", 1)})
			inv := readPaths(t, "apps")
			if want := []string{"NetworkPolicy shop/after", "NetworkPolicy shop/deny"}; !slices.Equal(refs(inv.Policies), want) {
				t.Errorf("policies %v, want %v", refs(inv.Policies), want)
			}
			if len(inv.Problems) != 1 {
				t.Fatalf("want one problem, got %v", inv.Problems)
			}
			p := inv.Problems[0]
			if p.File != "apps/a.yaml" || p.Document != 2 || p.Line != tt.line+9 || !strings.Contains(p.Err, tt.says) {
				t.Errorf("got %q, want line %d and %q", p, tt.line+9, tt.says)
			}
		})
	}
}

func TestAMistakeInAFieldThatNobodyReadsSpoilsNothing(t *testing.T) {
	inFolder(t, map[string]string{"a.yaml": `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${REPLICAS}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: 7, ports: [{name: http, containerPort: 8080}], resources: {limits: {cpu: []}}}]
`})
	inv := readPaths(t, "a.yaml")
	if len(inv.Problems) > 0 || len(inv.Workloads) != 1 {
		t.Fatalf("problems %v, workloads %v", inv.Problems, inv.Workloads)
	}
	want := audit.Workload{
		Ref: audit.Ref{Kind: "Deployment", Namespace: "default", Name: "web"}, PodLabels: map[string]string{"app": "web"},
		ServiceAccount: "default", Ports: []audit.NamedPort{{Name: "http", Protocol: audit.TCP, Port: 8080}},
		Source: audit.Source{File: "a.yaml", Line: 2}, // and no replicas: how many is not said yet
	}
	if d := cmp.Diff(want, inv.Workloads[0]); d != "" {
		t.Error(d)
	}
}

func TestWhatIsWrittenDifferentlyIsReadTheSame(t *testing.T) {
	utf16 := []byte{0xff, 0xfe}
	for _, c := range policy {
		utf16 = append(utf16, byte(c), 0)
	}
	forms := map[string]string{
		"CRLF":              strings.ReplaceAll(policy, "\n", "\r\n"),
		"BOM":               "\ufeff" + policy,
		"UTF-16":            string(utf16),
		"no end of line":    strings.TrimSuffix(policy, "\n"),
		"document end":      policy + "...\n",
		"JSON":              `{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"deny","namespace":"shop"},"spec":{"podSelector":{}}}`,
		"flow style":        `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: shop}, spec: {podSelector: {}}}`,
		"marker, directive": "%YAML 1.1\n--- # it begins\n" + policy,
		"empty documents":   "---\n# nothing\n---\n\n---\n" + policy + "---\n---\n# nothing\n",
	}
	for name, text := range forms {
		t.Run(name, func(t *testing.T) {
			inFolder(t, map[string]string{"p.yaml": text})
			inv := readPaths(t, "p.yaml")
			if len(inv.Problems) > 0 || len(inv.Ignored) > 0 {
				t.Errorf("problems %v, ignored %v", inv.Problems, inv.Ignored)
			}
			if got := refs(inv.Policies); !slices.Equal(got, []string{"NetworkPolicy shop/deny"}) {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestObjectsKnowTheLineTheyBeginAt(t *testing.T) {
	inFolder(t, map[string]string{
		"crlf.yaml": strings.ReplaceAll("# one\n\n---\n"+strings.ReplaceAll(policy, "deny", "crlf")+"---  # two\n# more\n\n"+strings.ReplaceAll(policy, "deny", "second"), "\n", "\r\n"),
		"list.yaml": "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: a}\n-\n  apiVersion: v1\n  kind: Namespace\n  metadata: {name: b}\n",
		"list.json": "{\"apiVersion\": \"v1\", \"kind\": \"NamespaceList\",\n \"items\": [\n  {\"metadata\": {\"name\": \"c\"}},\n  {\n   \"metadata\": {\"name\": \"d\"}}\n ]\n}\n{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"name\": \"e\"}}\n",
		"y.yml":     strings.ReplaceAll(policy, "deny", "plain"),
	})
	inv := readPaths(t, "./", "./crlf.yaml")
	if len(inv.Problems) > 0 {
		t.Fatal(inv.Problems)
	}
	var got []string
	for _, p := range inv.Policies {
		got = append(got, fmt.Sprintf("%s %s:%d", p.Name, p.Source.File, p.Source.Line))
	}
	for _, n := range inv.Namespaces {
		got = append(got, fmt.Sprintf("%s %s:%d", n.Name, n.Source.File, n.Source.Line))
	}
	want := []string{
		"crlf crlf.yaml:4", "plain y.yml:1", "second crlf.yaml:14",
		"a list.yaml:4", "b list.yaml:8", "c list.json:3", "d list.json:4", "e list.json:8",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestListsAreTakenApartAndABadItemHidesNoOther(t *testing.T) {
	inFolder(t, map[string]string{"a.yaml": `apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: List
  items:
  - {apiVersion: v1, kind: Namespace, metadata: {name: nested}}
- {apiVersion: v1, kind: Namespace, metadata: {name: 7}}
- {apiVersion: v1, kind: Namespace, metadata: {name: x, name: y}}
- null
- 3
- {apiVersion: v1, kind: Namespace, metadata: {name: last}}
`, "b.json": `{"kind": "List", "apiVersion": "v1", "items": [
{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": {}}},
{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "json", "labels": {"a": "b", "a": "c"}}},
{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "json"}}]}`})
	inv := readPaths(t, ".")
	var names []string
	for _, n := range inv.Namespaces {
		names = append(names, n.Name)
	}
	if want := []string{"json", "last", "nested"}; !slices.Equal(names, want) {
		t.Errorf("namespaces %v, want %v", names, want)
	}
	var lines []string
	for _, p := range inv.Problems {
		lines = append(lines, fmt.Sprintf("%s:%d", p.File, p.Line))
	}
	if want := []string{"a.yaml:8", "a.yaml:9", "b.json:2", "b.json:3"}; !slices.Equal(lines, want) {
		t.Errorf("problems %v, want in lines %v", inv.Problems, want)
	}
	if inv.Ignored[notKubernetes] != 1 {
		t.Errorf("ignored %v", inv.Ignored)
	}
}

func TestForeignObjectsAreCounted(t *testing.T) {
	inFolder(t, map[string]string{
		"values.yaml":        "replicaCount: 1\nimage: {tag: x}\n",
		"kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: elsewhere\nresources: [p.yaml]\n",
		"p.yaml":             policy,
		"gpu.yaml":           "apiVersion: nvidia.com/v1\nkind: ClusterPolicy\nmetadata: {name: gpu}\n",
		"s.yaml":             "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: t}\n",
		"cm.yaml":            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cilium-config, namespace: tenant}\ndata: {enable-policy: never}\n",
		".git/x.yaml":        "kind: [\n",
		"notes.txt":          "kind: [\n",
	})
	inv := readPaths(t, ".")
	want := map[string]int{notKubernetes: 1, "Kustomization": 1, "ClusterPolicy.nvidia.com": 1, "Secret": 2, "ConfigMap": 1}
	if d := cmp.Diff(want, inv.Ignored); d != "" {
		t.Error(d)
	}
	if len(inv.Problems) > 0 || len(inv.Kyverno) > 0 || inv.Settings != nil {
		t.Errorf("problems %v, kyverno %v, settings %v", inv.Problems, inv.Kyverno, inv.Settings)
	}
	if got := refs(inv.Policies); !slices.Equal(got, []string{"NetworkPolicy shop/deny"}) {
		t.Errorf("the kustomization's namespace must not be applied: %v", got)
	}
}
