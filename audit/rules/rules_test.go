package rules_test

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/cluster"
	"github.com/segproof/segproof/audit/flows"
	"github.com/segproof/segproof/audit/policy"
	"github.com/segproof/segproof/audit/rules"
)

var update = flag.Bool("update", false, "rewrite what the archives want, and README.md")

func TestEveryRuleIsWholeAndUnique(t *testing.T) {
	if err := audit.Validate(rules.All); err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(rules.All, func(a, b *audit.Rule) int { return cmp.Compare(a.ID, b.ID) }) {
		t.Error("rules.All is not ordered by id")
	}
}

// Every rule has an archive with findings, and one without.
func TestArchivesGetTheVerdictTheyWant(t *testing.T) {
	for _, rule := range rules.All {
		t.Run(rule.Name, func(t *testing.T) {
			guilty, innocent := 0, 0
			for _, file := range archives(t, rule) {
				t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
					if len(try(t, rule, file)) > 0 {
						guilty++
					} else {
						innocent++
					}
				})
			}
			if guilty == 0 || innocent == 0 {
				t.Errorf("%d archives with findings and %d without; at least one of each is demanded", guilty, innocent)
			}
		})
	}
}

func archives(t *testing.T, rule *audit.Rule) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", rule.Name, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// try holds one archive against its rule, and compares or rewrites what it wants.
func try(t *testing.T, rule *audit.Rule, file string) []audit.Finding {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := snapshot(t, a)
	r := audit.Check(s, engine(s), rules.All)
	mine := slices.DeleteFunc(r.Findings, func(f audit.Finding) bool { return f.Rule != rule.Name })
	got := verdict(r, rule, mine)
	i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == "want" })
	if i < 0 {
		t.Fatal("no file called want")
	}
	if *update {
		a.Files[i].Data = []byte(got)
		if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
		return mine
	}
	if d := gocmp.Diff(string(a.Files[i].Data), got); d != "" {
		t.Errorf("verdict differs (-want +got):\n%s", d)
	}
	return mine
}

// snapshot reads an archive as --manifests and --flows are read.
func snapshot(t *testing.T, a *txtar.Archive) *audit.Snapshot {
	t.Helper()
	auditor := &audit.Auditor{Options: audit.Options{
		Settle: 30 * time.Second, SystemNamespaces: []string{"kube-system", "kyverno"}, OwnerKeys: []string{"team"},
	}}
	for _, f := range a.Files {
		switch f.Name {
		case "cluster.yaml":
			auditor.Cluster = &cluster.Manifests{Paths: []string{"-"}, Stdin: bytes.NewReader(f.Data)}
		case "flows.jsonl":
			auditor.Network = &flows.Files{Paths: []string{"-"}, Stdin: bytes.NewReader(f.Data)}
		}
	}
	s, _, err := auditor.Gather(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func engine(s *audit.Snapshot) audit.Engine {
	if s.Inventory == nil {
		return nil
	}
	return policy.Compile(s.Inventory, policy.Options{})
}

// verdict writes the findings of one rule as an archive wants them.
func verdict(r *audit.Report, rule *audit.Rule, fs []audit.Finding) string {
	var b strings.Builder
	for _, f := range fs {
		fmt.Fprintf(&b, "%s %s: %s\n", f.Kind, f.Subject, f.Message)
		fmt.Fprintf(&b, "\t%s", cmp.Or(string(f.Direction), "-"))
		if f.Peer != nil {
			fmt.Fprintf(&b, " %s %s", *f.Peer, f.PortName())
		}
		for _, p := range f.Policies {
			fmt.Fprintf(&b, " [%s %s]", p.Ref, p.Rule)
		}
		b.WriteString("\n")
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "\tseen: %s", e.What)
			if e.Connections > 0 {
				fmt.Fprintf(&b, ", %d connections in %d flows", e.Connections, e.Flows)
			}
			b.WriteString("\n")
		}
		if f.Fix != rule.Doc.Fix {
			fmt.Fprintf(&b, "\tfix: %s\n", f.Fix)
		}
	}
	if n := r.Coverage.Withheld[rule.Name]; n > 0 {
		fmt.Fprintf(&b, "withheld: %d\n", n)
	}
	if why := r.Coverage.Skipped[rule.Name]; why != "" {
		fmt.Fprintf(&b, "skipped: %s\n", why)
	}
	return b.String()
}
