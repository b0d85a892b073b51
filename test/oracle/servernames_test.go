package oracle

import (
	"fmt"
	"testing"

	"github.com/segproof/segproof/audit"
)

// serverNames are those that connections ask for.
func serverNames() []string { return []string{"foo.com", "a.foo.com", "a.b.foo.com", "bar.com"} }

// askServers asks what becomes of a connection that the map state sends to the
// proxy, by the server name that it asks for.
func (p *pair) askServers(q question, t *tally) *disagreement {
	if q.protocol != audit.TCP {
		return nil
	}
	for _, name := range serverNames() {
		passes, whyNot := p.cilium.PassesServer(p.asked(q), name)
		if whyNot != "" {
			return nil
		}
		query := p.query(q)
		query.SNI = name
		ours := p.ours.Decide(query)
		if ours.Answer == audit.Undetermined {
			t.undetermined[general(ours.Why)]++
			continue
		}
		t.servers++
		if (ours.Answer == audit.Allow) != passes {
			return &disagreement{"server name " + name, describe(ours), fmt.Sprintf("passes=%v", passes)}
		}
	}
	return nil
}

// serverPolicies are policies of which many are about one peer and port, with
// server names or without: Cilium merges those.
func (r *random) serverPolicies() (out []object) {
	for i := range 1 + r.IntN(4) {
		way := one(r, "to", "from")
		list := map[string]string{"to": "egress", "from": "ingress"}[way]
		rules := r.some(1, 3, func() any { return r.serverRule(way) })
		out = append(out, object{
			"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
			"metadata": object{"name": fmt.Sprint("s", i), "namespace": "x"},
			"spec":     object{"endpointSelector": object{}, list: rules},
		})
	}
	return out
}

func (r *random) serverRule(way string) any {
	rule := object{}
	switch r.IntN(5) {
	case 0:
		rule[way+"Endpoints"] = r.some(1, 2, func() any { return one(r, object{}, object{"matchLabels": object{"app": "a"}}) })
	case 1:
		rule[way+"Entities"] = r.some(1, 2, func() any { return one(r, "all", "host", "remote-node", "health") })
	case 2:
		rule[way+"CIDR"] = r.some(1, 2, func() any { return one(r, "10.9.0.0/16", "10.9.1.1/32") })
	case 3:
		rule[way+"CIDRSet"] = list{object{"cidr": "10.9.0.0/16", "except": list{"10.9.2.0/24"}}}
	}
	port := object{"port": one(r, "443", "443", "80", "0")}
	if r.chance(70) {
		port["protocol"] = "TCP"
	}
	if r.chance(15) {
		port["endPort"] = 500
	}
	entry := object{"ports": list{port}}
	if r.chance(50) {
		entry["serverNames"] = r.some(1, 2, func() any { return one(r, "foo.com", "*.foo.com", "**.foo.com", "bar.com") })
	}
	rule["toPorts"] = list{entry}
	return rule
}

func TestEveryServerNamePassesAsTheProxyWouldLetIt(t *testing.T) {
	const enough = 4000
	s, all := Settings()[0], newTally()
	for n := uint64(0); all.servers < enough; n++ {
		r := newRandom(s, *seed, n)
		c, policies := r.cluster(), r.serverPolicies()
		p := mustPair(t, c, policies)
		for range perCluster {
			q := r.question(c)
			q.protocol, q.port = audit.TCP, one[uint16](r, 443, 80, 444)
			if d := p.ask(q, all); d != nil {
				report(t, trial{s, c, q}, policies, d)
				t.FailNow()
			}
		}
	}
	t.Log(all)
	if n := sum(all.undetermined); n*100 > all.decisions*maxUndetermined {
		t.Errorf("%d of %d answers are undetermined", n, all.decisions)
	}
}
