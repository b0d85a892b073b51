package bench

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cilium/cilium/pkg/u8proto"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
	"github.com/segproof/segproof/test/oracle"
)

// Sizes of the world that is measured.
const (
	namespaces    = 10
	podsEach      = 40 // identities in a namespace: 400 in all
	policiesEach  = 80 // 800 in all
	apps          = 20
	questionCount = 1 << 14
)

// A world is what both engines are given.
type world struct {
	inv       *audit.Inventory
	questions []question
}

// A question names its ends by their place among the pods.
type question struct {
	subject, peer int
	direction     audit.Direction
	protocol      audit.Protocol
	port          uint16
}

// random is a question about one of the ports that policies name, or about 53.
func random(r *rand.Rand, pods int) question {
	q := question{subject: r.IntN(pods), peer: r.IntN(pods), direction: audit.Ingress, protocol: audit.TCP}
	if r.IntN(2) == 0 {
		q.direction = audit.Egress
	}
	ports := []uint16{80, 81, 82, 83, 443, 6443, 8050, 53}
	if q.port = ports[r.IntN(len(ports))]; q.port == 53 {
		q.protocol = audit.UDP
	}
	return q
}

func newWorld() *world {
	r := rand.New(rand.NewPCG(1, 2))
	s := oracle.Settings()[0]
	w := &world{inv: &audit.Inventory{Settings: s.ConfigMap()}}
	for n := range namespaces {
		ns := audit.Namespace{Name: fmt.Sprintf("ns%d", n), Labels: map[string]string{"team": fmt.Sprintf("t%d", n%5)}}
		w.inv.Namespaces = append(w.inv.Namespaces, ns)
		for p := range podsEach {
			w.inv.Pods = append(w.inv.Pods, audit.Pod{
				Namespace: ns.Name, Name: fmt.Sprintf("pod%d", p),
				Labels: map[string]string{"app": fmt.Sprintf("app%d", p%apps), "tier": fmt.Sprintf("tier%d", p/apps*2+p%2), "pod": fmt.Sprint(p)},
			})
		}
		for p := range policiesEach {
			w.inv.Policies = append(w.inv.Policies, newPolicy(r, ns.Name, p))
		}
	}
	for range questionCount {
		w.questions = append(w.questions, random(r, len(w.inv.Pods)))
	}
	return w
}

type (
	object = map[string]any
	list   = []any
)

// newPolicy is of one of the three kinds that clusters have most of.
func newPolicy(r *rand.Rand, namespace string, n int) *audit.Object {
	app := func() object { return object{"matchLabels": object{"app": fmt.Sprintf("app%d", r.IntN(apps))}} }
	tier := object{"matchLabels": object{"tier": fmt.Sprintf("tier%d", r.IntN(4))}}
	team := object{"matchLabels": object{"team": fmt.Sprintf("t%d", r.IntN(5))}}
	port := 80 + r.IntN(4)
	o := &audit.Object{Ref: audit.Ref{Kind: "NetworkPolicy", Namespace: namespace, Name: fmt.Sprintf("p%d", n)}}
	var spec object
	switch n % 4 {
	case 0:
		spec = object{"podSelector": tier, "policyTypes": list{"Ingress"}, "ingress": list{
			object{"from": list{object{"podSelector": app()}, object{"namespaceSelector": team, "podSelector": app()}}, "ports": list{object{"port": port, "protocol": "TCP"}}},
			object{"from": list{object{"namespaceSelector": team}}, "ports": list{object{"port": 8000, "endPort": 8100, "protocol": "TCP"}}},
		}}
	case 1:
		spec = object{"podSelector": app(), "policyTypes": list{"Egress"}, "egress": list{
			object{"to": list{object{"namespaceSelector": team}, object{"ipBlock": object{"cidr": "10.0.0.0/8", "except": list{"10.1.0.0/16"}}}}},
			object{"ports": list{object{"port": 53, "protocol": "UDP"}}},
		}}
	case 2:
		o.Kind = "CiliumNetworkPolicy"
		spec = object{
			"endpointSelector": app(),
			"ingress":          list{object{"fromEndpoints": list{tier, app()}, "toPorts": list{tcp(port), tcp(443)}}},
			"egress": list{
				object{"toEntities": list{"kube-apiserver"}, "toPorts": list{tcp(6443)}},
				object{"toEndpoints": list{object{"matchLabels": object{"k8s:io.kubernetes.pod.namespace": fmt.Sprintf("ns%d", r.IntN(namespaces))}}}},
			},
		}
	default:
		o.Kind = "CiliumNetworkPolicy"
		spec = object{"endpointSelector": tier, "ingressDeny": list{object{"fromEndpoints": list{app()}, "toPorts": list{tcp(port)}}}}
	}
	version := map[string]string{"NetworkPolicy": "networking.k8s.io/v1", "CiliumNetworkPolicy": "cilium.io/v2"}[o.Kind]
	o.APIVersion = version
	o.Raw = object{"apiVersion": version, "kind": o.Kind, "metadata": object{"name": o.Name, "namespace": namespace}, "spec": spec}
	return o
}

func tcp(port int) object {
	return object{"ports": list{object{"port": fmt.Sprint(port), "protocol": "TCP"}}}
}

// ours is Segproof's engine with this world's policies; nothing is worked out yet.
func (w *world) ours() (*policy.Engine, []audit.Peer) {
	e := policy.Compile(w.inv, policy.Options{})
	var peers []audit.Peer
	for i := range w.inv.Pods {
		peers = append(peers, e.PodPeer(&w.inv.Pods[i]))
	}
	return e, peers
}

// queries are the questions as Segproof is asked them.
func (w *world) queries(peers []audit.Peer) []audit.Query {
	var out []audit.Query
	for _, q := range w.questions {
		out = append(out, audit.Query{Direction: q.direction, Subject: &peers[q.subject], Peer: &peers[q.peer], Protocol: q.protocol, Port: q.port})
	}
	return out
}

// cilium is a cluster of Cilium's with this world's identities, and policies
// if wanted.
func (w *world) cilium(tb testing.TB) (*oracle.Cilium, []*oracle.Identity) {
	tb.Helper()
	c, err := oracle.New(oracle.Settings()[0])
	if err != nil {
		tb.Fatal(err)
	}
	var ids []*oracle.Identity
	for i := range w.inv.Pods {
		p := &w.inv.Pods[i]
		id, err := c.AddPod(p, &w.inv.Namespaces[i/podsEach], oracle.ClusterName)
		if err != nil {
			tb.Fatal(err)
		}
		ids = append(ids, id)
	}
	return c, ids
}

// declare hands the policies to Cilium's engine.
func (w *world) declare(tb testing.TB, c *oracle.Cilium) {
	tb.Helper()
	for _, o := range w.inv.Policies {
		if err := c.Declare(o); err != nil {
			tb.Fatal(err)
		}
	}
}

// asked are the questions as Cilium is asked them.
func (w *world) asked(ids []*oracle.Identity) []oracle.Question {
	var out []oracle.Question
	for _, q := range w.questions {
		protocol := u8proto.TCP
		if q.protocol == audit.UDP {
			protocol = u8proto.UDP
		}
		out = append(out, oracle.Question{Subject: ids[q.subject], Peer: ids[q.peer], Direction: q.direction, Protocol: protocol, Port: q.port})
	}
	return out
}
