package store

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/segproof/segproof/audit"
)

// noon of yesterday: whatever the time is, no test stands on midnight.
func noon() time.Time {
	return time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)
}

// sample is a conversation as a busy cluster has them; another for each i.
func sample(i int, first time.Time) audit.Conversation {
	client, server := fmt.Sprintf("client-%d", i%50), fmt.Sprintf("server-%d", i%40)
	c := audit.Conversation{
		Interval: noon().AddDate(0, 0, -60),
		From:     audit.Peer{Labels: labelsOf("shop", client), Namespace: "shop", Workload: audit.Ref{Kind: "Deployment", Namespace: "shop", Name: client}},
		To:       audit.Peer{Labels: labelsOf("data", server), Namespace: "data", Workload: audit.Ref{Kind: "StatefulSet", Namespace: "data", Name: server}},
		Protocol: audit.TCP, Port: uint16(1024 + i), Event: audit.PolicyVerdict, Direction: audit.Ingress, Verdict: audit.Forwarded, Match: 4,
		Policies: []audit.NamedPolicy{{
			Ref: audit.Ref{Kind: "NetworkPolicy", Namespace: "data", Name: "allow-shop"}, UID: "5f1c2f0e-7f7b-4c57-9d57-0a8f8e9d2b11",
		}},
		Flows: 1000 + uint64(i), First: first, Last: first.Add(3 * time.Minute),
		Opened: 12, FirstOpen: first.Add(time.Second), LastOpen: first.Add(2 * time.Minute),
		Nodes: []string{"prod/node-1", "prod/node-2"},
	}
	for n := range audit.MaxOpens {
		c.Opens = append(c.Opens, audit.Open{Hash: uint64(n+1)<<56 + uint64(i), At: first.Add(time.Duration(n) * 1234567891)})
	}
	for n := range audit.MaxSamples {
		c.Samples = append(c.Samples, audit.Sample{
			Time: first.Add(time.Duration(n) * 987654321), UUID: fmt.Sprintf("%08x-7f7b-4c57-9d57-0a8f8e9d2b%02x", i, n), Node: "prod/node-1",
			From: fmt.Sprintf("shop/%s-7d9c5b6f4-x%dk2p", client, n), To: "data/" + server + "-0", Address: fmt.Sprintf("10.0.%d.%d:%d", i%200, n, 1024+i),
			Summary: "TCP Flags: SYN",
		})
	}
	if i%10 == 3 { // through a proxy
		c.Event, c.Match = audit.L7, 0
		for n := range 5 {
			c.Requests = append(c.Requests, audit.Request{Kind: audit.HTTPRequest, Method: "GET", Path: fmt.Sprintf("/items/%d", n), Host: server, Code: 200, Flows: 3})
		}
		c.Requests = append(c.Requests, audit.Request{Kind: audit.DNSRequest, Name: "db.data.svc.cluster.local.", Flows: 1})
		c.Unkept = 2
	}
	if i%7 == 0 { // from outside
		c.From = audit.Peer{Labels: audit.NewLabels("reserved:world", "cidr:203.0.113.0/24"), IP: netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})}
		c.Samples[0].Names = []string{"example.org"}
	}
	return c
}

func labelsOf(namespace, name string) audit.Labels {
	return audit.NewLabels(
		"k8s:app.kubernetes.io/name="+name, "k8s:app.kubernetes.io/part-of="+namespace, "k8s:io.cilium.k8s.policy.cluster=prod",
		"k8s:io.cilium.k8s.policy.serviceaccount="+name, "k8s:io.kubernetes.pod.namespace="+namespace,
		"k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name="+namespace, "k8s:team="+namespace,
	)
}

// batch is n conversations and a coverage that fits them.
func batch(writer string, n int, first time.Time) audit.Batch {
	b := audit.Batch{Writer: writer}
	for i := range n {
		b.Conversations = append(b.Conversations, sample(i, first))
	}
	b.Coverage = coverageOf(first, 3*time.Minute, 10)
	return b
}

func coverageOf(first time.Time, d time.Duration, flows uint64) audit.Traffic {
	return audit.Traffic{
		Since: first, Until: first.Add(d), Asked: first, Flows: flows, Lost: 2, LostBy: map[string]uint64{"PERF_EVENT_RING_BUFFER": 2},
		Nodes:    []audit.NodeCoverage{{Name: "prod/node-1", Flows: flows, Lost: 2, From: first, To: first.Add(d)}},
		Clusters: []string{"prod"},
	}
}

func total(t *audit.Traffic) (flows uint64) {
	for i := range t.Conversations {
		flows += t.Conversations[i].Flows
	}
	return flows
}
