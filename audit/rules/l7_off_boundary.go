package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// L7OffBoundary finds layer 7 rules that cost much, or do nothing, where they are.
var L7OffBoundary = &audit.Rule{
	ID: "SEG505", Name: "l7-off-boundary", Severity: audit.Low, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A layer 7 rule stands where it costs much or does nothing",
		Why: "A proxy parses every request: on a busy connection inside a namespace it takes a large part of the throughput, and guards no boundary. " +
			"And where nothing denies by default (`enableDefaultDeny: false`, and no other policy isolates), the proxy lets every request pass (cilium#38676).",
		Fix: "Keep layer 7 rules for the boundary between namespaces or tenants and allow by port inside; where the rule is meant to restrict, leave enableDefaultDeny at its default. " +
			"A policy with the annotation `segproof.dev/trust-boundary: \"true\"` is a boundary on purpose.",
		Blind: "Busy is a hundred requests a second that Hubble saw over at least a minute, inside one namespace: sampling and loss hide some. " +
			"That a proxy lets everything pass is tried with declared pods and entities only.",
	},
	References: []string{"NIST 800-53 SC-5"},
	Check:      l7OffBoundary,
}

// A connection this busy, watched this long, is a busy one.
const (
	busyRate   = 100 // requests a second
	busyWindow = time.Minute
)

func l7OffBoundary(p *audit.Pass) {
	found := flaws{}
	for _, t := range trials(p) {
		if ref := t.rule.Policy(); t.live == 0 && t.void > 0 && len(t.by) == 0 && !marked(p, ref.Object, boundary) {
			found.add(ref, t.rule.Direction(), at(ref, "nothing isolates whom it is about"))
		}
	}
	found.report(p, func(k flawed, places string) (string, string) {
		return fmt.Sprintf("the layer 7 conditions of %s at %s restrict nobody (%s): nothing denies by default", k.policy.Name, k.direction, places), ""
	})
	if p.Traffic != nil && p.Until.Sub(p.Since) >= busyWindow {
		busyEdges(p)
	}
}

const boundary = "segproof.dev/trust-boundary"

// busyEdges reports the busy connections inside a namespace that a proxy reads.
func busyEdges(p *audit.Pass) {
	found := map[edgeKey]*audit.Evidence{}
	by := map[edgeKey][]audit.PolicyRef{}
	for i := range p.Conversations {
		c := &p.Conversations[i]
		if c.Event != audit.L7 || c.Protocol != audit.TCP || c.Direction == "" || !c.From.IsPod() || c.From.Namespace != c.To.Namespace {
			continue
		}
		v := &audit.Judged{Conversation: c, End: c.Direction}
		k := edgeKey{v.Subject().Ref(), v.Other().Ref(), c.Direction, c.Protocol, c.Port}
		if found[k] == nil {
			d := p.Engine.Decide(audit.Query{Direction: c.Direction, Subject: v.Subject(), Peer: v.Other(), Protocol: c.Protocol, Port: c.Port})
			by[k] = d.Policies
			found[k] = &audit.Evidence{What: "requests that a proxy read"}
		}
		merge(found[k], &audit.Judged{Conversation: c, First: c.First, Last: c.Last})
	}
	seconds := p.Until.Sub(p.Since).Seconds()
	for _, k := range slices.SortedFunc(maps.Keys(found), compareEdges) {
		if float64(found[k].Flows)/seconds < busyRate || slices.ContainsFunc(by[k], func(r audit.PolicyRef) bool { return marked(p, r.Object, boundary) }) {
			continue
		}
		port, peer := k.port, k.peer
		p.Report(audit.Finding{
			Subject: k.subject, Peer: &peer, Direction: k.end, Protocol: k.proto, Port: &port, Policies: by[k], Evidence: []audit.Evidence{*found[k]},
			Message: fmt.Sprintf("a proxy reads the busy %s between %s and %s, inside one namespace", audit.PortName(k.proto, k.port), k.subject.Name, k.peer.Name),
		})
	}
}

func compareEdges(a, b edgeKey) int {
	return cmp.Or(a.subject.Compare(b.subject), cmp.Compare(a.end, b.end), a.peer.Compare(b.peer),
		cmp.Compare(a.proto, b.proto), cmp.Compare(a.port, b.port))
}
