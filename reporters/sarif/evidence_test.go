package sarif

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
)

// declaredPolicy is a policy of a cluster, with two rules.
func declaredPolicy() audit.Declared {
	return audit.Declared{
		Ref: audit.Ref{Kind: "NetworkPolicy", Namespace: "n", Name: "allow"}, APIVersion: "networking.k8s.io/v1",
		Manifest: map[string]any{
			"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
			"metadata": map[string]any{"name": "allow", "namespace": "n", "annotations": map[string]any{"note": "yes", "owner": "a: b"}},
			"spec": map[string]any{"podSelector": map[string]any{}, "ingress": []any{
				map[string]any{"from": []any{map[string]any{"podSelector": map[string]any{}}}},
				map[string]any{"ports": []any{map[string]any{"port": float64(80)}, map[string]any{"port": "http"}}},
			}},
		},
	}
}

func TestAnObjectIsTextWithALineForEachNode(t *testing.T) {
	m := newManifest(declaredPolicy().Manifest)
	want := `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: allow
  namespace: "n"
  annotations:
    note: "yes"
    owner: "a: b"
spec:
  ingress:
  - from:
    - podSelector: {}
  - ports:
    - port: 80
    - port: http
  podSelector: {}
`
	if d := cmp.Diff(want, m.text); d != "" {
		t.Errorf("text (-want +got):\n%s", d)
	}
	for rule, want := range map[string]string{"ingress[0]": "  - from:", "ingress[1]": "  - ports:", "": "  name: allow", "egress[9]": "  name: allow"} {
		if got := m.at(m.line(rule)); got != want {
			t.Errorf("%s is at %q, want %q", rule, got, want)
		}
	}
	kyverno := newManifest(map[string]any{"metadata": map[string]any{"name": "p"}, "spec": map[string]any{"rules": []any{
		map[string]any{"name": "first"}, map[string]any{"name": "add-deny", "generate": map[string]any{}},
	}}})
	if got := kyverno.at(kyverno.line("add-deny")); got != "  - name: add-deny" {
		t.Errorf("the rule is at %q", got)
	}
}

func TestWhatNoFileHoldsIsWrittenBesideWithTheLineThatIsShown(t *testing.T) {
	f := finding("SEG404", audit.Low)
	f.Subject = declaredPolicy().Ref
	f.Policies = []audit.PolicyRef{{Ref: f.Subject, Rule: "ingress[1]"}}
	hostile := finding("SEG101", audit.High)
	hostile.Subject = audit.Ref{Kind: "../..", Namespace: "..", Name: "../../etc/pass\u202ewd\x00"}
	r := &audit.Report{Cluster: "../prod", Objects: []audit.Declared{declaredPolicy()}, Findings: []audit.Finding{f, hostile}}
	outside := t.TempDir()
	dir := filepath.Join(outside, "evidence")
	results := accept(t, written(t, Reporter{EvidenceDir: dir}, r)).Runs[0].Results
	if len(results) != 2 {
		t.Fatalf("%d results, want 2", len(results))
	}
	for _, x := range results {
		at := x.Locations[0].PhysicalLocation
		b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(at.ArtifactLocation.URI)))
		if err != nil {
			t.Fatal(err)
		}
		line := strings.Split(string(b), "\n")[at.Region.StartLine-1]
		if at.Region.Snippet == nil || at.Region.Snippet.Text != line {
			t.Errorf("line %d is %q and shown as %v", at.Region.StartLine, line, at.Region.Snippet)
		}
		if x.RuleID == "SEG404" && line != "  - ports:" {
			t.Errorf("the rule is shown at %q", line)
		}
	}
	if left := names(t, outside); len(left) != 1 {
		t.Errorf("written outside: %v", left)
	}
}

func TestEvidenceFollowsNoLinkOutOfItsFolder(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "evidence")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "cluster-state")); err != nil {
		t.Fatal(err)
	}
	r := &audit.Report{Cluster: "prod", Findings: []audit.Finding{finding("SEG101", audit.High)}}
	path := filepath.Join(outside, "out.sarif")
	err := Reporter{Path: path, EvidenceDir: dir}.Report(t.Context(), r)
	if err == nil || !strings.HasPrefix(err.Error(), "write evidence to ") {
		t.Errorf("error is %v", err)
	}
	if left := names(t, outside); len(left) != 2 {
		t.Errorf("outside are %v, want the evidence and the document", left)
	}
}

func TestAnObjectSaysWhichFileItComesFrom(t *testing.T) {
	for by, c := range map[string]struct {
		annotations map[string]any
		uri         string
		line        int
	}{
		"annotation":       {map[string]any{"segproof.dev/source": "apps/a.yaml:12", "configmanagement.gke.io/source-path": "b.yaml"}, "apps/a.yaml", 12},
		"config-sync":      {map[string]any{"configmanagement.gke.io/source-path": "clusters/b.yaml"}, "clusters/b.yaml", 1},
		"kustomize-origin": {map[string]any{"config.kubernetes.io/origin": "path: base/c.yaml\nrepo: https://example.com/r\nref: main\n"}, "base/c.yaml", 1},
		"datadog-origin":   {map[string]any{"origin.datadoghq.com/location": `{"url":"https://example.com/r","path":"d.yaml"}`}, "d.yaml", 1},
		"cluster-state":    {map[string]any{"argocd.argoproj.io/tracking-id": "pay:networking.k8s.io/NetworkPolicy:n/allow"}, "cluster-state//n/NetworkPolicy.networking.k8s.io/allow.yaml", 0},
	} {
		o := declaredPolicy()
		o.Manifest["metadata"].(map[string]any)["annotations"] = c.annotations
		f := finding("SEG404", audit.Low)
		f.Subject = o.Ref
		r := &audit.Report{Cluster: "prod", Objects: []audit.Declared{o}, Findings: []audit.Finding{f}}
		x := accept(t, written(t, Reporter{}, r)).Runs[0].Results[0]
		at := x.Locations[0].PhysicalLocation
		if uri := strings.ReplaceAll(c.uri, "//", "/prod/"); x.Properties["locatedBy"] != by || at.ArtifactLocation.URI != uri || c.line > 0 && at.Region.StartLine != c.line {
			t.Errorf("%s: located by %v at %s:%d, want %s:%d", by, x.Properties["locatedBy"], at.ArtifactLocation.URI, at.Region.StartLine, uri, c.line)
		}
		if _, ok := x.Properties["appliedBy"]; ok != (by == "cluster-state") {
			t.Errorf("%s: applied by %v", by, x.Properties["appliedBy"])
		}
	}
}
