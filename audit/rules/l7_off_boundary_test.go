package rules_test

import (
	"testing"
	"time"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/rules"
)

// The archive of this would be thousands of lines long.
func TestAProxyOnABusyConnectionInsideANamespaceIsOffItsBoundary(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	peer := func(ns, app string) audit.Peer {
		return audit.Peer{
			Labels:    audit.NewLabels("k8s:app="+app, "k8s:io.kubernetes.pod.namespace="+ns),
			Namespace: ns, Workload: audit.Ref{Kind: "Deployment", Namespace: ns, Name: app},
		}
	}
	read := func(from, to audit.Peer, flows uint64) audit.Conversation {
		return audit.Conversation{
			From: from, To: to, Protocol: audit.TCP, Port: 8080, Event: audit.L7, Direction: audit.Ingress, Verdict: audit.Forwarded,
			Flows: flows, First: start, Last: start.Add(time.Minute),
		}
	}
	s := &audit.Snapshot{Inventory: &audit.Inventory{}, Traffic: &audit.Traffic{
		Since: start, Until: start.Add(time.Minute), Flows: 20000,
		Conversations: []audit.Conversation{
			read(peer("shop", "web"), peer("shop", "db"), 6000),
			read(peer("shop", "cart"), peer("shop", "db"), 5999),
			read(peer("bank", "ledger"), peer("shop", "db"), 8000),
		},
	}}
	r := audit.Check(s, engine(s), []*audit.Rule{rules.L7OffBoundary})
	if len(r.Findings) != 1 || r.Findings[0].Peer.Name != "web" {
		t.Errorf("found %v, want the connection of web alone", r.Findings)
	}
	s.Until = start.Add(59 * time.Second)
	if r := audit.Check(s, engine(s), []*audit.Rule{rules.L7OffBoundary}); len(r.Findings) > 0 {
		t.Errorf("found %v in less than a minute", r.Findings)
	}
}
