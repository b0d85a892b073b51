package explain

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/cluster"
	"github.com/segproof/segproof/audit/policy"
)

// talk is a conversation between two ends as they are declared.
func talk(t *testing.T, x *Explainer, from, to string, port uint16, how func(*audit.Conversation)) audit.Conversation {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := audit.Conversation{Protocol: audit.TCP, Port: port, Opened: 2, Flows: 2, First: at, Last: at.Add(time.Minute)}
	for s, p := range map[string]*audit.Peer{from: &c.From, to: &c.To} {
		e, err := ParseEnd(s)
		if err != nil {
			t.Fatal(err)
		}
		found, err := x.end(&e, nil)
		if err != nil {
			t.Fatal(err)
		}
		if *p = found.are[0].peer; p.IP.IsValid() {
			p.Labels = audit.NewLabels("reserved:world")
		}
	}
	how(&c)
	return c
}

func delivered(c *audit.Conversation) { c.Event, c.Verdict = audit.Delivered, audit.Forwarded }

func dropped(end audit.Direction) func(*audit.Conversation) {
	return func(c *audit.Conversation) {
		c.Event, c.Verdict, c.Direction, c.Reason = audit.PolicyVerdict, audit.Dropped, end, audit.ReasonDefault
	}
}

// change reads manifests as --change does.
func change(t *testing.T, manifests string, deleted ...audit.Ref) *Change {
	t.Helper()
	c := &Change{Deleted: deleted}
	if manifests != "" {
		inv, err := (&cluster.Manifests{Paths: []string{"-"}, Stdin: strings.NewReader(manifests)}).Inventory(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		c.Objects = inv
	}
	return c
}

// observed is what was seen in the cluster of testdata.
func observed(t *testing.T, x *Explainer) *audit.Traffic {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tr := &audit.Traffic{Since: at, Until: at.Add(5 * time.Minute), Flows: 12, Lost: 3}
	tr.Conversations = []audit.Conversation{
		talk(t, x, "shop/web-1", "data/db", 5432, delivered),
		talk(t, x, "shop/web-2", "data/db", 5432, delivered),
		talk(t, x, "shop/web-1", "203.0.113.7", 443, func(c *audit.Conversation) { c.Event, c.Verdict = audit.Left, audit.Forwarded }),
		talk(t, x, "shop/batch", "data/db", 5432, dropped(audit.Egress)),
		talk(t, x, "shop/mixed-2", "data/db", 5432, dropped(audit.Ingress)),
		talk(t, x, "shop/web-1", "data/db", 9, func(c *audit.Conversation) { dropped(audit.Ingress)(c); c.Reason = "CT_MAP_INSERTION_FAILED" }),
		talk(t, x, "shop/web-1", "10.0.0.9", 5432, func(c *audit.Conversation) {
			delivered(c)
			c.To = audit.Peer{IP: netip.MustParseAddr("10.0.0.9"), Labels: audit.NewLabels("reserved:world")}
		}),
		talk(t, x, "shop/web-1", "data/db", 7, func(c *audit.Conversation) { c.Event = audit.Seen }),
	}
	return tr
}

const denyWeb = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}
`

func TestAPreviewSaysWhatBreaksAndWhatOpens(t *testing.T) {
	const open = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: data}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 5432}]}]}
`
	x := explainer(t)
	for _, c := range []struct {
		name   string
		change *Change
		want   []string // but for what is unchanged
	}{
		{"a default deny for one workload", change(t, denyWeb), []string{
			"breaks StatefulSet shop/web egress world TCP 443: not-isolated > default-deny, 2 forwarded, 0 dropped",
			"breaks StatefulSet shop/web egress Pod data/db TCP 5432: not-isolated > default-deny, 4 forwarded, 0 dropped",
		}},
		{"a policy replaced by a wider one", change(t, open), []string{
			"opens Pod data/db ingress StatefulSet shop/mixed TCP 5432: default-deny > allowed-by-rule, 0 forwarded, 2 dropped",
		}},
		{"a policy deleted, and the other end still denies", change(t, "", audit.Ref{Kind: "NetworkPolicy", Namespace: "data", Name: "db"}), []string{
			"opens Pod data/db ingress StatefulSet shop/mixed TCP 5432: default-deny > not-isolated, 0 forwarded, 2 dropped",
		}},
		{"a label of the namespace that a rule selects", change(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: green}}"), []string{
			"breaks Pod data/db ingress StatefulSet shop/web TCP 5432: allowed-by-rule > default-deny, 4 forwarded, 0 dropped",
		}},
		{"the labels of a workload's pods", change(t, "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: web, namespace: shop}\nspec: {template: {metadata: {labels: {app: www}}, spec: {containers: [{name: c}]}}}"), []string{
			"breaks Pod data/db ingress StatefulSet shop/web TCP 5432: allowed-by-rule > default-deny, 4 forwarded, 0 dropped",
		}},
		{"HTTP rules where there were none", change(t, `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: shop}
spec: {endpointSelector: {matchLabels: {app: web}}, egress: [{toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": data}}], toPorts: [{ports: [{port: "5432", protocol: TCP}], rules: {http: [{path: /}]}}]}, {toEntities: [world]}]}
`), []string{
			"unsure StatefulSet shop/web egress Pod data/db TCP 5432: not-isolated > allowed-by-rule, 4 forwarded, 0 dropped",
		}},
		{"the same again", change(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: red}}"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := NewPreview(x.inv, c.change, observed(t, x), policy.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range p.Effects {
				if e.Outcome != Unchanged {
					got = append(got, describe(&e))
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if d := cmp.Diff(map[string]uint64{"dropped for a reason that is not policy": 2, "an end's identity was not known": 2}, p.Skipped); d != "" {
				t.Errorf("skipped (-want +got):\n%s", d)
			}
		})
	}
}

func describe(e *Effect) string {
	s := e.Egress
	if e.Direction == audit.Ingress {
		s = e.Ingress
	}
	return fmt.Sprintf("%s %s %s %s %s: %s > %s, %d forwarded, %d dropped", e.Outcome, e.Subject, e.Direction, e.Peer,
		audit.PortName(e.Protocol, e.Port), s.Before.Reason, s.After.Reason, e.Observed.Forwarded, e.Observed.Dropped)
}

func TestTheOrderOfConversationsChangesNothingOfAPreview(t *testing.T) {
	x := explainer(t)
	text := func(tr *audit.Traffic) string {
		p, err := NewPreview(x.inv, change(t, denyWeb, audit.Ref{Kind: "CiliumNetworkPolicy", Namespace: "shop", Name: "batch"}), tr, policy.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := p.Text(&b); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		return b.String() + string(data)
	}
	tr := observed(t, x)
	want := text(tr)
	slices.Reverse(tr.Conversations)
	if d := cmp.Diff(want, text(tr)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, line := range []string{
		"CiliumNetworkPolicy shop/batch: deleted", "NetworkPolicy shop/web: added, ",
		"BREAKS  2 kinds of connection", "  StatefulSet shop/web → world, TCP 443 (203.0.113.7)",
		"      after   denied, no rule allows it; isolated by NetworkPolicy shop/web", "UNCHANGED  2 kinds of connection: 0 allowed, 2 denied",
		"Not decided: 2 flows: an end's identity was not known",
	} {
		if !strings.Contains(want, line) {
			t.Errorf("no %q in\n%s", line, want)
		}
	}
}

func TestAChangeThatCantBeAppliedIsAnError(t *testing.T) {
	x := explainer(t)
	for _, c := range []struct {
		change *Change
		want   string
	}{
		{change(t, "", audit.Ref{Kind: "NetworkPolicy", Namespace: "data", Name: "bd"}), "delete NetworkPolicy data/bd: no such policy is declared\nonly network policies can be deleted in a preview; there are CiliumNetworkPolicy/data/door, NetworkPolicy/data/db"},
		{change(t, "", audit.Ref{Kind: "Pod", Namespace: "data", Name: "db"}), "delete Pod data/db: no such policy"},
		{change(t, denyWeb+"---\nkind: NetworkPolicy\nmetadata: {name: x}\n"), "document 2, line "},
	} {
		if _, err := NewPreview(x.inv, c.change, &audit.Traffic{}, policy.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v\nwant %s", err, c.want)
		}
	}
}

func TestARefIsParsedOrRefused(t *testing.T) {
	for s, want := range map[string]audit.Ref{
		"NetworkPolicy/a/b":                {Kind: "NetworkPolicy", Namespace: "a", Name: "b"},
		"CiliumClusterwideNetworkPolicy/b": {Kind: "CiliumClusterwideNetworkPolicy", Name: "b"},
		"b":                                {}, "a//b": {}, "a/b/c/d": {},
	} {
		if got, err := ParseRef(s); got != want || (err != nil) != (want == audit.Ref{}) {
			t.Errorf("%s: %v %v", s, got, err)
		}
	}
}
