package slack

import (
	"fmt"
	"path"

	"github.com/segproof/segproof/audit"
)

// A Route sends the findings that meet all of its conditions to a channel. An
// empty condition is met by everything.
type Route struct {
	Owner       string
	LabelKey    string // that the subject's namespace has
	LabelValue  string // "" for any value
	Namespace   string // a pattern, such as payments-*
	MinSeverity audit.Severity
	Channel     string
}

func (r *Route) check() error {
	if _, err := path.Match(r.Namespace, ""); err != nil {
		return fmt.Errorf("a route's namespace is %q, expected a pattern such as payments-*", r.Namespace)
	}
	if r.Channel == "" {
		return fmt.Errorf("a route has no channel, expected an ID such as C0123456789")
	}
	return nil
}

// takes tells whether f goes this way; labels are those of its namespace.
func (r *Route) takes(f *audit.Finding, labels map[string]any) bool {
	if r.Owner != "" && r.Owner != f.Owner {
		return false
	}
	if ok, err := path.Match(r.Namespace, namespace(f)); r.Namespace != "" && (!ok || err != nil) {
		return false
	}
	if value, has := labels[r.LabelKey]; r.LabelKey != "" && (!has || r.LabelValue != "" && value != r.LabelValue) {
		return false
	}
	// A severity that is not known goes everywhere rather than nowhere.
	return r.MinSeverity == "" || f.Severity.Rank() < 0 || f.Severity.Rank() >= r.MinSeverity.Rank()
}

func namespace(f *audit.Finding) string {
	if f.Subject.Kind == "Namespace" {
		return f.Subject.Name
	}
	return f.Subject.Namespace
}

// A part is what one channel is told of.
type part struct {
	channel string
	report  *audit.Report
	routed  bool // by a route: nothing is said there until there is something
	whole   bool // the digest of everything: nobody is told anything else there
}

// parts sorts the findings by channel: the default one first, then as the routes
// stand. Each finding is in one part; the digest of everything has all of them.
func (r *Reporter) parts(report *audit.Report) []part {
	parts := []part{{channel: r.o.channel}}
	at := map[string]int{r.o.channel: 0}
	for _, route := range r.o.routes {
		if _, ok := at[route.Channel]; !ok {
			at[route.Channel] = len(parts)
			parts = append(parts, part{channel: route.Channel, routed: true})
		}
	}
	for i := range parts {
		one := *report
		one.Findings, one.Gone = nil, nil
		parts[i].report = &one
	}
	labels := namespaceLabels(report)
	to := func(f *audit.Finding) *audit.Report {
		for i := range r.o.routes {
			if r.o.routes[i].takes(f, labels[namespace(f)]) {
				return parts[at[r.o.routes[i].Channel]].report
			}
		}
		return parts[0].report
	}
	for i := range report.Findings {
		p := to(&report.Findings[i])
		p.Findings = append(p.Findings, report.Findings[i])
	}
	for i := range report.Gone {
		p := to(&report.Gone[i])
		p.Gone = append(p.Gone, report.Gone[i])
	}
	if _, ok := at[r.o.digestChannel]; r.o.digestChannel != "" && !ok {
		parts = append(parts, part{channel: r.o.digestChannel, report: report, whole: true})
	}
	return parts
}

// namespaceLabels are the labels of the namespaces that the report holds.
func namespaceLabels(r *audit.Report) map[string]map[string]any {
	out := map[string]map[string]any{}
	for i := range r.Objects {
		o := &r.Objects[i]
		if o.Kind != "Namespace" {
			continue
		}
		if meta, ok := o.Manifest["metadata"].(map[string]any); ok {
			if labels, ok := meta["labels"].(map[string]any); ok {
				out[o.Name] = labels
			}
		}
	}
	return out
}
