package suggest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/cluster"
	"github.com/segproof/segproof/audit/rules"
	"github.com/segproof/segproof/audit/suggest"
)

const shop = `apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {kubernetes.io/metadata.name: shop}}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: c}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db-1, namespace: shop, labels: {app: db}}
spec: {nodeName: node-1, containers: [{name: c}]}
---
`

// dropped is a shop whose web is kept from its db by what the file declares; the
// file's path and the plan.
func dropped(t *testing.T, policies string, verdict audit.Verdict) (string, *audit.Snapshot, *suggest.Plan) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "policies.yaml")
	for name, text := range map[string]string{"shop.yaml": shop, "policies.yaml": policies} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	inv, err := (&cluster.Manifests{Paths: []string{dir}}).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &audit.Snapshot{Inventory: inv, Options: options}
	e := engine(s)
	end := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := audit.Conversation{
		Protocol: audit.TCP, Port: 5432, Event: audit.PolicyVerdict, Direction: audit.Egress, Verdict: verdict,
		Flows: 4, Opened: 4, First: end.Add(-time.Minute), Last: end, FirstOpen: end.Add(-time.Minute), LastOpen: end,
	}
	if verdict == audit.Dropped {
		c.Reason = audit.ReasonDefault
	}
	for i := range 4 {
		c.Opens = append(c.Opens, audit.Open{Hash: uint64(i + 1), At: end.Add(time.Duration(i-3) * 20 * time.Second)})
	}
	for i := range inv.Pods {
		if p := e.PodPeer(&inv.Pods[i]); inv.Pods[i].Labels["app"] == "web" {
			c.From = p
		} else {
			c.To = p
		}
	}
	s.Traffic = &audit.Traffic{Since: c.First, Until: c.Last, Flows: 4, Conversations: []audit.Conversation{c}}
	r := audit.Check(s, e, rules.All)
	return path, s, (&suggest.Suggester{Read: os.ReadFile}).Plan(s, e, r)
}

const block = `# who may call whom
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: web   # the shop's face
  namespace: shop
spec:
  policyTypes: ["Egress"]
  podSelector:
    matchLabels: {app: 'web'}
  egress:
    # the cache
    - to:
        - podSelector: {matchLabels: {app: cache}}
      ports:
        - port: 6379

  # nothing else
---
apiVersion: v1
kind: ConfigMap
metadata: {name: "untouched",   namespace: shop}
data: {}
`

func TestAFileIsEditedAsItIsWritten(t *testing.T) {
	added := func(s string) string {
		return strings.Replace(s, "        - port: 6379\n", `        - port: 6379
    - to:
        - podSelector:
            matchLabels:
              app: db
      ports:
        - protocol: TCP
          port: 5432
`, 1)
	}
	list := `apiVersion: v1
kind: List
items:
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: {name: web, namespace: shop}
  spec:
    podSelector: {matchLabels: {app: web}}
    policyTypes: [Egress]
    egress: [] # not yet
`
	for name, c := range map[string]struct{ before, after string }{
		"comments, quotes, order, indentation and other documents stay": {block, added(block)},
		"so do the ends of lines": {strings.ReplaceAll(block, "\n", "\r\n"), strings.ReplaceAll(added(block), "\n", "\r\n")},
		"flow style stays": {
			`{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: web, namespace: shop}, spec: {egress: [], podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}} # one line` + "\n",
			"",
		},
		"a spec in flow style stays in its line": {
			"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]} # closed\n",
			"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{protocol: TCP, port: 5432}]}]} # closed\n",
		},
		"an item of a List is edited in its place": {list, strings.Replace(list, "    egress: [] # not yet\n", `    egress: # not yet
    - to:
      - podSelector:
          matchLabels:
            app: db
      ports:
      - protocol: TCP
        port: 5432
`, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			path, _, plan := dropped(t, c.before, audit.Dropped)
			if len(plan.Unproven) > 0 && plan.Unproven[0].Rule == "flow-drop-gap" {
				t.Fatal(plan.Unproven)
			}
			got := ""
			for _, f := range plan.Files {
				if filepath.Base(f.Path) == filepath.Base(path) {
					got = string(f.After)
				}
			}
			if c.after == "" { // the object is its spec's line; how it is written is left open
				if !strings.Contains(got, "5432") || strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, "# one line\n") {
					t.Errorf("got %q", got)
				}
				return
			}
			if d := cmp.Diff(c.after, got); d != "" {
				t.Errorf("differs (-want +got):\n%s", d)
			}
		})
	}
}

// Twice the same policy: nobody knows which of them counts, so neither is edited.
func TestAFileThatDeclaresAPolicyTwiceIsLeftAlone(t *testing.T) {
	_, _, plan := dropped(t, block+"---\n"+block[:strings.Index(block, "---")], audit.Dropped)
	if len(plan.Files) > 0 {
		t.Errorf("edited:\n%s", plan.Files[0].After)
	}
}

// A policy beside a default deny of the whole namespace, rather than a hole in it.
func TestADefaultDenyOfANamespaceIsNotPatched(t *testing.T) {
	_, _, plan := dropped(t, `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
`, audit.Dropped)
	var got []string
	for _, c := range plan.Changes {
		got = append(got, c.Action+" "+c.Policy.String()+": "+strings.Join(c.Opens, ", "))
	}
	want := []string{
		"create NetworkPolicy shop/allow-web-1-egress: Pod shop/web-1 → Pod shop/db-1 TCP 5432",
		"create NetworkPolicy shop/allow-db-1-ingress: Pod shop/web-1 → Pod shop/db-1 TCP 5432",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("both ends deny, so both are to be changed (-want +got):\n%s", d)
	}
}

const denyOff = `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  enableDefaultDeny: {egress: false}
  egress:
  - toEndpoints: [{matchLabels: {app: db}}]
    toPorts: [{ports: [{port: "PORT", protocol: TCP}]}]
`

func TestADenyIsTurnedOnOnlyWhereAllThatWasCarriedIsAllowed(t *testing.T) {
	for port, closes := range map[string]bool{"5432": true, "5433": false} {
		_, _, plan := dropped(t, strings.Replace(denyOff, "PORT", port, 1), audit.Forwarded)
		edited := false
		for _, c := range plan.Changes {
			edited = edited || c.Policy.Name == "web" && !strings.Contains(c.YAML, "enableDefaultDeny")
		}
		if edited != closes {
			t.Errorf("with port %s allowed: turned on %v; unproven %v", port, edited, plan.Unproven)
		}
	}
}

func TestAttachedSuggestionsStandByThemselvesAndAreBounded(t *testing.T) {
	for name, s := range recordings(t) {
		if name != "enforced" {
			continue
		}
		e := engine(s)
		r := audit.Check(s, e, rules.All)
		(&suggest.Suggester{}).Attach(s, e, r)
		n := 0
		for i := range r.Findings {
			if r.Findings[i].Suggestion != nil {
				n++
			}
		}
		few := audit.Check(s, e, rules.All)
		(&suggest.Suggester{Most: 2}).Attach(s, e, few)
		said := strings.Join(few.Coverage.Problems, "\n")
		if n < 10 || !strings.Contains(said, "segproof suggest looks at all") {
			t.Errorf("%d findings have a suggestion; with a bound of two the coverage says %q", n, said)
		}
	}
}
