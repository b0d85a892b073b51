package audit

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

type (
	// A Cluster tells what is declared. What it could not read is in the
	// inventory; an error means that nothing could be read.
	Cluster interface {
		Inventory(context.Context) (*Inventory, error)
	}
	// A Network tells what was carried. What it could not see is in the
	// traffic; an error means that nothing could be seen.
	Network interface {
		Traffic(context.Context, Hints) (*Traffic, error)
	}
	// A Reporter tells somebody of a report.
	Reporter interface {
		Report(context.Context, *Report) error
	}
)

// Hints is what the inventory knows that helps to merge flows.
type Hints struct {
	// Cuts are instants that no conversation may span which they concern, in
	// order: changes of policy, and each change plus the settle time.
	Cuts []Cut
	// Owner returns the workload that owns a pod, or false if the pod is not known.
	Owner func(namespace, pod string) (Ref, bool)
	// Nodes are the names of the nodes that there are; nil if that is not known.
	Nodes map[string]bool
}

// A Cut is an instant at which what is declared changes.
type Cut struct {
	At        time.Time
	Namespace string // whose pods it concerns; "" for all
}

// An Auditor does one run after another. A nil Cluster or Network was not
// given: the rules that need it are skipped, and the report says so.
type Auditor struct {
	Cluster  Cluster
	Network  Network
	Compile  func(*Inventory) Engine
	Suggest  func(*Snapshot, Engine, *Report) // adds the change that closes a gap to its finding; may be nil
	Rules    []*Rule
	Options  Options
	Reporter Reporter
	Log      *slog.Logger
	Version  string
	Name     string  // name of the cluster, if the caller knows it better
	Baseline *Report // compared with, if not nil
	// Notes are told with every report as problems, such as a store that was
	// lost; Accepted are exceptions made while it runs. Either may be nil.
	Notes    func() []string
	Accepted func(context.Context) ([]Exception, error)
}

// Audit gathers, checks and reports once. A side that can't be gathered does
// not stop the other: its failure is in the report's coverage, and, unless
// telling of the report failed too, the error is a [PartialError]. The report is
// nil only if nothing could be gathered at all.
func (a *Auditor) Audit(ctx context.Context, t Trigger) (*Report, error) {
	began := time.Now().UTC()
	run := rand.Text()[:12]
	s, missing, err := a.Gather(ctx)
	if err != nil {
		return nil, err
	}
	if s.Now.IsZero() {
		s.Now = began
	}
	notes := a.accepted(ctx, s)
	r := a.check(s)
	r.Coverage.Problems = slices.Concat(missing, notes, r.Coverage.Problems)
	if a.Name != "" {
		r.rename(a.Name)
	}
	r.Run = Run{ID: run, Trigger: t, Began: began, Ended: time.Now().UTC(), Version: a.Version}
	if a.Baseline != nil {
		Compare(a.Baseline, r)
	}
	a.Log.Info("audited", "run", run, "trigger", string(t), "flows", r.Coverage.Flows,
		"findings", len(r.Findings), "took", r.Run.Ended.Sub(began))
	if a.Reporter != nil {
		if err := a.Reporter.Report(ctx, r); err != nil {
			return r, err
		}
	}
	if len(missing) > 0 {
		return r, &PartialError{missing}
	}
	return r, nil
}

// check compiles what is declared and holds the snapshot against the rules.
func (a *Auditor) check(s *Snapshot) *Report {
	var engine Engine
	if s.Inventory != nil {
		engine = a.compile(s)
	}
	r := Check(s, engine, a.Rules)
	if a.Suggest != nil && engine != nil {
		a.Suggest(s, engine, r)
	}
	return r
}

// accepted adds the exceptions made while it runs, and returns what is to be
// told beside what was found.
func (a *Auditor) accepted(ctx context.Context, s *Snapshot) (notes []string) {
	if a.Notes != nil {
		notes = a.Notes()
	}
	if a.Accepted == nil {
		return notes
	}
	made, err := a.Accepted(ctx)
	if err != nil {
		return append(notes, fmt.Sprintf("exceptions accepted while running are not known: %v", err))
	}
	s.Exceptions = slices.Concat(s.Exceptions, made)
	return notes
}

// compile makes the engines of the past, as far as flows reach back, and of the
// present. The inventory may be shared, so that it is a copy that gets them.
func (a *Auditor) compile(s *Snapshot) Engine {
	inv := *s.Inventory
	inv.Past = slices.Clone(inv.Past[s.unneeded():])
	for i := range inv.Past {
		then := inv
		then.Policies, then.Past = inv.Past[i].Policies, nil
		inv.Past[i].Engine = a.Compile(&then)
	}
	s.Inventory = &inv
	return a.Compile(s.Inventory)
}

// unneeded is how many of the first epochs had ended before the first flow.
func (s *Snapshot) unneeded() int {
	if s.Traffic == nil || len(s.Conversations) == 0 {
		return len(s.Past)
	}
	first := s.Conversations[0].First
	for i := range s.Conversations {
		if t := s.Conversations[i].First; t.Before(first) {
			first = t
		}
	}
	n := 0
	for n+1 < len(s.Past) && s.Past[n+1].From.Before(first) {
		n++
	}
	return n
}

// Gather builds the snapshot. The inventory comes first, since the flows are
// merged along its changes. Missing says which side could not be gathered; if
// neither could, that is the error.
func (a *Auditor) Gather(ctx context.Context) (s *Snapshot, missing []string, err error) {
	s = &Snapshot{Options: a.Options}
	var failed []error
	if a.Cluster != nil {
		if s.Inventory, err = a.Cluster.Inventory(ctx); err != nil {
			failed = append(failed, fmt.Errorf("read cluster: %w", err))
			s.Inventory = nil
		}
	}
	if a.Network != nil {
		if s.Traffic, err = a.Network.Traffic(ctx, s.hints()); err != nil {
			failed = append(failed, fmt.Errorf("read flows: %w", err))
			s.Traffic = nil
		}
	}
	if s.Inventory == nil && s.Traffic == nil {
		if len(failed) == 0 {
			return nil, nil, ErrNothing
		}
		return nil, nil, &GatherError{failed}
	}
	for _, e := range failed {
		missing = append(missing, strings.ReplaceAll(e.Error(), "\n", "; "))
	}
	return s, missing, nil
}

func (s *Snapshot) hints() Hints {
	h := Hints{Owner: func(string, string) (Ref, bool) { return Ref{}, false }}
	if s.Inventory == nil {
		return h
	}
	owners := make(map[[2]string]Ref, len(s.Pods)+len(s.GonePods))
	for _, pods := range [][]Pod{s.GonePods, s.Pods} { // who is there knows better than who went
		for i := range pods {
			owners[[2]string{pods[i].Namespace, pods[i].Name}] = pods[i].Owner
		}
	}
	h.Owner = func(ns, pod string) (Ref, bool) {
		r, ok := owners[[2]string{ns, pod}]
		return r, ok
	}
	if len(s.Inventory.Nodes) > 0 {
		h.Nodes = make(map[string]bool, len(s.Inventory.Nodes))
		for _, n := range s.Inventory.Nodes {
			h.Nodes[n.Name] = true
		}
	}
	cut := func(o *Object, t time.Time) {
		if !t.IsZero() {
			h.Cuts = append(h.Cuts, Cut{t, o.Namespace}, Cut{t.Add(s.Settle), o.Namespace})
		}
	}
	for _, p := range s.Policies {
		cut(p, p.Created)
		cut(p, p.Changed)
	}
	for _, e := range s.Past {
		for _, p := range e.Policies {
			cut(p, p.Created)
			cut(p, p.Changed)
		}
	}
	s.pastCuts(&h)
	for _, c := range s.Cuts {
		h.Cuts = append(h.Cuts, c, Cut{c.At.Add(s.Settle), c.Namespace})
	}
	slices.SortFunc(h.Cuts, func(a, b Cut) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Namespace, b.Namespace)) })
	h.Cuts = slices.Compact(h.Cuts)
	return h
}

// pastCuts adds when policies were deleted or replaced, which no time in an
// object tells.
func (s *Snapshot) pastCuts(h *Hints) {
	for i, e := range s.Past {
		until, next := s.InForce, s.Policies
		if i+1 < len(s.Past) {
			until, next = s.Past[i+1].From, s.Past[i+1].Policies
		}
		stays := map[*Object]bool{}
		for _, o := range next {
			stays[o] = true
		}
		for _, o := range e.Policies {
			if !stays[o] {
				h.Cuts = append(h.Cuts, Cut{until, o.Namespace}, Cut{until.Add(s.Settle), o.Namespace})
			}
		}
	}
}
