package suggest_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/cluster"
	"github.com/segproof/segproof/audit/flows"
	"github.com/segproof/segproof/audit/policy"
	"github.com/segproof/segproof/audit/rules"
	"github.com/segproof/segproof/audit/suggest"
)

var options = audit.Options{
	Settle: 30 * time.Second, SystemNamespaces: []string{"kube-system", "kyverno", "cilium-secrets"}, OwnerKeys: []string{"team"},
}

// snapshot reads both sides as --manifests and --flows do; flows may be nil.
func snapshot(t *testing.T, objects, lines []byte) *audit.Snapshot {
	t.Helper()
	a := &audit.Auditor{Options: options, Cluster: &cluster.Manifests{Paths: []string{"-"}, Stdin: bytes.NewReader(objects)}}
	if lines != nil {
		a.Network = &flows.Files{Paths: []string{"-"}, Stdin: bytes.NewReader(lines)}
	}
	s, missing, err := a.Gather(t.Context())
	if err != nil || len(missing) > 0 {
		t.Fatal(err, missing)
	}
	return s
}

func engine(s *audit.Snapshot) *policy.Engine { return policy.Compile(s.Inventory, policy.Options{}) }

// recordings are those that ship and those that only tests read.
func recordings(t *testing.T) map[string]*audit.Snapshot {
	t.Helper()
	out := map[string]*audit.Snapshot{}
	for _, root := range []string{"recordings", "testdata/recordings"} {
		dirs, err := filepath.Glob(filepath.Join("..", "..", "cmd", "segproof", root, "*", "objects.yaml.gz"))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range dirs {
			dir := filepath.Dir(d)
			out[filepath.Base(dir)] = snapshot(t, gunzip(t, d), gunzip(t, filepath.Join(dir, "flows.jsonl.gz")))
		}
	}
	if len(out) == 0 {
		t.Fatal("no recordings")
	}
	return out
}

func gunzip(t *testing.T, path string) []byte {
	t.Helper()
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// applied is what is declared once the changes were applied, read anew from
// their text.
func applied(t *testing.T, inv *audit.Inventory, plan *suggest.Plan) *audit.Inventory {
	t.Helper()
	after := *inv
	after.Policies = slices.Clone(inv.Policies)
	for _, c := range plan.Changes {
		next := snapshot(t, []byte(c.YAML), nil).Policies
		if len(next) != 1 || next[0].Ref != c.Policy {
			t.Fatalf("%s reads as %d policies:\n%s", c.Policy, len(next), c.YAML)
		}
		i := slices.IndexFunc(after.Policies, func(o *audit.Object) bool { return o.Ref == c.Policy })
		if (i >= 0) != (c.Action == "replace") {
			t.Errorf("%s: action %s", c.Policy, c.Action)
		}
		if i >= 0 {
			after.Policies[i] = next[0]
		} else {
			after.Policies = append(after.Policies, next[0])
		}
	}
	return &after
}

// closedBy applies all changes for a snapshot and audits again. What can't be
// closed is told; all else is closed, and nothing new is found. It returns how
// many findings of each rule were closed.
func closedBy(t *testing.T, s *audit.Snapshot) map[string]int {
	t.Helper()
	closed := map[string]int{}
	e := engine(s)
	r := audit.Check(s, e, rules.All)
	plan := (&suggest.Suggester{}).Plan(s, e, r)
	unproven, had := map[string]bool{}, map[string]bool{}
	for _, u := range plan.Unproven {
		t.Logf("unproven %s %s: %s", u.Rule, u.Subject, u.Why)
		unproven[u.Fingerprint] = true
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		had[f.Fingerprint] = true
		if suggest.Speaks(f) && f.Suppressed == nil && !unproven[f.Fingerprint] {
			closed[f.Rule]++
		}
	}
	after := *s
	after.Inventory = applied(t, s.Inventory, plan)
	again := audit.Check(&after, engine(&after), rules.All)
	for i := range again.Findings {
		switch f := &again.Findings[i]; {
		case f.Kind != audit.Fails || f.Suppressed != nil:
		case suggest.Speaks(f) && !unproven[f.Fingerprint]:
			t.Errorf("still %s %s %s: %s", f.Rule, f.Subject, f.Direction, f.Message)
		case !had[f.Fingerprint] && !rulesOff()[f.Rule]:
			t.Errorf("new %s %s: %s", f.Rule, f.Subject, f.Message)
		}
	}
	if t.Failed() {
		for _, c := range plan.Changes {
			t.Logf("%s\n%s", c.Policy, c.YAML)
		}
	}
	return closed
}

// rulesOff are those that nobody sees unless asked for.
func rulesOff() map[string]bool {
	off := map[string]bool{}
	for _, r := range rules.All {
		off[r.Name] = r.Off
	}
	return off
}

func TestApplyingAllSuggestionsForARecordingAndAuditingAgainLeavesNoGap(t *testing.T) {
	closed := map[string]int{}
	for name, s := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			for rule, n := range closedBy(t, s) {
				closed[rule] += n
			}
		})
	}
	t.Log("closed:", fmt.Sprint(closed))
	for _, rule := range []string{"flow-drop-gap", "flow-dns-dropped", "cover-no-default-deny-ingress", "cover-no-default-deny-egress"} {
		if closed[rule] == 0 {
			t.Errorf("no recording has a finding of %s that was closed", rule)
		}
	}
}

// The archives of a rule show it in every form that it is known to take.
func TestApplyingAllSuggestionsForAnArchiveAndAuditingAgainLeavesNoGap(t *testing.T) {
	for _, rule := range rules.All {
		if !suggest.Speaks(&audit.Finding{Rule: rule.Name, Kind: audit.Fails}) {
			continue
		}
		t.Run(rule.Name, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join("..", "rules", "testdata", rule.Name, "*.txtar"))
			if err != nil {
				t.Fatal(err)
			}
			closed := 0
			for _, file := range files {
				t.Run(filepath.Base(file), func(t *testing.T) {
					if s := archived(t, file); s != nil {
						closed += closedBy(t, s)[rule.Name]
					}
				})
			}
			// Those about coverage need flows, which their archives have none of: the
			// recordings show them.
			if closed == 0 && !strings.HasPrefix(rule.Name, "cover-") {
				t.Errorf("no archive has a finding of %s that was closed", rule.Name)
			}
		})
	}
}

// archived reads the two sides of an archive; nil where nothing is declared, so
// that nothing can be suggested.
func archived(t *testing.T, file string) *audit.Snapshot {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var objects, lines []byte
	for _, f := range a.Files {
		switch f.Name {
		case "cluster.yaml":
			objects = f.Data
		case "flows.jsonl":
			lines = f.Data
		}
	}
	if objects == nil {
		return nil
	}
	return snapshot(t, objects, lines)
}
