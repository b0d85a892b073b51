package audit_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/cluster"
	"github.com/segproof/segproof/audit/policy"
)

// midday is when everything in the lab happens.
var midday = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// declared reads manifests as --manifests does.
func declared(t *testing.T, yaml string) *audit.Inventory {
	t.Helper()
	m := &cluster.Manifests{Paths: []string{"-"}, Stdin: bytes.NewReader([]byte(yaml))}
	inv, err := m.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.Problems) > 0 {
		t.Fatal(inv.Problems)
	}
	return inv
}

// A lab is a snapshot in the making.
type lab struct {
	inv     *audit.Inventory
	traffic *audit.Traffic
	options audit.Options
}

func newLab(t *testing.T, yaml string) *lab {
	return &lab{declared(t, yaml), nil, audit.Options{OwnerKeys: []string{"team"}, SystemNamespaces: []string{"kube-system"}, Now: midday}}
}

func (l *lab) check(rules ...*audit.Rule) *audit.Report {
	s := &audit.Snapshot{Inventory: l.inv, Traffic: l.traffic, Options: l.options}
	if l.inv == nil {
		return audit.Check(s, nil, rules)
	}
	return audit.Check(s, policy.Compile(l.inv, policy.Options{}), rules)
}

// peer is the end that a pod is, by the name of its app.
func (l *lab) peer(app string) audit.Peer {
	for i := range l.inv.Pods {
		p := &l.inv.Pods[i]
		if p.Labels["app"] != app {
			continue
		}
		for j := range l.inv.Namespaces {
			if l.inv.Namespaces[j].Name == p.Namespace {
				return policy.PodPeer(p, &l.inv.Namespaces[j], "")
			}
		}
	}
	return policy.EntityPeer(app)
}

// saw adds a conversation of three connections on TCP 80.
func (l *lab) saw(from, to string, with func(*audit.Conversation)) *lab {
	if l.traffic == nil {
		l.traffic = &audit.Traffic{Since: midday.Add(-time.Hour), Until: midday, Nodes: []audit.NodeCoverage{{Name: "node-1", Flows: 9}}}
	}
	n := uint64(len(l.traffic.Conversations))
	c := audit.Conversation{
		From: l.peer(from), To: l.peer(to), Protocol: audit.TCP, Port: 80, Event: audit.PolicyVerdict, Verdict: audit.Forwarded,
		Flows: 3, First: midday.Add(-time.Minute), Last: midday, Opened: 3, FirstOpen: midday.Add(-time.Minute), LastOpen: midday,
		Opens:   []audit.Open{{Hash: 10*n + 1, At: midday.Add(-time.Minute)}, {Hash: 10*n + 2, At: midday}},
		Nodes:   []string{"node-1"},
		Samples: []audit.Sample{{Time: midday.Add(-time.Minute), From: from, To: to}},
	}
	with(&c)
	l.traffic.Flows += c.Flows
	l.traffic.Conversations = append(l.traffic.Conversations, c)
	return l
}

// by makes it a verdict that names a policy of the namespace shop.
func by(d audit.Direction, names ...string) func(*audit.Conversation) {
	return func(c *audit.Conversation) {
		c.Direction = d
		for _, n := range names {
			c.Policies = append(c.Policies, audit.NamedPolicy{Ref: audit.Ref{Kind: "NetworkPolicy", Namespace: "shop", Name: n}})
		}
	}
}

// dropped makes it a drop by default.
func dropped(d audit.Direction) func(*audit.Conversation) {
	return func(c *audit.Conversation) {
		c.Direction, c.Verdict, c.Reason = d, audit.Dropped, audit.ReasonDefault
	}
}

func delivered(c *audit.Conversation) { c.Event = audit.Delivered }

const twoNamespaces = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: retail, kubernetes.io/metadata.name: shop}}
---
apiVersion: v1
kind: Namespace
metadata: {name: edge, labels: {kubernetes.io/metadata.name: edge}}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: c, ports: [{name: http, containerPort: 80}]}]}
status: {phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: db-1, namespace: shop, labels: {app: db}}
spec: {nodeName: node-1}
status: {phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: gate-1, namespace: edge, labels: {app: gate}}
spec: {nodeName: node-1}
status: {phase: Running}
`

const denyIngress = `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
`

const allowGate = `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-gate, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress:
    - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: edge}}}]
      ports: [{port: 80}]
    - from: [{podSelector: {matchLabels: {app: db}}}]
      ports: [{port: http}]
`
