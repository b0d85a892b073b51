package rules

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// InclusterCIDR finds rules by address that Cilium does not hold against what is
// inside the cluster.
var InclusterCIDR = &audit.Rule{
	ID: "SEG306", Name: "rule-incluster-cidr", Severity: audit.High, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A rule by address covers pods, Services or nodes, which Cilium never matches by address",
		Why: "Inside the cluster Cilium goes by identity, not by address: a range selects what is outside only, and the address of a Service is translated before policy is asked. " +
			"So an allow by such a range allows nothing there, and a denial denies nothing.",
		Fix: "Name those inside by labels (`podSelector`, `toEndpoints`), nodes by `toEntities: [remote-node]`, a Service by its pods or `toServices`. " +
			"If ranges are to select nodes too, set `policy-cidr-match-mode: nodes`.",
		Blind: "It is said only where Cilium is known to run, and only if it makes a difference: the rule allows by address what is denied to a pod it selects, or denies what is allowed. " +
			"Ranges that cover everything (0.0.0.0/0, ::/0) mean the world and are left out. Up to 50 addresses of a rule are tried.",
	},
	References: []string{"NIST 800-53 SC-7"},
	Check:      inclusterCIDR,
}

// An inside is an address in the cluster and who has it.
type inside struct {
	ip    netip.Addr
	name  string
	peers []*audit.Peer // several behind a Service
}

const mostInside = 50

func inclusterCIDR(p *audit.Pass) {
	if p.Settings == nil && p.Traffic == nil {
		return // nothing says that it is Cilium
	}
	all, ms := specs(p), membersOf(p)
	var addresses []inside
	found := flaws{}
	for _, s := range all {
		if s.Host() || s.Policy().Kind == "AdminNetworkPolicy" || s.Policy().Kind == "BaselineAdminNetworkPolicy" {
			continue
		}
		for _, d := range both() {
			for _, r := range s.Rules(d) {
				ranges := slices.DeleteFunc(r.Ranges(), func(g policy.Range) bool { return g.Bits() == 0 })
				if len(ranges) == 0 {
					continue
				}
				if addresses == nil {
					addresses = insides(p)
				}
				c := covering{p: p, spec: s, rule: r, ranges: ranges}
				missed, sure := c.missed(addresses, ms)
				switch {
				case len(missed) == 0 && sure:
				case s.Unsure() != "" || len(missed) == 0:
					p.Withhold(1)
				default:
					found.add(r.Policy(), d, at(r.Policy(), fmt.Sprintf("%s covers %s", rangesText(ranges), some(missed))))
				}
			}
		}
	}
	found.report(p, func(k flawed, places string) (string, string) {
		return fmt.Sprintf("%s goes by addresses that are inside the cluster, where Cilium does not match addresses (%s)", k.policy.Name, places), ""
	})
}

// insides are the addresses of pods, Services and nodes, in order.
func insides(p *audit.Pass) []inside {
	e := p.Engine.(*policy.Engine)
	out, seed := []inside{}, maphash.MakeSeed()
	known, in := map[kin]*audit.Peer{}, map[string][]*audit.Peer{}
	for i := range p.Pods {
		pod := &p.Pods[i]
		if pod.HostNetwork || pod.Done {
			continue
		}
		k := kinOf(pod, seed)
		if known[k] == nil {
			peer := e.PodPeer(pod)
			known[k] = &peer
			in[pod.Namespace] = append(in[pod.Namespace], &peer)
		}
		for _, ip := range pod.IPs {
			out = append(out, inside{ip, "pod " + pod.Namespace + "/" + pod.Name, []*audit.Peer{known[k]}})
		}
	}
	for _, s := range p.Services {
		var behind []*audit.Peer
		for _, peer := range in[s.Namespace] {
			if selects(s.Selector, peer.Labels) {
				behind = append(behind, peer)
			}
		}
		for _, ip := range s.IPs {
			out = append(out, inside{ip, "Service " + s.Namespace + "/" + s.Name, behind})
		}
	}
	for _, n := range p.Inventory.Nodes {
		for _, ip := range n.IPs {
			node := policy.EntityPeer("remote-node")
			node.IP = ip
			out = append(out, inside{ip, "node " + n.Name, []*audit.Peer{&node}})
		}
	}
	slices.SortStableFunc(out, func(a, b inside) int { return cmp.Or(a.ip.Compare(b.ip), cmp.Compare(a.name, b.name)) })
	return out
}

// A covering is a rule by address, held against the addresses inside.
type covering struct {
	p      *audit.Pass
	spec   policy.Spec
	rule   policy.Rule
	ranges []policy.Range
}

// missed names those whom the rule covers by address and for whom it does not
// hold: a pod that it selects is answered otherwise than the rule says.
func (c covering) missed(all []inside, ms members) (out []string, sure bool) {
	covered := c.covered(all)
	if len(covered) == 0 {
		return nil, true
	}
	subjects, sure := ms.of(c.spec)
	if len(subjects) == 0 {
		return nil, sure
	}
	differ := map[*audit.Peer]bool{}
	for _, i := range covered {
		for _, peer := range i.peers {
			if _, asked := differ[peer]; !asked {
				is, certain := c.differs(&subjects[0].peer, peer)
				differ[peer], sure = is, sure && certain
			}
		}
		if slices.ContainsFunc(i.peers, func(peer *audit.Peer) bool { return differ[peer] }) {
			out = append(out, i.name)
		}
	}
	return out, sure
}

// covered are the addresses in the ranges, which lie side by side, up to as many
// as are tried.
func (c covering) covered(all []inside) []inside {
	var out []inside
	for _, g := range c.ranges {
		first, _ := slices.BinarySearchFunc(all, g.Masked().Addr(), func(i inside, ip netip.Addr) int { return i.ip.Compare(ip) })
		for _, i := range all[first:] {
			if !g.Contains(i.ip) || len(out) == mostInside {
				break
			}
			if g.Has(i.ip) {
				out = append(out, i)
			}
		}
	}
	return out
}

// differs tells whether a pod and a peer that the rule covers by address are
// answered otherwise than it says.
func (c covering) differs(subject, peer *audit.Peer) (is, sure bool) {
	if peer.Workload == subject.Workload {
		return false, true
	}
	if matched, known := c.rule.Matches(subject, peer); matched || !known {
		return false, known
	}
	a := c.p.Engine.Decide(audit.Query{Direction: c.rule.Direction(), Subject: subject, Peer: peer, Protocol: audit.TCP, Port: c.port()})
	switch {
	case a.Answer == audit.Undetermined:
		return false, false
	case c.rule.Denies():
		return a.Answer == audit.Allow, true
	}
	return c.rule.Allows() && a.Answer == audit.Deny, true
}

// port is one that the rule is about.
func (c covering) port() uint16 {
	ports, _ := c.rule.Ports()
	for _, p := range ports {
		if p.TCP && p.First > 0 {
			return p.First
		}
	}
	return 443
}

func rangesText(ranges []policy.Range) string {
	var out []string
	for _, r := range ranges {
		out = append(out, r.String())
	}
	return some(out)
}
