package oracle

import (
	"regexp"
	"slices"
	"strings"

	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/types"
	"github.com/cilium/cilium/pkg/u8proto"

	"github.com/segproof/segproof/audit"
)

// A proxied rule is one that the agent would hand to the proxy, for a port of
// one subject: what it lets pass is left to the server name, or is everything.
type proxiedRule struct {
	ingress     bool
	protocol    u8proto.U8proto
	first, last uint16
	named       bool // by a port name, which the proxy is told apart
	tier        types.Tier
	verdict     types.Verdict
	everybody   bool
	peers       []identity.NumericIdentity
	servers     []string
	layer7      bool
}

// proxiedRules takes them from a policy before it is detached, when selectors
// still know whom they select.
func proxiedRules(p *policy.EndpointPolicy) (out []proxiedRule) {
	l4 := &p.SelectorPolicy.L4Policy
	for _, maps := range []policy.L4PolicyMaps{l4.Ingress.PortRules, l4.Egress.PortRules} {
		for i := range maps {
			for f := range maps[i].Filters() {
				for cs, psp := range f.PerSelectorPolicies {
					r := proxiedRule{
						ingress: f.Ingress, protocol: f.U8Proto, first: f.Port, last: max(f.Port, f.EndPort), named: f.PortName != "",
						tier: f.Tier, verdict: psp.GetVerdict(), everybody: cs.IsWildcard(), peers: cs.GetSelections(),
					}
					if psp != nil {
						r.layer7 = psp.HasL7Rules() || psp.Listener != ""
						for name := range psp.ServerNames {
							r.servers = append(r.servers, name)
						}
					}
					out = append(out, r)
				}
			}
		}
	}
	return out
}

func (r *proxiedRule) about(q Question) bool {
	return r.ingress == (q.Direction == audit.Ingress) && (r.protocol == q.Protocol || r.protocol == 0) &&
		(r.first == 0 || r.first <= q.Port && q.Port <= r.last) && (r.everybody || slices.Contains(r.peers, q.Peer.ID))
}

// PassesServer tells whether the proxy lets a connection pass that asks for a
// server name, once the map state has sent it there. It says why not where more
// than server names decides.
func (c *Cilium) PassesServer(q Question, name string) (passes bool, whyNot string) {
	asks := false
	for i := range c.proxied[q.Subject.ID] {
		r := &c.proxied[q.Subject.ID][i]
		if r.ingress == (q.Direction == audit.Ingress) && (r.named || r.tier != types.Normal) {
			return false, "port names or tiers"
		}
		if !r.about(q) || r.verdict != types.Allow {
			continue
		}
		if r.layer7 {
			return false, "layer 7 rules"
		}
		asks = asks || len(r.servers) > 0
		passes = passes || len(r.servers) == 0 || slices.ContainsFunc(r.servers, func(s string) bool { return serverPattern(s).MatchString(name) })
	}
	if !asks {
		return false, "no server names"
	}
	return passes, ""
}

// serverPattern is what the proxy makes of a server name (cilium/proxy
// cilium/network_policy.cc, SniPattern).
func serverPattern(s string) *regexp.Regexp {
	expr := strings.NewReplacer(".", "[.]", "**", "[-a-z0-9_]+([.][-a-z0-9_]+)*", "*", "[-a-z0-9_]*").Replace(strings.ToLower(s))
	return regexp.MustCompile("^(?:" + expr + ")$")
}
