package rules_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/rules"
)

// A rule that reads an input which it did not declare panics here, not in a
// cluster.
func TestRulesReadOnlyWhatTheyDeclare(t *testing.T) {
	inventory, traffic := &audit.Inventory{}, &audit.Traffic{}
	for _, s := range []*audit.Snapshot{
		{}, {Inventory: inventory}, {Traffic: traffic}, {Inventory: inventory, Traffic: traffic},
	} {
		r := audit.Check(s, engine(s), rules.All)
		for _, rule := range rules.All {
			missing := rule.Needs&audit.Flows != 0 && s.Traffic == nil || rule.Needs&(audit.Policies|audit.Kyverno) != 0 && s.Inventory == nil
			if _, skipped := r.Coverage.Skipped[rule.Name]; missing && !skipped {
				t.Errorf("%s was applied without %s", rule.Name, rule.Needs)
			}
		}
	}
}

// README.md is made of the rules and their archives, so the example in the
// documentation is the test.
func TestTheCatalogueIsUpToDate(t *testing.T) {
	got := catalogue(t)
	if *update {
		if err := os.WriteFile("README.md", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(string(want), got); d != "" {
		t.Errorf("README.md is not what `go test ./audit/rules -update` writes:\n%s", d)
	}
}

func catalogue(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Rules\n\nWhat Segproof looks for. Written by `go test ./audit/rules -update` from the rules and their test archives; do not edit.\n\n" +
		"| id | rule | severity | |\n|---|---|---|---|\n")
	for _, r := range rules.All {
		fmt.Fprintf(&b, "| [%s](#%s) | `%s` | %s | %s |\n", r.ID, strings.ToLower(r.ID+"-"+r.Name), r.Name, r.Severity, r.Doc.Title)
	}
	for _, r := range rules.All {
		fmt.Fprintf(&b, "\n## %s %s\n\n%s. Severity %s, needs %s%s.\n\n**Why.** %s\n\n**What to do.** %s\n\n**What it can't see.** %s\n\n",
			r.ID, r.Name, r.Doc.Title, r.Severity, r.Needs, whenOff(r), r.Doc.Why, r.Doc.Fix, r.Doc.Blind)
		fmt.Fprintf(&b, "References: %s.\n\nCases, each a test:\n\n", strings.Join(r.References, ", "))
		for _, file := range archives(t, r) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			says := strings.Join(strings.Fields(string(a.Comment)), " ")
			fmt.Fprintf(&b, "- [%s](%s): %s\n", strings.TrimSuffix(filepath.Base(file), ".txtar"), filepath.ToSlash(file), says)
		}
	}
	b.WriteString(leftOut)
	return b.String()
}

func whenOff(r *audit.Rule) string {
	if r.Off {
		return "; off unless asked for"
	}
	return ""
}

// leftOut says which rules were thought of and are not there, and why.
const leftOut = `
## Left out

Rules that were thought of and are not there, because nothing that Segproof reads could prove them:

| rule | why |
|---|---|
| ` + "`enforce-canary-open`" + ` | It needs probes: a pod that tries what is denied, and first what is allowed. Segproof only reads, and starts nothing in a cluster. |
| ` + "`enforce-map-pressure`" + ` | A policy map that is full shows in the agent's metrics (` + "`cilium_bpf_map_pressure`" + `) and in no object or flow. Watch the metric. |
`
