package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Check holds a snapshot against the rules. It is pure: it can't fail, and the
// same snapshot gives the same report. Engine may be nil if the snapshot has no
// inventory.
func Check(s *Snapshot, engine Engine, rules []*Rule) *Report {
	s = s.indexed()
	r := &Report{Schema: Schema, Findings: []Finding{}, Rules: []RuleInfo{}, ScoreCard: []Score{}, PolicyCoverage: []Exercise{}}
	r.Cluster = s.cluster()
	r.Coverage = coverage(s, engine)
	var j *Judgement
	if engine != nil && s.Traffic != nil {
		j = Judge(s, engine)
		r.Coverage.Unjudged = j.Unjudged
	}
	pass := Pass{Snapshot: s, Engine: engine, Judgement: j, report: r, shared: map[any]any{}}
	var last []*Rule
	for _, rule := range rules {
		r.Rules = append(r.Rules, rule.Info())
		if rule.Needs&Exceptions != 0 {
			last = append(last, rule)
		} else {
			pass.apply(rule)
		}
	}
	r.finish(s, 0)
	found := len(r.Findings)
	pass.accepted = r.accept(s, rules)
	for _, rule := range last {
		pass.apply(rule)
	}
	r.finish(s, found)
	slices.SortFunc(r.Rules, func(a, b RuleInfo) int { return cmp.Compare(a.ID, b.ID) })
	SortFindings(r.Findings)
	r.account(s, engine, j)
	return r
}

// apply applies one rule, or notes why it can't be.
func (p Pass) apply(rule *Rule) {
	if why := p.lacks(rule.Needs); why != "" {
		p.report.Coverage.Skipped[rule.Name] = why
		return
	}
	p.rule = rule
	rule.Check(&p)
}

// account adds what is known of what holds: the score card, the policy coverage,
// and the edges and objects that all of it is about.
func (r *Report) account(s *Snapshot, engine Engine, j *Judgement) {
	var outline []RuleOutline
	o, _ := engine.(Outliner)
	if o != nil {
		outline = o.Outline()
	}
	r.PolicyCoverage = exercise(outline, j)
	r.ScoreCard = scoreCard(s, engine, j, r, outline)
	r.edges(s, j)
	if o != nil {
		r.unseen(s, o, engine, outline)
	}
	r.name()
	r.objects(s)
}

// finish fills in what is the same for every finding from the given one on.
func (r *Report) finish(s *Snapshot, from int) {
	for i := range r.Findings[from:] {
		f := &r.Findings[from+i]
		f.State = New
		f.Owner = s.Owner(f.Subject)
		f.Fingerprint = f.fingerprint(r.Cluster)
		for n := range f.Policies {
			if o := f.Policies[n].Object; o != nil {
				f.Policies[n].Location = o.Source
			}
		}
		if f.Location == (Source{}) {
			f.Location = s.locate(f)
		}
		if f.Location != (Source{}) {
			f.LocatedBy = "manifests"
		}
	}
}

// rename gives the report another cluster name.
func (r *Report) rename(cluster string) {
	if r.Cluster == cluster {
		return
	}
	r.Cluster = cluster
	now := map[string]string{}
	for i := range r.Findings {
		f := &r.Findings[i]
		was := f.Fingerprint
		f.Fingerprint = f.fingerprint(cluster)
		now[was] = f.Fingerprint
	}
	for i := range r.Edges {
		fs := r.Edges[i].Findings
		for n := range fs {
			fs[n] = now[fs[n]]
		}
		slices.Sort(fs)
	}
}

func (s *Snapshot) cluster() string {
	if s.ClusterName != "" {
		return s.ClusterName
	}
	if s.Inventory != nil && s.Inventory.Cluster != "" {
		return s.Inventory.Cluster
	}
	if s.Traffic != nil && len(s.Clusters) == 1 {
		return s.Clusters[0]
	}
	return "default"
}

// lacks says why a rule with these needs can't be applied; "" if it can.
func (s *Snapshot) lacks(needs Input) string {
	if s.Inventory == nil && needs&(Policies|Kyverno) != 0 {
		return "no cluster and no manifests were given"
	}
	if s.Traffic == nil && needs&Flows != 0 {
		return "no flows"
	}
	if needs&Kyverno != 0 && !s.hasKyverno() {
		return "no Kyverno objects were found"
	}
	return ""
}

func (s *Snapshot) hasKyverno() bool {
	if len(s.Kyverno) > 0 || len(s.Results) > 0 {
		return true
	}
	return slices.ContainsFunc(s.Unreadable, func(u Unreadable) bool { return !u.Absent && strings.Contains(u.Kind, "kyverno") })
}

// locate finds the file to change for a finding: that of the first policy that
// took part, else that of its subject.
func (s *Snapshot) locate(f *Finding) Source {
	for _, p := range f.Policies {
		if p.Location != (Source{}) {
			return p.Location
		}
	}
	if n := s.Namespace(f.Subject.Name); n != nil && f.Subject.Kind == "Namespace" {
		return n.Source
	}
	if p := s.Pod(f.Subject.Namespace, f.Subject.Name); p != nil && f.Subject.Kind == "Pod" {
		return p.Source
	}
	if w := s.Workload(f.Subject); w != nil {
		return w.Source
	}
	if o := s.Object(f.Subject); o != nil {
		return o.Source
	}
	return Source{}
}

// coverage writes down what was and was not seen.
func coverage(s *Snapshot, engine Engine) Coverage {
	c := Coverage{
		Nodes: []NodeCoverage{}, SilentNodes: []string{}, Unreadable: []string{}, PartlyUnderstood: []string{},
		Withheld: map[string]int{}, Skipped: map[string]string{},
	}
	if t := s.Traffic; t != nil {
		c.From, c.To, c.Asked = t.Since, t.Until, t.Asked
		c.Flows, c.Lost, c.Folded, c.BadRecords = t.Flows, t.Lost, t.Folded, t.BadRecords
		c.Conversations = len(t.Conversations)
		c.LostBy = maps.Clone(t.LostBy)
		c.Gaps = t.Gaps
		c.Nodes = append(c.Nodes, t.Nodes...)
		c.SilentNodes = append(c.SilentNodes, t.SilentNodes...)
		c.Problems = append(c.Problems, problems(t.Problems)...)
	}
	if i := s.Inventory; i != nil {
		for _, u := range i.Unreadable {
			if u.Absent {
				c.Absent = append(c.Absent, u.Kind)
			} else {
				c.Unreadable = append(c.Unreadable, u.Kind+": "+u.Reason)
			}
		}
		c.Ignored = maps.Clone(i.Ignored)
		c.Problems = append(c.Problems, problems(i.Problems)...)
		c.silent(s)
	}
	if engine != nil {
		for _, p := range engine.Partly() {
			if line := p.Ref.String() + ": " + p.Why; p.NoEffect {
				c.Rejected = append(c.Rejected, line)
			} else {
				c.PartlyUnderstood = append(c.PartlyUnderstood, line)
			}
		}
	}
	slices.Sort(c.Unreadable)
	slices.Sort(c.Absent)
	return c
}

// silent lists the workloads that no flow spoke of, and the nodes of the
// cluster that reported nothing.
func (c *Coverage) silent(s *Snapshot) {
	heard := map[Ref]bool{}
	nodes := map[string]bool{}
	if s.Traffic != nil {
		for i := range s.Conversations {
			heard[s.Conversations[i].From.Workload] = true
			heard[s.Conversations[i].To.Workload] = true
		}
		for _, n := range s.Traffic.Nodes {
			// Hubble calls a node cluster/node.
			nodes[n.Name[strings.LastIndexByte(n.Name, '/')+1:]] = true
		}
	}
	all := map[Ref]bool{}
	for _, p := range s.Pods {
		if !p.HostNetwork && !p.Done {
			all[p.Owner] = true
		}
	}
	c.Workloads = len(all)
	if s.Traffic == nil {
		return
	}
	for w := range all {
		if !heard[w] {
			c.Unheard = append(c.Unheard, w.String())
		}
	}
	slices.Sort(c.Unheard)
	for _, n := range s.Inventory.Nodes {
		if !nodes[n.Name] && !slices.Contains(c.SilentNodes, n.Name) {
			c.SilentNodes = append(c.SilentNodes, n.Name)
		}
	}
	slices.Sort(c.SilentNodes)
}

func problems(ps []Problem) []string {
	var out []string
	for _, p := range ps {
		out = append(out, p.String())
	}
	return out
}

// String names the file, the document, the line and what is wrong.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Document > 0 {
		fmt.Fprintf(&b, ", document %d", p.Document)
	}
	if p.Line > 0 {
		fmt.Fprintf(&b, ", line %d", p.Line)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(p.Err)
	return b.String()
}
