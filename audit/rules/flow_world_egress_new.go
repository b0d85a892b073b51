package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// WorldEgressNew finds destinations outside that pods call and no rule names.
var WorldEgressNew = &audit.Rule{
	ID: "SEG409", Name: "flow-world-egress-new", Severity: audit.Medium, Needs: audit.Policies | audit.Flows, Off: true,
	Doc: audit.Doc{
		Title: "A pod calls somebody outside the cluster whom no rule names",
		Why: "The way out is open to everybody, or nothing isolates the pod. A name or address that was not called before is how data that leaves looks at first: " +
			"held against a former record (`--baseline`), what is new is just that.",
		Fix: "Find out who it is. Then name it (`toFQDNs`, which needs a DNS rule beside it, or a CIDR) in a rule of its own, and close the way to all others: " +
			"`segproof suggest` writes a default deny for egress that keeps what was observed, or a wide rule tightened to what was used.",
		Blind: "Names are known only where Hubble tells them, so with DNS visibility; else the address stands for the destination, and one behind a network of many addresses is new every day. " +
			"More than twenty destinations of one workload on one port are one finding; where flows were lost, and names with them, all are withheld. No change is suggested for the finding itself: what is called already needs no allow, and whether it may be is for the owner to say. " +
			"Most clusters let pods call the world, so the rule is off unless asked for; system namespaces are left out.",
	},
	References: []string{"ATT&CK T1041", "ATT&CK T1048", "PCI DSS 1.3.2"},
	Check:      worldEgressNew,
}

// mostOutside is how many destinations of one workload on one port are told apart.
const mostOutside = 20

func worldEgressNew(p *audit.Pass) {
	open := openToWorld(p)
	called := map[callKey][]audit.Ref{} // by a key that names no destination
	outside := map[*audit.Conversation]audit.Ref{}
	for i := range p.Conversations {
		c := &p.Conversations[i]
		if !carriedOut(c) || !c.To.IsWorld() || !c.From.IsPod() || namedOutside(p, c, open) {
			continue
		}
		to := nameOf(c)
		outside[c] = to
		k := callKey{from: c.From.Ref(), proto: c.Protocol, port: c.Port}
		if n := len(called[k]); n <= mostOutside && !slices.Contains(called[k], to) {
			called[k] = append(called[k], to)
		}
	}
	for _, c := range calls(p, func(c *audit.Conversation) (audit.Ref, bool) {
		to, ok := outside[c]
		if len(called[callKey{from: c.From.Ref(), proto: c.Protocol, port: c.Port}]) > mostOutside {
			to = c.To.Ref()
		}
		return to, ok
	}) {
		if p.Lost > 0 {
			p.Withhold(1) // the flow that told its name may be among the lost
			continue
		}
		f := c.finding()
		f.Message = fmt.Sprintf("%s calls %s on %s, and no rule names it", c.from.Name, outsideText(c.to), audit.PortName(c.proto, c.port))
		p.Report(f)
	}
}

func outsideText(to audit.Ref) string {
	if to.Kind == "Entity" {
		return fmt.Sprintf("more than %d destinations outside", mostOutside)
	}
	name, _, _ := strings.Cut(to.Name, "/") // a single address
	return name
}

// openToWorld are the egress rules that leave nobody outside out.
func openToWorld(p *audit.Pass) map[ruleKey]bool {
	out := map[ruleKey]bool{}
	for _, s := range specs(p) {
		for _, r := range s.Rules(audit.Egress) {
			if k := (ruleKey{r.Policy().Ref, r.Policy().Rule}); r.World() != "" {
				out[k] = true
			}
		}
	}
	return out
}

// namedOutside tells whether the way to a destination is not just open: a rule that is
// not for everybody allows it, or it is not known to be allowed at all.
func namedOutside(p *audit.Pass, c *audit.Conversation, open map[ruleKey]bool) bool {
	d := p.Engine.Decide(audit.Query{Direction: audit.Egress, Subject: &c.From, Peer: &c.To, Protocol: c.Protocol, Port: c.Port})
	if d.Answer != audit.Allow {
		return true
	}
	return slices.ContainsFunc(d.Policies, func(r audit.PolicyRef) bool {
		return d.Reason == audit.AllowedByRule && !open[ruleKey{r.Ref, r.Rule}]
	})
}

// nameOf is who was called: the first of the names that the address was known
// by, or else the address.
func nameOf(c *audit.Conversation) audit.Ref {
	var names []string
	for i := range c.Samples {
		names = append(names, c.Samples[i].Names...)
	}
	if len(names) == 0 {
		return addressRefOf(c)
	}
	return audit.Ref{Kind: "FQDN", Name: slices.Min(names)}
}
