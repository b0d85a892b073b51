package e2e

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

// line is what a finding says, in one line: kind, rule, subject, and the
// connection where it is about one.
func line(f audit.Finding) string {
	s := fmt.Sprintf("%s %s %s", f.Kind, f.Rule, f.Subject)
	if f.Peer != nil {
		way := "->"
		if f.Direction == audit.Ingress {
			way = "<-"
		}
		s += fmt.Sprintf(" %s %s", way, f.Peer)
	}
	if f.Port != nil {
		s += fmt.Sprintf(" %s/%d", f.Protocol, *f.Port)
	}
	return s
}

// lines are the findings of rules whose name begins so, in order.
func lines(r *audit.Report, rules ...string) []string {
	var out []string
	for _, f := range r.Findings {
		if slices.ContainsFunc(rules, func(p string) bool { return strings.HasPrefix(f.Rule, p) }) {
			out = append(out, line(f))
		}
	}
	slices.Sort(out)
	return out
}

func wantLines(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s: - wanted, + got\n%s", what, d)
	}
}

// find is the finding whose line that is; nil if there is none.
func find(r *audit.Report, want string) *audit.Finding {
	for i := range r.Findings {
		if line(r.Findings[i]) == want {
			return &r.Findings[i]
		}
	}
	return nil
}

// mustFind fails the test with all that was found instead.
func mustFind(t *testing.T, r *audit.Report, want string) *audit.Finding {
	t.Helper()
	f := find(r, want)
	if f == nil {
		t.Fatalf("missing: %s\nfound:\n%s\ncoverage: %+v", want, strings.Join(lines(r, ""), "\n"), r.Coverage)
	}
	return f
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func save(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// namesOf are the policies of a finding, as kind/namespace/name.
func namesOf(f *audit.Finding) []string {
	var out []string
	for _, p := range f.Policies {
		out = append(out, p.Ref.String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}
