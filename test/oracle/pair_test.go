package oracle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/cilium/pkg/u8proto"
	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// A pair is both engines with the same cluster and the same policies.
type pair struct {
	cilium *Cilium
	ours   *policy.Engine
	ends   []twin // as in the cluster
}

// A twin is one end as each of the engines knows it.
type twin struct {
	name   string
	cilium *Identity
	ours   audit.Peer
}

// A disagreement is what one question or policy came to on both sides.
type disagreement struct{ about, ours, cilium string }

func (d *disagreement) String() string {
	return fmt.Sprintf("%s: segproof says %s, cilium says %s", d.about, d.ours, d.cilium)
}

// newPair declares the policies to both. They may disagree about what is a
// policy at all, and about the identity of a pod.
func newPair(s Setting, c *cluster, policies []object) (*pair, *disagreement, error) {
	cilium, err := New(s)
	if err != nil {
		return nil, nil, err
	}
	rejected := map[string]error{}
	for _, raw := range policies {
		o := declared(raw)
		rejected[o.Name] = cilium.Declare(o)
	}
	p := &pair{cilium: cilium, ours: policy.Compile(inventory(s, c, policies), policy.Options{})}
	if d := p.compareRejected(rejected); d != nil {
		return nil, d, nil
	}
	for i := range c.ends {
		t, err := p.twin(&c.ends[i])
		if err != nil {
			return nil, nil, err
		}
		if diff := cmp.Diff(t.cilium.IdentityLabels(), t.ours.Labels); diff != "" {
			return nil, &disagreement{"identity", fmt.Sprint(t.ours.Labels), fmt.Sprint(t.cilium.IdentityLabels())}, nil
		}
		p.ends = append(p.ends, t)
	}
	return p, nil, nil
}

// inventory is the cluster as it is declared to us.
func inventory(s Setting, c *cluster, policies []object) *audit.Inventory {
	inv := &audit.Inventory{Namespaces: c.namespaces, Settings: s.ConfigMap(), Policies: slices.Clone(c.groups)}
	for _, raw := range policies {
		inv.Policies = append(inv.Policies, declared(raw))
	}
	for i := range c.ends {
		if e := &c.ends[i]; e.pod != nil && e.elsewhere == "" {
			inv.Pods = append(inv.Pods, *e.pod)
		}
	}
	return inv
}

// compareRejected holds what we say has no effect against what Cilium refuses.
func (p *pair) compareRejected(rejected map[string]error) *disagreement {
	ours := map[string]string{}
	for _, partly := range p.ours.Partly() {
		if partly.NoEffect {
			ours[partly.Name] = partly.Why
		}
	}
	for name, err := range rejected {
		if why, no := ours[name]; no != (err != nil) {
			return &disagreement{"validity", fmt.Sprintf("%q", why), fmt.Sprint(err)}
		}
	}
	return nil
}

func (p *pair) twin(e *end) (twin, error) {
	t := twin{name: e.name}
	var err error
	switch {
	case e.pod != nil && e.elsewhere != "":
		t.cilium, err = p.cilium.AddPod(e.pod, e.namespace, e.elsewhere)
		t.ours = policy.PodPeer(e.pod, e.namespace, e.elsewhere)
	case e.pod != nil:
		t.cilium, err = p.cilium.AddPod(e.pod, e.namespace, ClusterName)
		t.ours = p.ours.PodPeer(e.pod)
		t.ours.IP = e.ip
	case e.entity != "":
		if t.cilium, err = p.cilium.Entity(e.entity); err == nil {
			t.ours = audit.Peer{Labels: t.cilium.IdentityLabels()}
		}
	case e.ip.IsValid():
		t.cilium = p.cilium.AddAddress(e.ip, e.groups, e.labels...)
		t.ours = audit.Peer{Labels: t.cilium.IdentityLabels(), IP: e.ip}
	default:
		t.cilium = p.cilium.Add(e.labels...)
		t.ours = audit.Peer{Labels: t.cilium.IdentityLabels()}
	}
	return t, err
}

// A question names its ends by their place in the cluster.
type question struct {
	subject, peer int
	direction     audit.Direction
	protocol      audit.Protocol
	port          uint16
}

// asked is the question as Cilium is asked, and query as we are.
func (p *pair) asked(q question) Question {
	return Question{
		Subject: p.ends[q.subject].cilium, Peer: p.ends[q.peer].cilium,
		Direction: q.direction, Protocol: number(q.protocol), Port: q.port,
	}
}

func (p *pair) query(q question) audit.Query {
	return audit.Query{
		Subject: &p.ends[q.subject].ours, Peer: &p.ends[q.peer].ours,
		Direction: q.direction, Protocol: q.protocol, Port: q.port,
	}
}

func (p *pair) text(q question) string {
	arrow := "->"
	if q.direction == audit.Ingress {
		arrow = "<-"
	}
	describe := func(t twin) string { return "[" + strings.Join(t.cilium.IdentityLabels(), " ") + "]" }
	return fmt.Sprintf("%s %s %s %s/%d", describe(p.ends[q.subject]), arrow, describe(p.ends[q.peer]), q.protocol, q.port)
}

// numbers are the protocols as the datapath has them. Any other is GRE.
func number(p audit.Protocol) u8proto.U8proto {
	switch p {
	case audit.TCP:
		return u8proto.TCP
	case audit.UDP:
		return u8proto.UDP
	case audit.SCTP:
		return u8proto.SCTP
	case audit.ICMPv4:
		return u8proto.ICMP
	case audit.ICMPv6:
		return u8proto.ICMPv6
	}
	return u8proto.GRE
}
