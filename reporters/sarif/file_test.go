package sarif

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
)

func TestAFileIsReplacedWhole(t *testing.T) {
	r := canonical(t)
	want := written(t, Reporter{}, r)
	dir := t.TempDir()
	path, link := filepath.Join(dir, "out.sarif"), filepath.Join(dir, "link.sarif")
	if err := os.WriteFile(path, bytes.Repeat([]byte("longer than the document"), len(want)), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{link, path, filepath.Join(dir, "new.sarif")} {
		if err := (Reporter{Path: p}).Report(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(p)
		if err != nil || !bytes.Equal(want, got) {
			t.Errorf("%s holds something else (%v)", p, err)
		}
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o640 {
		t.Errorf("the mode of the old file is not kept: %v, %v", fi.Mode(), err)
	}
	if fi, err := os.Lstat(link); err != nil || fi.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link was replaced: %v", err)
	}
	if left := names(t, dir); len(left) != 3 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAFailureLeavesTheOldFileAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "folder")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{sub, filepath.Join(dir, "missing", "out.sarif"), filepath.Join(dir, "a\x00b")} {
		err := Reporter{Path: path}.Report(t.Context(), &audit.Report{})
		if err == nil || !strings.HasPrefix(err.Error(), "write sarif ") || !strings.Contains(err.Error(), "\nname a file") {
			t.Errorf("%q: error is %v", path, err)
		}
	}
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func names(t *testing.T, dir string) (ns []string) {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		ns = append(ns, e.Name())
	}
	return ns
}

func TestFilesAreNamedByRelativeURIs(t *testing.T) {
	for file, want := range map[string]string{
		"clusters/prod/a.yaml":         "clusters/prod/a.yaml",
		"./a//b/../c.yaml":             "a/c.yaml",
		"/repo/deploy/a.yaml":          "deploy/a.yaml",
		"/repository/a.yaml":           "_root/repository/a.yaml",
		"/etc/a.yaml":                  "_root/etc/a.yaml",
		"../../up/a.yaml":              "_up/_up/up/a.yaml",
		"a b/100%/c#d?e.yaml":          "a%20b/100%25/c%23d%3Fe.yaml",
		"http://x/y":                   "http%3A/x/y",
		"Ü/日.yaml":                     "%C3%9C/%E6%97%A5.yaml",
		"pay\u202eipa.yaml":            "",
		`..\..\evil.yaml`:              "",
		strings.Repeat("n", 300):       "",
		"a/" + string([]byte{0xff, 0}): "",
	} {
		got := fileURI("/repo", file)
		acceptURI(t, got)
		if want != "" && got != want {
			t.Errorf("%q is named %q, want %q", file, got, want)
		}
	}
}

func TestAnObjectWithoutAFileIsNamedByItsPlaceInTheCluster(t *testing.T) {
	long := strings.Repeat("n", 253)
	for o, want := range map[audit.Ref]string{
		{Kind: "Deployment", Namespace: "payments", Name: "api"}:      "cluster-state/prod/payments/Deployment.apps/api.yaml",
		{Kind: "ClusterPolicy", Name: "add-networkpolicy"}:            "cluster-state/prod/_cluster/ClusterPolicy.kyverno.io/add-networkpolicy.yaml",
		{Kind: "CIDR", Name: "203.0.113.0/24"}:                        "cluster-state/prod/_cluster/CIDR/x94c6699ed4d8-203.0.113.0_24.yaml",
		{Kind: "Pod", Namespace: "_cluster", Name: long}:              "",
		{Kind: "Pod", Namespace: "..", Name: ".."}:                    "",
		{Kind: "Pod", Namespace: "n", Name: long[1:] + "m"}:           "",
		{Kind: "Pod", Namespace: "n", Name: long}:                     "",
		{Kind: "Pod", Namespace: "n", Name: strings.ToUpper("a\xff")}: "",
	} {
		got := stateURI("prod", o, nil)
		acceptURI(t, got)
		if want != "" && got != want {
			t.Errorf("%s is named %q, want %q", o, got, want)
		}
	}
	if a, b := segment("a/b"), segment("a\\b"); a == b {
		t.Errorf("two names have the same segment %s", a)
	}
}

func TestPoliciesWithAFileAreRelatedLocations(t *testing.T) {
	policy := func(name, file string, line int) audit.PolicyRef {
		return audit.PolicyRef{
			Ref: audit.Ref{Kind: "NetworkPolicy", Namespace: "n", Name: name}, Rule: "egress[0]",
			Location: audit.Source{File: file, Line: line},
		}
	}
	f := finding("SEG101", audit.High)
	f.Location = audit.Source{File: "main.yaml", Line: 3}
	f.Policies = []audit.PolicyRef{
		policy("same place", "main.yaml", 3), policy("a", "p.yaml", 1), policy("from the cluster", "", 0),
		policy("again", "p.yaml", 1), policy("b", "/elsewhere/p.yaml", 0), {Ref: audit.Ref{Kind: "NetworkPolicy", Name: "read from a record"}},
	}
	d := accept(t, written(t, Reporter{}, &audit.Report{Findings: []audit.Finding{f}}))
	var got []string
	for _, l := range d.Runs[0].Results[0].RelatedLocations {
		got = append(got, l.PhysicalLocation.ArtifactLocation.URI)
	}
	if d := cmp.Diff([]string{"p.yaml", "_root/elsewhere/p.yaml"}, got); d != "" {
		t.Errorf("related locations (-want +got):\n%s", d)
	}
}

func TestNullsAreDroppedAtEveryDepth(t *testing.T) {
	p := &printer{}
	got := p.marshal(map[string]any{"a": nil, "b": []any{nil, 1, map[string]any{"c": nil, "d": "null"}}, "n": uint64(1<<63 + 1)})
	if want := `{"b":[1,{"d":"null"}],"n":9223372036854775809}`; string(got) != want || p.err != nil {
		t.Errorf("got %s and error %v, want %s", got, p.err, want)
	}
}

func TestALimitIsKeptAndNeverSplitsACharacter(t *testing.T) {
	for _, s := range []string{"", "abc", strings.Repeat("a", 50), strings.Repeat("é", 50), strings.Repeat("日", 50), strings.Repeat("🙂", 50)} {
		for n := 3; n < 60; n++ {
			got := limit(s, n)
			if len(got) > n || audit.Clean(got) != got || len(s) <= n && got != s || len(s) > n && !strings.HasSuffix(got, "…") {
				t.Errorf("limit(%q, %d) = %q", s, n, got)
			}
		}
	}
}
