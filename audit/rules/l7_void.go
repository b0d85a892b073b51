package rules

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// ShadowedByL4 finds layer 7 rules beside which another rule opens the same port
// to the same peers.
var ShadowedByL4 = &audit.Rule{
	ID: "SEG503", Name: "l7-shadowed-by-l4", Severity: audit.High, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A layer 7 rule is void: another rule opens the same port without it",
		Why: "Rules are alternatives. Where one allows a connection without conditions on the request, the proxy lets every request pass, whatever the other one says: " +
			"the methods and paths that it lists restrict nothing.",
		Fix: "Take the port out of the rule named in the evidence, or give that rule the same layer 7 conditions.",
		Blind: "Tried with the pods that are declared and with the entities; a rule for addresses or names outside is not tried, nor one for a port by name. " +
			"Reported only if no peer of the rule is left for which it counts.",
	},
	References: []string{"NIST 800-53 AC-4"},
	Check: func(p *audit.Pass) {
		found := flaws{}
		for _, t := range trials(p) {
			if t.live == 0 && len(t.by) > 0 {
				found.add(t.rule.Policy(), t.rule.Direction(), at(t.rule.Policy(), "opened as well by "+refsText(t.by)))
			}
		}
		found.report(p, func(k flawed, places string) (string, string) {
			return fmt.Sprintf("the layer 7 conditions of %s at %s are void (%s): another rule opens the port without them", k.policy.Name, k.direction, places), ""
		})
	},
}

// A trial is a layer 7 rule, tried with declared ends.
type trial struct {
	rule policy.Rule
	live int               // pairs for which the proxy decides
	void int               // pairs for which it lets everything pass
	by   []audit.PolicyRef // who opens the port without a proxy
}

// Bounds on how many pairs of ends one rule is tried with.
const (
	mostSubjects = 20
	mostPeers    = 5000
)

// trials tries all layer 7 rules of pods' policies.
func trials(p *audit.Pass) []*trial { return audit.Shared(p, sharedTrials{}, tryAll) }

func tryAll(p *audit.Pass) []*trial {
	rules := map[ruleKey][]policy.Rule{}
	var all []policy.Spec
	for _, s := range specs(p) {
		for _, d := range both() {
			for _, r := range s.Rules(d) {
				k := ruleKey{r.Policy().Ref, r.Policy().Rule}
				rules[k] = append(rules[k], r)
			}
		}
		if !s.Host() && s.Unsure() == "" {
			all = append(all, s)
		}
	}
	var out []*trial
	var gathered *members // once they are needed
	var peers *everyPeer
	for _, s := range all {
		for _, d := range both() {
			for _, r := range s.Rules(d) {
				if !r.Allows() || r.Unsure() != "" || !r.Redirects() {
					continue
				}
				if gathered == nil {
					ms := membersOf(p)
					gathered, peers = &ms, peersOf(ms)
				}
				t := &trial{rule: r}
				subjects, _ := gathered.of(s)
				for _, m := range subjects[:min(len(subjects), mostSubjects)] {
					t.with(p, &m.peer, peers.of(r), rules)
				}
				out = append(out, t)
			}
		}
	}
	return out
}

// peersOf are the ends that a rule is tried with: pods, and what is in or around
// the cluster.
func peersOf(ms members) *everyPeer {
	all := &everyPeer{in: map[string][]*audit.Peer{}}
	for _, name := range []string{"world", "host", "remote-node", "kube-apiserver", "ingress", "health"} {
		e := policy.EntityPeer(name)
		all.list = append(all.list, &e)
	}
	for _, list := range ms.within("") {
		for _, m := range list {
			if len(all.list) < mostPeers {
				all.list = append(all.list, &m.peer)
				all.in[m.peer.Namespace] = append(all.in[m.peer.Namespace], &m.peer)
			}
		}
	}
	return all
}

// everyPeer is those that a rule is tried with, and the pods among them by
// namespace.
type everyPeer struct {
	list []*audit.Peer
	in   map[string][]*audit.Peer
}

// of are those that a rule may name, in order.
func (e *everyPeer) of(r policy.Rule) []*audit.Peer {
	only, ok := r.Within()
	if !ok {
		return e.list
	}
	var out []*audit.Peer
	for _, ns := range only {
		out = append(out, e.in[ns]...)
	}
	return out
}

// with tries the rule with one subject and all peers that it names.
func (t *trial) with(p *audit.Pass, subject *audit.Peer, peers []*audit.Peer, rules map[ruleKey][]policy.Rule) {
	ports, _ := t.rule.Ports()
	for _, peer := range peers {
		if is, sure := t.rule.Matches(subject, peer); !is || !sure || peer == subject {
			continue
		}
		for _, port := range ports {
			if !port.Proxied || port.Name != "" || port.All {
				continue
			}
			proto := audit.TCP
			if !port.TCP {
				proto = audit.UDP
			}
			t.weigh(p.Engine.Decide(audit.Query{Direction: t.rule.Direction(), Subject: subject, Peer: peer, Protocol: proto, Port: port.First}), port.First, rules)
		}
	}
}

// weigh notes what became of the rule in one decision.
func (t *trial) weigh(d audit.Decision, port uint16, rules map[ruleKey][]policy.Rule) {
	own := t.rule.Policy()
	isOwn := func(r audit.PolicyRef) bool { return r.Ref == own.Ref && r.Rule == own.Rule }
	switch {
	case d.Reason != audit.AllowedByRule || !slices.ContainsFunc(d.Policies, isOwn):
	case d.L7:
		t.live++
	default:
		t.void++
		for _, r := range d.Policies {
			plain := slices.ContainsFunc(rules[ruleKey{r.Ref, r.Rule}], func(o policy.Rule) bool {
				return o.Direction() == t.rule.Direction() && o.Plain(port)
			})
			if plain && !slices.ContainsFunc(t.by, func(o audit.PolicyRef) bool { return o.Ref == r.Ref && o.Rule == r.Rule }) {
				t.by = append(t.by, r)
			}
		}
	}
}

func refsText(refs []audit.PolicyRef) string {
	refs = slices.SortedFunc(slices.Values(refs), func(a, b audit.PolicyRef) int {
		return cmp.Or(a.Ref.Compare(b.Ref), cmp.Compare(a.Rule, b.Rule))
	})
	var out []string
	for _, r := range refs {
		out = append(out, r.Ref.String()+" "+r.Rule)
	}
	return some(out)
}
