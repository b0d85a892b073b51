package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

// used lists the rules that were exercised, and how.
func used(r *audit.Report) []string {
	var out []string
	for _, x := range r.PolicyCoverage {
		if x.Exercised {
			out = append(out, x.Name+" "+x.Rule+" "+string(x.Effect)+" "+string(x.Direction))
		}
	}
	return out
}

func TestARuleIsExercisedOnlyByTrafficThatItDecided(t *testing.T) {
	l := newLab(t, twoNamespaces+denyIngress+allowGate)
	l.saw("gate", "web", by(audit.Ingress, "allow-gate"))
	l.saw("gate", "db", dropped(audit.Ingress))
	l.saw("web", "db", delivered) // contradicts, and exercises nothing
	r := l.check()
	want := []string{"allow-gate ingress[0] allow ingress", "deny  isolate ingress"}
	if d := cmp.Diff(want, used(r)); d != "" {
		t.Error(d)
	}
	if n, of := r.Exercised(); n != 2 || of != 4 {
		t.Errorf("%d of %d rules", n, of)
	}
	i := slices.IndexFunc(r.PolicyCoverage, func(x audit.Exercise) bool { return x.Rule == "ingress[0]" })
	x := r.PolicyCoverage[i]
	if x.Conversations != 1 || x.Connections != 3 || !x.Last.Equal(midday) || !slices.Equal(x.By, []string{"Pod edge/gate-1 → Pod shop/web-1 TCP 80"}) {
		t.Errorf("%+v", x)
	}
}

func TestManyConversationsOfARuleAreCountedAndSomeNamed(t *testing.T) {
	l := newLab(t, twoNamespaces+denyIngress)
	for port := range uint16(9) {
		l.saw("gate", "db", func(c *audit.Conversation) { dropped(audit.Ingress)(c); c.Port = 1000 + port })
	}
	x := l.check().PolicyCoverage[0]
	want := []string{"Pod edge/gate-1 → Pod shop/db-1 TCP 1000", "Pod edge/gate-1 → Pod shop/db-1 TCP 1001", "Pod edge/gate-1 → Pod shop/db-1 TCP 1002"}
	if d := cmp.Diff(want, x.By); d != "" || x.Conversations != 9 || x.Connections != 18 {
		t.Errorf("%+v\n%s", x, d)
	}
}

func TestAPolicyWithoutEffectIsListedAndCountsForNothing(t *testing.T) {
	r := newLab(t, twoNamespaces+`---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: mixed, namespace: shop}
spec: {endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: "80"}]}], icmps: [{fields: [{type: 8}]}]}]}
`).check()
	if len(r.PolicyCoverage) != 1 || !r.PolicyCoverage[0].NoEffect || r.PolicyCoverage[0].Note == "" {
		t.Errorf("%+v", r.PolicyCoverage)
	}
	if n, of := r.Exercised(); n != 0 || of != 0 {
		t.Errorf("%d of %d rules", n, of)
	}
}

func edge(t *testing.T, r *audit.Report, from, to string, port uint16) audit.Edge {
	t.Helper()
	for _, e := range r.Edges {
		if e.From.Name == from && e.To.Name == to && e.Port == port {
			return e
		}
	}
	t.Fatalf("no edge %s → %s %d", from, to, port)
	return audit.Edge{}
}

func TestAnEdgeIsWhatBecameOfTheConnectionsBetweenTwoWorkloads(t *testing.T) {
	l := newLab(t, twoNamespaces+denyIngress+allowGate)
	l.saw("gate", "web", by(audit.Ingress, "allow-gate")).saw("gate", "web", delivered)
	l.saw("gate", "db", dropped(audit.Ingress))
	l.saw("web", "db", func(c *audit.Conversation) { delivered(c); c.Port = 81 })
	l.saw("unmanaged", "web", func(c *audit.Conversation) { delivered(c); c.From.Labels = nil })
	r := l.check()
	for _, c := range []struct {
		from, to string
		port     uint16
		want     audit.EdgeState
		n        uint64
	}{
		{"gate-1", "web-1", 80, audit.EdgeCarried, 3},
		{"gate-1", "db-1", 80, audit.EdgeRefused, 2},
		{"web-1", "db-1", 81, audit.EdgeContradicted, 3},
		{"unknown", "web-1", 80, audit.EdgeUnjudged, 3},
		{"db-1", "web-1", 80, audit.EdgeUnseen, 0},
	} {
		if e := edge(t, r, c.from, c.to, c.port); e.State != c.want || e.Connections != c.n {
			t.Errorf("%s → %s %d is %s with %d connections, want %s with %d", c.from, c.to, c.port, e.State, e.Connections, c.want, c.n)
		}
	}
	got := edge(t, r, "gate-1", "web-1", 80)
	if got.Egress.Outcome != audit.Used || got.Egress.Reason != audit.NotIsolated || got.Ingress.Reason != audit.AllowedByRule || got.Flows != 6 || len(got.Samples) != 1 {
		t.Errorf("%+v", got)
	}
	if !slices.IsSortedFunc(r.Edges, func(a, b audit.Edge) int { return a.From.Compare(b.From) }) {
		t.Error("edges are not in order")
	}
}

func TestAnEdgeNamesTheFindingsAboutIt(t *testing.T) {
	rule := &audit.Rule{ID: "SEG401", Name: "flow-drop-gap", Severity: audit.High, Check: func(p *audit.Pass) {
		port, peer := uint16(80), audit.Ref{Kind: "Pod", Namespace: "edge", Name: "gate-1"}
		p.Report(audit.Finding{Subject: audit.Ref{Kind: "Pod", Namespace: "shop", Name: "db-1"}, Peer: &peer, Direction: audit.Ingress, Protocol: audit.TCP, Port: &port})
	}}
	l := newLab(t, twoNamespaces+denyIngress)
	l.saw("gate", "db", dropped(audit.Ingress))
	r := l.check(rule)
	if e := edge(t, r, "gate-1", "db-1", 80); !slices.Equal(e.Findings, []string{r.Findings[0].Fingerprint}) {
		t.Errorf("%+v", e)
	}
}

func TestEdgesBeyondTheBoundAreCountedAndTheGraveOnesKept(t *testing.T) {
	l := newLab(t, twoNamespaces+denyIngress)
	for port := range uint16(20_500) {
		l.saw("gate", "world", func(c *audit.Conversation) { delivered(c); c.Event = audit.Left; c.Port = port + 1 })
	}
	l.saw("web", "db", delivered)
	r := l.check()
	if len(r.Edges) != 20_000 || r.Coverage.FoldedEdges != 501 {
		t.Errorf("%d edges and %d folded", len(r.Edges), r.Coverage.FoldedEdges)
	}
	if e := edge(t, r, "web-1", "db-1", 80); e.State != audit.EdgeContradicted {
		t.Errorf("%+v", e)
	}
}

func TestObjectsAreThoseThatFindingsAndEdgesNameAndHoldNothingSecret(t *testing.T) {
	l := newLab(t, twoNamespaces+`---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: api
  namespace: shop
  resourceVersion: "7"
  managedFields: [{manager: kubectl}]
  annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}", example.com/api-token: hunter2, note: kept}
spec:
  endpointSelector: {}
  ingress:
    - fromEndpoints: [{}]
      toPorts:
        - ports: [{port: "80", protocol: TCP}]
          rules: {http: [{path: /, headers: ["X-Auth: hunter2"], headerMatches: [{name: X-Key, value: hunter2, secret: {name: key, namespace: shop}}]}]}
status: {conditions: [{type: Valid}]}
---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: copies}
spec: {rules: [{name: r, match: {any: [{resources: {kinds: [Namespace]}}]}, generate: {kind: Secret, apiVersion: v1, name: s, data: {stringData: {p: hunter2}, data: {q: aHVudGVyMg==}}}}]}
`)
	named := []audit.Ref{
		{Kind: "CiliumNetworkPolicy", Namespace: "shop", Name: "api"}, {Kind: "ClusterPolicy", Name: "copies"},
		{Kind: "Namespace", Name: "shop"}, {Kind: "Entity", Name: "world"}, {Kind: "Pod", Namespace: "shop", Name: "gone"},
	}
	rule := &audit.Rule{ID: "SEG301", Name: "rule-x", Severity: audit.Low, Check: func(p *audit.Pass) {
		for _, ref := range named {
			p.Report(audit.Finding{Subject: ref})
		}
	}}
	r := l.check(rule)
	var got []string
	for _, o := range r.Objects {
		got = append(got, o.String())
	}
	if d := cmp.Diff([]string{"ClusterPolicy copies", "Namespace shop", "CiliumNetworkPolicy shop/api"}, got); d != "" {
		t.Error(d)
	}
	text := encode(t, r)
	for _, s := range []string{"hunter2", "aHVudGVyMg", "managedFields", "last-applied", `"conditions"`, "resourceVersion"} {
		if strings.Contains(text, s) {
			t.Errorf("the record holds %s", s)
		}
	}
	if !strings.Contains(text, "X-Auth") || !strings.Contains(text, "kept") {
		t.Errorf("too much was taken out: %q", text)
	}
}
