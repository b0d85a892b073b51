package rules_test

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/rules"
)

// Every rule, also those that are off unless asked for, is silent on a cluster
// as it should be.
func TestACleanClusterHasNothingAboveInfo(t *testing.T) {
	a, err := txtar.ParseFile(filepath.Join("testdata", "clean.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	s := snapshot(t, a)
	r := audit.Check(s, engine(s), rules.All)
	for _, f := range r.Findings {
		if f.Kind == audit.Fails && f.Severity != audit.Info {
			t.Errorf("%s %s %s: %s", f.Severity, f.Rule, f.Subject, f.Message)
		}
	}
	for rule, n := range r.Coverage.Withheld {
		t.Logf("%s withheld %d", rule, n)
	}
	if r.Coverage.Flows < 30 {
		t.Errorf("only %d flows were read", r.Coverage.Flows)
	}
}
