package oracle

import (
	"net/netip"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/segproof/segproof/audit"
)

// A disputed question is one that Cilium may answer in more than one way, so
// that ours is undetermined. The random policies avoid it.
type disputed struct {
	name     string
	policies []string
	question question
	ours     audit.Answer
	cilium   bool
}

// Ends of the cluster below.
const (
	web = iota // a pod with port names http (80) and dns (53)
	other
	host
	outside
)

// knownCluster is the one that single questions are asked of.
func knownCluster() *cluster {
	c := &cluster{namespaces: []audit.Namespace{{Name: "x", Labels: map[string]string{"team": "red"}}}}
	pod := func(app string) *audit.Pod {
		return &audit.Pod{
			Namespace: "x", Name: app, Labels: map[string]string{"app": app, "pod-template-hash": "a"},
			Ports: []audit.NamedPort{{Name: "dns", Protocol: audit.UDP, Port: 53}, {Name: "http", Protocol: audit.TCP, Port: 80}},
		}
	}
	c.ends = []end{
		{name: "web", pod: pod("web"), namespace: &c.namespaces[0], ip: netip.MustParseAddr("10.0.0.1")},
		{name: "other", pod: pod("other"), namespace: &c.namespaces[0], ip: netip.MustParseAddr("10.0.0.2")},
		{name: "host", entity: "host"},
		{name: "world", entity: "world-ipv4"},
	}
	return c
}

// parsed reads policies for both engines.
func parsed(t *testing.T, texts []string) []object {
	t.Helper()
	var out []object
	for _, text := range texts {
		var raw object
		if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		out = append(out, raw)
	}
	return out
}

func TestWhatCiliumMayReadEitherWayIsUndetermined(t *testing.T) {
	for _, tt := range []disputed{
		{
			// Cilium keeps one end for each port name and protocol: that of the
			// rule which it happens to read first (L4PolicyMap.NamedPortMap).
			name: "a port name as a port and as the beginning of a range",
			policies: []string{`
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: p, namespace: x}
spec:
  endpointSelector: {}
  ingress: [{toPorts: [{ports: [{port: http}, {port: http, endPort: 500}]}]}]`},
			question: question{subject: web, peer: other, direction: audit.Ingress, protocol: audit.TCP, port: 85},
			ours:     audit.Undetermined, cilium: false,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := mustPair(t, knownCluster(), parsed(t, tt.policies))
			ours, theirs := p.answers(t, tt.question)
			if ours.Answer != tt.ours || theirs.Allowed != tt.cilium {
				t.Errorf("segproof says %s, cilium says %s; if Cilium always says so now, decide it and let the random policies ask it", describe(ours), theirs)
			}
		})
	}
}

// mustPair is for policies that both engines take.
func mustPair(t *testing.T, c *cluster, policies []object) *pair {
	t.Helper()
	p, d, err := newPair(Settings()[0], c, policies)
	if err != nil || d != nil {
		t.Fatal(err, d)
	}
	return p
}

// answers are those of both engines to one question.
func (p *pair) answers(t *testing.T, q question) (audit.Decision, Verdict) {
	t.Helper()
	theirs, err := p.cilium.Decide(p.asked(q))
	if err != nil {
		t.Fatal(err)
	}
	return p.ours.Decide(p.query(q)), theirs
}
