package suggest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/cluster"
	"github.com/segproof/segproof/audit/flows"
	"github.com/segproof/segproof/audit/rules"
	"github.com/segproof/segproof/audit/suggest"
)

const usedByTwo = "rule-world-open/used-by-two.txtar"

// month is an archive with thirty days of flows.
func month(t *testing.T, name string) *audit.Snapshot {
	t.Helper()
	return archived(t, filepath.Join("..", "rules", "testdata", filepath.FromSlash(name)))
}

// suggested are the changes for the findings of one rule, and why there is none.
func suggested(s *audit.Snapshot, rule string) (yaml, why string) {
	e := engine(s)
	r := audit.Check(s, e, rules.All)
	var mine []audit.Finding
	for i := range r.Findings {
		if r.Findings[i].Rule == rule {
			mine = append(mine, r.Findings[i])
		}
	}
	r.Findings = mine
	plan := (&suggest.Suggester{}).Plan(s, e, r)
	for _, c := range plan.Changes {
		_, spec, _ := strings.Cut(c.YAML, "\nspec:\n")
		yaml += spec
	}
	for _, u := range plan.Unproven {
		why += u.Why + "\n"
	}
	return yaml, why
}

// also adds a conversation like the first, but for what is changed of it.
func also(s *audit.Snapshot, change func(*audit.Conversation)) {
	c := s.Conversations[0]
	change(&c)
	s.Conversations = append(s.Conversations, c)
}

func TestARuleForEverybodyIsReplacedByWhoUsedItAndOnWhichPorts(t *testing.T) {
	got, why := suggested(month(t, usedByTwo), "rule-world-open")
	want := `  podSelector:
    matchLabels:
      app: db
  policyTypes:
  - Ingress
  ingress:
  - from:
    - podSelector:
        matchLabels:
          app: prometheus
      namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: monitoring
    ports:
    - protocol: TCP
      port: 9187
  - from:
    - podSelector:
        matchLabels:
          app: web
    ports:
    - protocol: TCP
      port: 5432
`
	if d := cmp.Diff(want, got); d != "" || why != "" {
		t.Errorf("(-want +got):\n%s%s", d, why)
	}
}

// What was not seen may be needed all the same.
func TestARuleIsNotTightenedWhereTooLittleWasObserved(t *testing.T) {
	for name, c := range map[string]struct {
		lack func(*audit.Snapshot)
		why  string
	}{
		"no flows":            {func(s *audit.Snapshot) { s.Traffic = nil }, "no flows were given"},
		"a day short":         {func(s *audit.Snapshot) { s.Until = s.Since.Add(29 * 24 * time.Hour) }, "less than thirty days"},
		"a flow lost":         {func(s *audit.Snapshot) { s.Lost = 1 }, "part of the traffic was not seen"},
		"a node silent":       {func(s *audit.Snapshot) { s.Traffic.SilentNodes = []string{"node-2"} }, "part of the traffic was not seen"},
		"a gap":               {func(s *audit.Snapshot) { s.Gaps = []audit.Gap{{Node: "node-1"}} }, "part of the traffic was not seen"},
		"a record unreadable": {func(s *audit.Snapshot) { s.BadRecords = 1 }, "part of the traffic was not seen"},
		"flows folded":        {func(s *audit.Snapshot) { s.Folded = 1 }, "part of the traffic was not seen"},
		"a younger policy":    {func(s *audit.Snapshot) { s.Policies[0].Changed = s.Since.Add(time.Hour) }, "the policy was changed while flows were observed"},
		"used by nobody": {func(s *audit.Snapshot) {
			for i := range s.Conversations {
				s.Conversations[i].Verdict, s.Conversations[i].Reason = audit.Dropped, audit.ReasonDefault
			}
		}, "nothing used the rule"},
		"addresses that were too many to be kept": {func(s *audit.Snapshot) {
			also(s, func(c *audit.Conversation) { c.From = audit.Peer{Labels: audit.NewLabels("reserved:world")} })
		}, "too many addresses outside"},
		"a node, which a NetworkPolicy can't name": {func(s *audit.Snapshot) {
			also(s, func(c *audit.Conversation) { c.From = audit.Peer{Labels: audit.NewLabels("reserved:remote-node")} })
		}, "has no words for remote-node"},
		"ping, which a NetworkPolicy can't name": {func(s *audit.Snapshot) {
			also(s, func(c *audit.Conversation) { c.Protocol, c.Port = audit.ICMPv4, 8 })
		}, "has no words for"},
	} {
		t.Run(name, func(t *testing.T) {
			s := month(t, usedByTwo)
			c.lack(s)
			if yaml, why := suggested(s, "rule-world-open"); yaml != "" || !strings.Contains(why, c.why) {
				t.Errorf("suggested %q because %q, want nothing because %q", yaml, why, c.why)
			}
		})
	}
}

// A connection that was opened before anybody watched is needed as well.
func TestATightenedRuleKeepsWhatWasOnlySeenGoingOn(t *testing.T) {
	s := month(t, usedByTwo)
	for i := range s.Conversations {
		if c := &s.Conversations[i]; c.Port == 9187 {
			c.Event, c.Opened, c.Opens = audit.Seen, 0, nil
		}
	}
	if yaml, why := suggested(s, "rule-world-open"); !strings.Contains(yaml, "port: 9187") {
		t.Errorf("got %q %q", yaml, why)
	}
}

// Cilium takes one sort of peer in a rule: there is one for each, and what the
// rule asks of ports stays.
func TestATightenedRuleOfCiliumHasOneRuleForEachSortOfPeer(t *testing.T) {
	s := month(t, "rule-world-open-port/used-by-few.txtar")
	for i := range s.Conversations {
		if c := &s.Conversations[i]; c.Port == 5432 {
			c.Port = 443
		}
	}
	for _, o := range s.Policies {
		if o.Name == "calls" {
			spec := o.Raw["spec"].(map[string]any)
			spec["egress"] = []any{map[string]any{"toEntities": []any{"all"}, "toPorts": spec["egress"].([]any)[0].(map[string]any)["toPorts"]}}
		}
	}
	got, why := suggested(s, "rule-world-open-port")
	for _, want := range []string{"toCIDR:\n    - 203.0.113.7/32", "toEndpoints:\n    - matchLabels:\n        app: db"} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s%s", want, got, why)
		}
	}
	if n := strings.Count(got, `port: "443"`); n != 2 {
		t.Errorf("%d rules name the port, want 2:\n%s", n, got)
	}
}

// Both rules find fault with the same policies: the first that is heard changes
// them, and the other is content.
func TestChangesOfOnePolicyStandOnEachOther(t *testing.T) {
	s := month(t, "rule-world-open-port/used-by-few.txtar")
	closed := closedBy(t, s)
	for rule, n := range map[string]int{"rule-world-open-port": 2, "flow-overbroad-allow": 2} {
		if closed[rule] != n {
			t.Errorf("closed %d of %s, want %d: %v", closed[rule], rule, n, closed)
		}
	}
}

func TestTheLastRuleThatIsTakenAwayLeavesTheIsolation(t *testing.T) {
	s := month(t, "flow-unused-allow/unused-for-a-month.txtar")
	for _, o := range s.Policies {
		spec := o.Raw["spec"].(map[string]any)
		delete(spec, "policyTypes") // which then go by the rules
	}
	for i := range s.Conversations {
		s.Conversations[i].Verdict, s.Conversations[i].Reason = audit.Dropped, audit.ReasonDefault
	}
	got, why := suggested(s, "flow-unused-allow")
	if !strings.Contains(got, "policyTypes:\n  - Ingress\n") || strings.Contains(got, "\n  ingress:") {
		t.Errorf("got %q %q", got, why)
	}
}

// monthOf is an archive with thirty days of flows, whose objects are written otherwise.
func monthOf(t *testing.T, name string, edit func(objects string) string) (path string, s *audit.Snapshot) {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("..", "rules", "testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "cluster.yaml")
	if err := os.WriteFile(path, []byte(edit(string(a.Files[0].Data))), 0o644); err != nil {
		t.Fatal(err)
	}
	auditor := &audit.Auditor{
		Options: options, Cluster: &cluster.Manifests{Paths: []string{path}},
		Network: &flows.Files{Paths: []string{"-"}, Stdin: bytes.NewReader(a.Files[1].Data)},
	}
	s, missing, err := auditor.Gather(t.Context())
	if err != nil || len(missing) > 0 {
		t.Fatal(err, missing)
	}
	return path, s
}

func TestARuleIsTightenedInTheFileThatDeclaresIt(t *testing.T) {
	before := func(objects string) string {
		return strings.Replace(objects, "  ingress:\n  - {}\n", "  ingress: # who asks\n  - {} # all for now\n  # nobody else\n", 1)
	}
	path, s := monthOf(t, usedByTwo, before)
	e := engine(s)
	r := audit.Check(s, e, rules.All)
	plan := (&suggest.Suggester{Read: os.ReadFile}).Plan(s, e, r)
	if len(plan.Files) != 1 || plan.Files[0].Path != path {
		t.Fatalf("edited %d files", len(plan.Files))
	}
	after := string(plan.Files[0].After)
	for _, want := range []string{"  ingress: # who asks\n", "      port: 5432\n", "  # nobody else\n"} {
		if !strings.Contains(after, want) {
			t.Errorf("lacks %q:\n%s", want, after)
		}
	}
}

// A clusterwide policy is about pods of every namespace, so all are asked.
func TestAClusterwideRuleIsTightenedOnlyIfNobodyAnywhereNeedsMore(t *testing.T) {
	_, s := monthOf(t, "rule-world-open-port/used-by-few.txtar", func(objects string) string {
		objects = strings.Replace(objects, "kind: CiliumNetworkPolicy\nmetadata: {name: calls, namespace: shop,", "kind: CiliumClusterwideNetworkPolicy\nmetadata: {name: calls,", 1)
		return strings.Replace(objects, "matchLabels: {app: db}\n", "matchLabels: {app: db, k8s:io.kubernetes.pod.namespace: shop}\n", 1)
	})
	got, why := suggested(s, "rule-world-open-port")
	if !strings.Contains(got, "toCIDR:\n    - 203.0.113.7/32") || why != "" {
		t.Errorf("got %q %q", got, why)
	}
}
