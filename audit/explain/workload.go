package explain

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/segproof/segproof/audit"
)

// A group is the pods of one workload, and the templates of those of its name.
type group struct {
	pods      []*member
	templates []*audit.Workload
	once      sync.Once
	are       []party
}

// parties are the different ones among a workload's pods, or what its template
// would make.
func (g *group) parties(x *Explainer) []party {
	g.once.Do(func() {
		for _, p := range g.pods {
			g.are = append(g.are, p.party(x))
		}
		for _, w := range g.templates {
			if len(g.pods) == 0 {
				g.are = append(g.are, x.party(podOf(w)))
			}
		}
		g.are = distinct(g.are)
	})
	return g.are
}

// podOf is a pod that a workload would make.
func podOf(w *audit.Workload) *audit.Pod {
	return &audit.Pod{
		Namespace: w.Namespace, Name: w.Name, Labels: w.PodLabels, Owner: w.Ref,
		HostNetwork: w.HostNetwork, ServiceAccount: w.ServiceAccount, Ports: w.Ports,
	}
}

// distinct leaves one of those that policy can't tell apart. Where they run on
// different nodes it is not known on which.
func distinct(ps []party) []party {
	slices.SortStableFunc(ps, func(a, b party) int {
		return cmp.Or(slices.Compare(a.peer.Labels, b.peer.Labels), cmp.Compare(a.port, b.port))
	})
	var out []party
	for _, p := range ps {
		n := len(out) - 1
		if n < 0 || !slices.Equal(out[n].peer.Labels, p.peer.Labels) || out[n].port != p.port {
			out = append(out, p)
			continue
		}
		if last := &out[n]; last.node != p.node {
			last.node, last.peer.IP = "", netip.Addr{}
			if last.api != p.api {
				last.api = maybe
			}
		}
	}
	return out
}

// maxParties is how many different ones an end may be; more are not decided.
const maxParties = 64

// bound keeps one query from asking thousands.
func (e *end) bound() {
	if len(e.are) > maxParties {
		e.unknown = fmt.Sprintf("%s may be one of %d that differ; ask about one of them", e.title, len(e.are))
	}
}

// A member is a declared pod, and who it is once that was asked.
type member struct {
	*audit.Pod
	once sync.Once
	is   party
}

func (m *member) party(x *Explainer) party {
	m.once.Do(func() { m.is = x.party(m.Pod) })
	return m.is
}

// party is a pod as an end.
func (x *Explainer) party(p *audit.Pod) party {
	out := party{peer: x.engine.PodPeer(p), node: p.Node}
	if p.HostNetwork {
		out.isNode, out.labels, out.api = true, x.nodeLabels(p.Node), x.runsAPI(p.Node)
		if len(p.IPs) > 0 {
			out.peer.IP = p.IPs[0]
		}
	}
	return out
}

// runsAPI tells whether the API server runs on a node. Where its pods are
// declared they say so; a managed one is not on any node, or is not shown.
func (x *Explainer) runsAPI(node string) answer {
	switch {
	case x.apiNodes[node]:
		return yes
	case len(x.apiNodes) > 0 && node != "":
		return no
	}
	return maybe
}
