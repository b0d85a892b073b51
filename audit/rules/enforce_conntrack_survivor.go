package rules

import (
	"fmt"
	"time"

	"github.com/segproof/segproof/audit"
)

// ConntrackSurvivor finds connections that outlived the policy which denies them.
var ConntrackSurvivor = &audit.Rule{
	ID: "SEG109", Name: "enforce-conntrack-survivor", Severity: audit.Low, Needs: audit.Policies | audit.Flows, Off: true,
	Doc: audit.Doc{
		Title: "A connection from before the policy is still carried",
		Why:   "It was opened when it was allowed, and connection tracking carries it on although a policy denies it by now. Pools of database connections can live so for weeks.",
		Fix:   "Restart the client, so that it opens the connection again and is refused; or flush the entries of the node's connection tracking.",
		Blind: "Cilium holds established connections against a changed policy and cuts them; other plugins do not. A connection is told from one that was opened later " +
			"by flows of it from before the policy, and by no event that opens one since.",
	},
	References: []string{"NIST 800-53 AC-4"},
	Check:      conntrackSurvivor,
}

// A survivorKey is two workloads and a port.
type survivorKey struct {
	from, to audit.Ref
	proto    audit.Protocol
	port     uint16
}

func keyOf(c *audit.Conversation) survivorKey {
	return survivorKey{c.From.Ref(), c.To.Ref(), c.Protocol, c.Port}
}

func conntrackSurvivor(p *audit.Pass) {
	first, reopened := map[survivorKey]time.Time{}, map[survivorKey]time.Time{}
	for i := range p.Conversations {
		c := &p.Conversations[i]
		if !carries(c) {
			continue
		}
		k := keyOf(c)
		if t := first[k]; t.IsZero() || c.First.Before(t) {
			first[k] = c.First
		}
		reopened[k] = latest(reopened[k], c.LastOpen)
	}
	found := map[edgeKey]bool{}
	for i := range p.Conversations {
		c := &p.Conversations[i]
		if !carries(c) || c.Opened > 0 {
			continue
		}
		for _, end := range both() {
			v := &audit.Judged{Conversation: c, End: end, First: c.First, Last: c.Last}
			since, ok := deniedSince(p, v)
			if !ok || !first[keyOf(c)].Before(since) || reopened[keyOf(c)].After(since) || c.First.Before(since.Add(p.Settle)) {
				continue
			}
			e := &edge{edgeKey: edgeKey{v.Subject().Ref(), v.Other().Ref(), end, c.Protocol, c.Port}, ends: []*audit.Judged{v}}
			if !found[e.edgeKey] {
				found[e.edgeKey] = true
				survived(p, e)
			}
		}
	}
}

// carries tells whether a conversation shows packets that passed, in the
// direction of the connection.
func carries(c *audit.Conversation) bool {
	return (c.Event == audit.Delivered || c.Event == audit.Left) && c.Verdict == audit.Forwarded
}

// deniedSince tells from when on an end has been denied what it carried.
func deniedSince(p *audit.Pass, v *audit.Judged) (time.Time, bool) {
	if !v.Subject().IsPod() || v.End == audit.Ingress && v.Event != audit.Delivered {
		return time.Time{}, false
	}
	v.Decision = p.Engine.Decide(audit.Query{Direction: v.End, Subject: v.Subject(), Peer: v.Other(), Protocol: v.Protocol, Port: v.Port})
	if v.Decision.Answer != audit.Deny || len(v.Decision.Policies) == 0 {
		return time.Time{}, false
	}
	var since time.Time
	for _, r := range v.Decision.Policies {
		if r.Object == nil || r.Object.Changed.IsZero() && r.Object.Created.IsZero() {
			return time.Time{}, false
		}
		since = latest(since, latest(r.Object.Created, r.Object.Changed))
	}
	return since, true
}

func survived(p *audit.Pass, e *edge) {
	f := e.finding()
	way := "to"
	if e.end == audit.Ingress {
		way = "from"
	}
	f.Message = fmt.Sprintf("%s still carries a connection %s %s on %s that %s denies by now",
		e.subject.Name, way, short(e.subject, e.peer), audit.PortName(e.proto, e.port), names(e.subject, f.Policies))
	p.Report(f)
}
