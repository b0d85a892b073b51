package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// A tape records conversations as Hubble would tell of them in a cluster that
// enforces what it declares.
type tape struct {
	*bigWorld
	engine *policy.Engine
	all    []audit.Conversation
	most   int
	calls  uint64
}

// traffic has so many conversations. Of the calls that they are made of, so many
// are such as nothing allows; one in ten of these is carried all the same.
func (w *bigWorld) traffic(conversations, refused int) *audit.Traffic {
	t := &tape{bigWorld: w, engine: policy.Compile(w.inv, policy.Options{}), most: conversations}
	t.all = make([]audit.Conversation, 0, conversations)
	for n := range refused {
		from, to := w.tenants[n*13%len(w.tenants)], w.tenants[(n*13+(n/len(w.tenants)+1)*worldWorkloads+5)%len(w.tenants)]
		t.call(from, &to.peer, audit.TCP, uint16(8080+n%3))
	}
	for _, k := range w.tenants { // everybody looks names up
		t.call(k, &w.dns.peer, audit.UDP, 53)
	}
	for n := 0; len(t.all) < conversations; n++ {
		from := w.tenants[n%len(w.tenants)]
		round := n / len(w.tenants)
		space := n % len(w.tenants) / worldWorkloads * worldWorkloads
		switch {
		case n%worldWorkloads == 0 && round == 0:
			t.call(w.front, &from.peer, audit.TCP, 8080)
		case n%worldWorkloads == 1 && round < len(w.world):
			t.call(from, &w.world[(n+round)%len(w.world)], audit.TCP, 443)
		default:
			to := w.tenants[space+(n+round)%worldWorkloads]
			t.call(from, &to.peer, audit.TCP, []uint16{8080, 9090}[round/worldWorkloads%2])
		}
	}
	slices.SortFunc(t.all, func(a, b audit.Conversation) int { return a.Compare(&b) })
	out := &audit.Traffic{
		Since: w.from, Until: w.from.Add(31 * 24 * time.Hour), Conversations: t.all, Clusters: []string{"prod"},
	}
	for i := range t.all {
		out.Flows += t.all[i].Flows
	}
	for _, n := range w.inv.Nodes {
		out.Nodes = append(out.Nodes, audit.NodeCoverage{Name: "prod/" + n.Name, Flows: out.Flows / worldNodes, From: out.Since, To: out.Until})
	}
	return out
}

// call tells what the two ends make of a call, until one of them refuses.
func (t *tape) call(from *podKind, to *audit.Peer, proto audit.Protocol, port uint16) {
	t.calls++
	c := audit.Conversation{From: from.peer, To: *to, Protocol: proto, Port: port}
	for _, d := range []audit.Direction{audit.Egress, audit.Ingress} {
		q := audit.Query{Direction: d, Subject: &c.From, Peer: &c.To, Protocol: proto, Port: port}
		if d == audit.Ingress {
			q.Subject, q.Peer = q.Peer, q.Subject
		}
		if !q.Subject.IsPod() {
			continue
		}
		a := t.engine.Decide(q)
		v := c
		v.Event, v.Direction, v.Verdict = audit.PolicyVerdict, d, audit.Forwarded
		switch {
		case a.Answer == audit.Deny && t.calls%10 != 0:
			v.Verdict, v.Reason = audit.Dropped, audit.ReasonDefault
			t.add(v, from)
			v.Event = audit.Drop
			t.add(v, from)
			return
		case a.Answer != audit.Allow || a.Reason == audit.NotIsolated:
			continue
		case a.L7:
			v.Verdict = audit.Redirected
		}
		for _, p := range a.Policies {
			v.Policies = append(v.Policies, audit.NamedPolicy{Ref: p.Ref, UID: p.Object.UID})
		}
		t.add(v, from)
	}
	v := c
	v.Verdict, v.Event = audit.Forwarded, audit.Left
	if to.IsPod() {
		v.Event = audit.Delivered
	}
	t.add(v, from)
	reply := c
	reply.From, reply.To, reply.Verdict, reply.Event = c.To, c.From, audit.Forwarded, audit.Seen
	t.add(reply, from)
}

// add keeps a conversation with the evidence that flows leave of it.
func (t *tape) add(c audit.Conversation, from *podKind) {
	if len(t.all) == t.most {
		return
	}
	n := len(t.all)
	c.Flows = 40
	c.First, c.Last = t.from.Add(time.Duration(n)*time.Millisecond), t.from.Add(time.Duration(n)*time.Millisecond+30*24*time.Hour)
	busy := n%3 + 1 // most conversations are of a few connections, some of many
	for i := range busy {
		at := c.First.Add(time.Duration(i) * time.Hour)
		node := nodeName((n + i) % worldNodes)
		c.Samples = append(c.Samples, audit.Sample{
			Time: at, UUID: fmt.Sprintf("%08x-0000-4000-8000-%012x", n, i), Node: "prod/" + node,
			From: from.ref.Namespace + "/" + from.pods[i%len(from.pods)], To: fmt.Sprintf("10.1.%d.%d", n>>8&255, n&255), Address: fmt.Sprintf("10.1.%d.%d:%d", n>>8&255, n&255, c.Port), Summary: "TCP Flags: SYN",
		})
		c.Nodes = append(c.Nodes, "prod/"+node)
	}
	slices.Sort(c.Nodes)
	if c.Event != audit.Seen {
		c.Opened, c.FirstOpen, c.LastOpen = 20, c.First, c.Last
		for i := range min(busy*busy, audit.MaxOpens) {
			c.Opens = append(c.Opens, audit.Open{Hash: uint64(t.calls)<<8 | uint64(i), At: c.First.Add(time.Duration(i) * time.Hour)})
		}
	}
	t.all = append(t.all, c)
}
