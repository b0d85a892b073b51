package prometheus

import (
	"slices"

	"github.com/segproof/segproof/audit"
)

func findings(r *audit.Report, p *page) tally {
	t := tally{}
	for i := range r.Findings {
		f := &r.Findings[i]
		t[series{named(p.rules, f.Rule), known(f.Severity, audit.Severities...), p.namespace(namespace(f)), state(f)}]++
	}
	return t
}

// state is what becomes of a finding. It does not say what is new: that is
// relative to whoever is told.
func state(f *audit.Finding) string {
	switch {
	case f.Kind == audit.Passes:
		return "proven"
	case f.Suppressed != nil:
		return "suppressed"
	}
	return "open"
}

// namespace is that of the subject, or the subject itself; "" for what belongs
// to none.
func namespace(f *audit.Finding) string {
	if f.Subject.Kind == "Namespace" {
		return f.Subject.Name
	}
	return f.Subject.Namespace
}

// known is one of few words, whatever a stored record says.
func known[S ~string](s S, of ...S) string {
	if slices.Contains(of, s) {
		return string(s)
	}
	return "unknown"
}

func edges(r *audit.Report, _ *page) tally {
	states := []audit.EdgeState{audit.EdgeCarried, audit.EdgeRefused, audit.EdgeContradicted, audit.EdgeUnjudged, audit.EdgeUnseen}
	t := tally{}
	for _, s := range states {
		t[series{string(s)}] = 0
	}
	for i := range r.Edges {
		t[series{known(r.Edges[i].State, states...)}]++
	}
	return t
}

func percent(r *audit.Report, _ *page) tally { return one(float64(r.Coverage.Percent())) }

func flows(r *audit.Report, _ *page) tally { return one(float64(r.Coverage.Flows)) }

func folded(_ *audit.Report, p *page) tally { return one(float64(p.folded)) }

func timestamp(r *audit.Report, _ *page) tally {
	if r.Run.Ended.IsZero() {
		return nil
	}
	return one(float64(r.Run.Ended.UnixMilli()) / 1000)
}

func one(v float64) tally { return tally{series{}: v} }

// missing has a series for everything that may be missing, so that an alert can
// tell nothing from no metrics.
func missing(r *audit.Report, _ *page) tally {
	c := &r.Coverage
	return tally{
		{"lost flows"}:                 float64(c.Lost),
		{"folded flows"}:               float64(c.Folded),
		{"unjudged flows"}:             sum(c.Unjudged),
		{"silent nodes"}:               float64(len(c.SilentNodes)),
		{"gaps"}:                       float64(len(c.Gaps)),
		{"silent workloads"}:           float64(len(c.Unheard)),
		{"unreadable kinds"}:           float64(len(c.Unreadable)),
		{"partly understood policies"}: float64(len(c.PartlyUnderstood)),
		{"rejected policies"}:          float64(len(c.Rejected)),
		{"unreadable input"}:           float64(len(c.Problems) + c.BadRecords),
		{"withheld findings"}:          sum(c.Withheld),
		{"skipped rules"}:              float64(len(c.Skipped)),
		{"folded edges"}:               float64(c.FoldedEdges),
	}
}

func sum[N int | uint64](m map[string]N) float64 {
	var n N
	for _, v := range m {
		n += v
	}
	return float64(n)
}

// scorecard counts namespaces: 1 for each that has series of its own, and of
// the others how many there are.
func scorecard(r *audit.Report, p *page) tally {
	t := tally{}
	for i := range r.ScoreCard {
		s := &r.ScoreCard[i]
		for _, l := range []struct {
			name  string
			state audit.LayerState
		}{{"admission", s.Admission.State}, {"network", s.Network.State}, {"l7", s.L7.State}, {"observability", s.Observability.State}} {
			state := known(l.state, audit.NotCovered, audit.DeclaredOK, audit.Enforced, audit.ProvenOK, audit.Disproved)
			t[series{p.namespace(s.Namespace), l.name, state}]++
		}
	}
	return t
}

func policyRules(r *audit.Report, _ *page) tally {
	used, of := r.Exercised()
	return tally{{"true"}: float64(used), {"false"}: float64(of - used)}
}
