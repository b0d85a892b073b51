package audit

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// scoring is what the score card is made of, while it is made.
type scoring struct {
	*Snapshot
	engine  Engine
	outline Outliner // nil if the engine can't tell
	rules   []RuleOutline
	report  *Report
	spaces  map[string]*space
	local   string // name of our own cluster in identities
}

// A space is what is known of one namespace.
type space struct {
	name  string
	peers map[Ref]*Peer // a pod of each workload that policy can isolate
	nodes map[string]bool
	heard map[Ref]bool
	last  time.Time // that anything was heard
	net   traffic
	l7    proxied
}

// scoreCard makes the score card. It comes after the rules, since a finding may
// contradict a layer.
func scoreCard(s *Snapshot, engine Engine, j *Judgement, r *Report, rules []RuleOutline) []Score {
	g := &scoring{Snapshot: s, engine: engine, rules: rules, report: r, spaces: map[string]*space{}}
	g.outline, _ = engine.(Outliner)
	if s.Inventory != nil && s.Traffic != nil {
		g.local = s.local()
	}
	g.declared()
	g.carried()
	if j != nil {
		g.judged(j)
	}
	kyverno := g.admissionPolicies()
	out := make([]Score, 0, len(g.spaces))
	for _, name := range slices.Sorted(maps.Keys(g.spaces)) {
		sp := g.spaces[name]
		out = append(out, Score{
			Namespace: name, System: s.IsSystem(name), Owner: s.Owner(Ref{Kind: "Namespace", Name: name}),
			Workloads: len(sp.peers),
			Admission: g.admission(sp, kyverno), Network: g.network(sp), L7: g.layer7(sp), Observability: g.observability(sp),
		})
	}
	g.contradict(out)
	return out
}

func (g *scoring) space(name string) *space {
	sp := g.spaces[name]
	if sp == nil {
		sp = &space{name: name, peers: map[Ref]*Peer{}, nodes: map[string]bool{}, heard: map[Ref]bool{}}
		sp.net.ends = map[workloadEnd]*endTraffic{}
		g.spaces[name] = sp
	}
	return sp
}

// declared finds the namespaces, and one end for each of their workloads.
func (g *scoring) declared() {
	if g.Inventory == nil {
		return
	}
	for i := range g.Namespaces {
		g.space(g.Namespaces[i].Name)
	}
	for i := range g.Pods {
		p := &g.Pods[i]
		sp := g.space(p.Namespace)
		if !p.HostNetwork && !p.Done {
			sp.nodes[p.Node] = true
		}
	}
	for owner, p := range g.representatives() {
		peer := Peer{Namespace: p.Namespace, Workload: owner}
		if g.outline != nil {
			peer = g.outline.PodPeer(p)
		}
		g.space(p.Namespace).peers[owner] = &peer
	}
}

// representatives has one pod for each workload that policy can isolate: pods of
// one workload are alike. A workload without pods has one as it would make it.
func (s *Snapshot) representatives() map[Ref]*Pod {
	first := map[Ref]*Pod{}
	for i := range s.Pods {
		p := &s.Pods[i]
		if p.HostNetwork || p.Done {
			continue
		}
		if was := first[p.Owner]; was == nil || p.Name < was.Name {
			first[p.Owner] = p
		}
	}
	for i := range s.Workloads {
		if w := &s.Workloads[i]; !w.HostNetwork && w.PodLabels != nil && !s.index.owners[w.Ref] {
			first[w.Ref] = &Pod{Namespace: w.Namespace, Name: w.Name, Labels: w.PodLabels, Owner: w.Ref, ServiceAccount: w.ServiceAccount, Ports: w.Ports}
		}
	}
	return first
}

// carried notes who was heard of. Without an inventory it is the flows that say
// which namespaces there are.
func (g *scoring) carried() {
	if g.Traffic == nil {
		return
	}
	for i := range g.Conversations {
		c := &g.Conversations[i]
		for _, p := range []*Peer{&c.From, &c.To} {
			sp := g.spaces[p.Namespace]
			if sp == nil && g.Inventory == nil && p.IsPod() {
				sp = g.space(p.Namespace)
			}
			if sp == nil {
				continue
			}
			sp.heard[p.Workload] = true
			if c.Last.After(sp.last) {
				sp.last = c.Last
			}
		}
		if sp := g.spaces[speaker(c).Namespace]; sp != nil {
			sp.net.listen(c)
			g.listen(sp, c)
		}
	}
}

// speaker is the end that an event speaks of.
func speaker(c *Conversation) *Peer {
	if c.Direction == Egress {
		return &c.From
	}
	return &c.To
}

func (g *scoring) judged(j *Judgement) {
	for i := range j.Ends {
		v := &j.Ends[i]
		if sp := g.spaces[v.Subject().Namespace]; sp != nil {
			sp.net.judged(v)
			sp.l7.judged(v)
		}
	}
}

// contradict lets findings overrule what the layers of a namespace seem to be,
// and counts those that concern each. An accepted finding is not counted, but
// contradicts all the same: to accept it does not make the layer hold.
func (g *scoring) contradict(scores []Score) {
	at := map[string]*Score{}
	for i := range scores {
		at[scores[i].Namespace] = &scores[i]
	}
	for i := range g.report.Findings {
		f := &g.report.Findings[i]
		if f.Kind != Fails {
			continue
		}
		if f.Subject.Kind == "Cluster" {
			for i := range scores {
				scores[i].contradict(f, true)
			}
		} else if s := at[f.namespace()]; s != nil {
			s.contradict(f, false)
		}
	}
}

// namespace is whose score a finding counts in; "" for none.
func (f *Finding) namespace() string {
	if f.Subject.Kind == "Namespace" {
		return f.Subject.Name
	}
	return f.Subject.Namespace
}

// contradict counts a finding, and lets it overrule a layer if it says that
// what is declared does not hold. What is not covered can't be contradicted by
// what is said of the whole cluster.
func (s *Score) contradict(f *Finding, everywhere bool) {
	layer, overrules := s.concerned(f)
	if layer == nil {
		return
	}
	if f.Suppressed == nil && !everywhere {
		layer.Findings++
	}
	if !overrules || everywhere && layer.State == NotCovered {
		return
	}
	newest := f.newest()
	if layer.State == Disproved {
		if newest.After(layer.Newest) {
			layer.Newest = newest
		}
		return // the worst comes first
	}
	layer.State, layer.Newest, layer.Why = Disproved, newest, f.Rule+": "+f.Message
	if f.Suppressed != nil {
		layer.Why += " (accepted)"
	}
}

// concerned is the layer that a finding is about, and whether it says that what
// is declared there does not hold. The family of a rule is in its id.
func (s *Score) concerned(f *Finding) (layer *Layer, overrules bool) {
	if len(f.ID) < 4 {
		return nil, false
	}
	switch f.ID[3] {
	case '1':
		return &s.Network, true
	case '2', '3', '4':
		return &s.Network, false
	case '5':
		return &s.L7, f.Severity.Rank() >= High.Rank()
	case '6':
		return &s.Admission, strings.HasPrefix(f.Rule, "kyverno-generate-") || strings.HasPrefix(f.Rule, "kyverno-baseline-")
	case '7':
		return &s.Observability, false
	}
	return nil, false
}

func (f *Finding) newest() time.Time {
	var t time.Time
	for _, e := range f.Evidence {
		if e.Last.After(t) {
			t = e.Last
		}
	}
	return t
}

// observability says whether the namespace was seen at all.
func (g *scoring) observability(sp *space) Layer {
	heard := 0
	for w := range sp.peers {
		if sp.heard[w] {
			heard++
		}
	}
	if g.Inventory == nil {
		heard = len(sp.heard)
	}
	var lacks []string
	if g.Traffic != nil && g.Lost > 0 {
		lacks = append(lacks, plural(g.Lost, "flow")+" lost")
	}
	if g.Traffic != nil && len(g.Gaps) > 0 {
		lacks = append(lacks, plural(uint64(len(g.Gaps)), "gap")+" in what nodes told")
	}
	if silent := g.silentUnder(sp); len(silent) > 0 {
		lacks = append(lacks, "nodes silent: "+enumerate(silent))
	}
	of := cmp.Or(len(sp.peers), heard)
	switch {
	case g.Traffic == nil:
		return Layer{State: NotCovered, Why: "no flows were given"}
	case of == 0:
		return Layer{State: NotCovered, Why: "nothing runs here"}
	case heard == 0:
		return Layer{State: NotCovered, Why: "none of " + plural(uint64(of), "workload") + " was heard of"}
	case heard < of:
		lacks = append([]string{plural(uint64(of-heard), "workload") + " not heard of"}, lacks...)
	}
	why := number(heard) + " of " + plural(uint64(of), "workload") + " heard of"
	if len(lacks) > 0 {
		return Layer{State: Enforced, Newest: sp.last, Why: why + "; " + strings.Join(lacks, "; ")}
	}
	return Layer{State: ProvenOK, Newest: sp.last, Why: why + ", nothing lost"}
}

// silentUnder are the silent nodes that pods of the namespace run on; all of
// them if it is not known where these run.
func (g *scoring) silentUnder(sp *space) []string {
	var out []string
	for _, n := range g.report.Coverage.SilentNodes {
		bare := n[strings.LastIndexByte(n, '/')+1:]
		if len(sp.nodes) == 0 || sp.nodes[bare] || sp.nodes[""] {
			out = append(out, n)
		}
	}
	return out
}
