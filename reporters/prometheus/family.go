package prometheus

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/segproof/segproof/audit"
)

// A family is one metric, with the names of its labels and how it is counted.
type family struct {
	name, help string
	labels     []string
	count      func(*audit.Report, *page) tally
}

func (f family) desc() *prometheus.Desc {
	return prometheus.NewDesc("segproof_"+f.name, f.help, f.labels, nil)
}

// families are all there are.
func families() []family {
	return []family{
		{"findings", "Findings of the newest report; open are those that nobody has accepted.", []string{"rule", "severity", "namespace", "state"}, findings},
		{"edges", "Connections between workloads in the newest report, by what became of them.", []string{"state"}, edges},
		{"coverage_percent", "How much of what there was to see was seen: the least of flows, nodes and workloads.", nil, percent},
		{"coverage_missing", "What was not seen, or not judged, by what it is.", []string{"what"}, missing},
		{"coverage_flows", "Flows that the newest report rests on.", nil, flows},
		{"scorecard", "Namespaces by what is known to hold in each layer: 1 at the state that the layer is in.", []string{"namespace", "layer", "state"}, scorecard},
		{"policy_rules", "Rules of policies, by whether traffic was seen to use them.", []string{"exercised"}, policyRules},
		{"folded_namespaces", "Namespaces that have no series of their own, and are added up as other.", nil, folded},
		{"report_timestamp_seconds", "When the newest report was made.", nil, timestamp},
	}
}

// A tally is a value for each combination of labels.
type tally map[series]float64

// A series is the values of the labels, in the order of their names. What is
// beyond the family's labels is empty.
type series [4]string

func render(r *audit.Report) ([]prometheus.Metric, error) {
	p := newPage(r)
	var out []prometheus.Metric
	for _, f := range families() {
		values := f.count(r, p)
		for _, s := range slices.SortedFunc(maps.Keys(values), func(a, b series) int { return slices.Compare(a[:], b[:]) }) {
			m, err := prometheus.NewConstMetric(f.desc(), prometheus.GaugeValue, values[s], s[:len(f.labels)]...)
			if err != nil {
				return nil, err
			}
			out = append(out, m)
		}
	}
	return out, nil
}

// Bounds on the values of labels.
const (
	maxNamespaces = 1_000
	maxRules      = 200
	other         = "other"
)

// A page says which names have series of their own.
type page struct {
	namespaces, rules map[string]bool
	folded            int
}

func newPage(r *audit.Report) *page {
	weights, rules := map[string]int{}, map[string]int{}
	for i := range r.ScoreCard {
		weights[r.ScoreCard[i].Namespace] += 0
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		weights[namespace(f)] += weight(f)
		rules[f.Rule] += weight(f)
	}
	p := &page{namespaces: heaviest(weights, maxNamespaces), rules: heaviest(rules, maxRules)}
	p.folded = len(weights) - len(p.namespaces)
	return p
}

// weight is more than nothing for what is open: that must not disappear among
// the others.
func weight(f *audit.Finding) int {
	if state(f) == "open" {
		return 1 + max(0, f.Severity.Rank())
	}
	return 0
}

// heaviest are the names that weigh the most, and of those that weigh the same
// the first by name. A name that is taken for what is beyond them stays out.
func heaviest(weights map[string]int, most int) map[string]bool {
	names := slices.SortedFunc(maps.Keys(weights), func(a, b string) int {
		return cmp.Or(cmp.Compare(weights[b], weights[a]), strings.Compare(a, b))
	})
	out := map[string]bool{}
	for _, n := range names[:min(len(names), most)] {
		if n != other {
			out[n] = true
		}
	}
	return out
}

func (p *page) namespace(n string) string { return named(p.namespaces, n) }

// named is a name fit for a label, or the one of all that have no series.
func named(has map[string]bool, name string) string {
	if !has[name] {
		return other
	}
	return audit.Clean(name)
}
