package audit

import (
	"maps"
	"slices"
)

// Bounds on looking for what is allowed and never seen.
const (
	maxReached = 50        // workloads that a rule may name
	maxAsked   = 1_000_000 // ends that are held against rules
)

// searching looks for pairs of workloads that rules allow and traffic never used.
type searching struct {
	engine  Engine
	outline Outliner
	report  *Report
	all     []candidate
	spaces  map[string][]candidate
	ends    map[Ref]int32 // by number
	known   map[pairNumber]bool
	edges   []Edge
	asked   int
}

type candidate struct {
	peer *Peer
	pod  *Pod
}

// unseen adds an edge for each pair of workloads that an allowance, never
// exercised, names with a single port, if both ends allow it. A rule that names
// very many is passed over, and the search is bounded: it adds to a picture, and
// proves nothing.
func (r *Report) unseen(s *Snapshot, o Outliner, engine Engine, rules []RuleOutline) {
	if s.Inventory == nil || s.Traffic == nil {
		return
	}
	g := &searching{engine: engine, outline: o, report: r, spaces: map[string][]candidate{}, ends: map[Ref]int32{}, known: make(map[pairNumber]bool, len(r.Edges))}
	pods := s.representatives()
	for _, ref := range slices.SortedFunc(maps.Keys(pods), Ref.Compare) {
		peer := o.PodPeer(pods[ref])
		c := candidate{&peer, pods[ref]}
		g.all = append(g.all, c)
		g.spaces[ref.Namespace] = append(g.spaces[ref.Namespace], c)
	}
	for i := range r.Edges {
		g.known[g.number(r.Edges[i].pair())] = true
	}
	for i := range rules {
		if x := &r.PolicyCoverage[i]; x.Effect == EffectAllow && !x.Exercised && x.Counts() && len(rules[i].Ports) > 0 {
			g.rule(&rules[i])
		}
	}
	slices.SortFunc(g.edges, func(a, b Edge) int { return a.pair().compare(b.pair()) })
	r.Edges = merged(r.Edges, g.edges)
}

// merged puts ordered edges among ordered edges.
func merged(edges, more []Edge) []Edge {
	i, k := len(edges), len(more)
	edges = append(edges, more...)
	for at := len(edges) - 1; k > 0; at-- {
		if i > 0 && edges[i-1].pair().compare(more[k-1].pair()) > 0 {
			i--
			edges[at] = edges[i]
		} else {
			k--
			edges[at] = more[k]
		}
	}
	return edges
}

func (g *searching) rule(r *RuleOutline) {
	subjects := g.all
	if r.Namespace != "" {
		subjects = g.spaces[r.Namespace]
	}
	subjects = g.those(subjects, r.Selects)
	if len(subjects) == 0 {
		return
	}
	reached := g.reached(r)
	if len(reached) > maxReached || len(subjects) > maxReached {
		return
	}
	for _, s := range subjects {
		for _, p := range reached {
			for _, port := range r.Ports {
				g.pair(r, s, p, port)
			}
		}
	}
}

// those are the candidates that a rule names, as long as there is time to ask.
func (g *searching) those(from []candidate, named func(*Peer) bool) []candidate {
	if g.asked += len(from); g.asked > maxAsked || named == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(from), func(c candidate) bool { return !named(c.peer) })
}

// reached are the candidates that a rule names as peers. Those of other
// namespaces than it may name need not be asked about, but are counted.
func (g *searching) reached(r *RuleOutline) []candidate {
	if r.Within == nil || r.Reaches == nil {
		return g.those(g.all, r.Reaches)
	}
	var near []candidate
	for _, ns := range r.Within {
		near = append(near, g.spaces[ns]...)
	}
	g.asked += len(g.all) - len(near)
	return g.those(near, r.Reaches)
}

func (g *searching) pair(r *RuleOutline, subject, peer candidate, port PortOutline) {
	from, to := subject, peer
	if r.Direction == Ingress {
		from, to = peer, subject
	}
	n, ok := port.at(to.pod)
	k := between{from.peer.Workload, to.peer.Workload, port.Protocol, n}
	if !ok || k.from == k.to || len(g.edges) >= maxUnseen || g.known[g.number(k)] {
		return
	}
	g.known[g.number(k)] = true
	e := Edge{From: k.from, To: k.to, Protocol: k.protocol, Port: n, State: EdgeUnseen}
	for d, end := range map[Direction]*EdgeEnd{Egress: &e.Egress, Ingress: &e.Ingress} {
		q := Query{Direction: d, Subject: from.peer, Peer: to.peer, Protocol: port.Protocol, Port: n}
		if d == Ingress {
			q.Subject, q.Peer = q.Peer, q.Subject
		}
		a := g.engine.Decide(q)
		if a.Answer != Allow {
			return
		}
		*end = EdgeEnd{Answer: a.Answer, Reason: a.Reason, Policies: a.Policies}
	}
	g.edges = append(g.edges, e)
}

func (g *searching) number(k between) pairNumber {
	return pairNumber{number32(g.ends, k.from), number32(g.ends, k.to), k.protocol, k.port}
}

// at is the number of a port at the pod that listens on it.
func (p PortOutline) at(pod *Pod) (uint16, bool) {
	if p.Name == "" {
		return p.Port, true
	}
	for _, n := range pod.Ports {
		if n.Name == p.Name && n.Protocol == p.Protocol {
			return n.Port, true
		}
	}
	return 0, false
}
