package markdown

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// How much of a text is shown, in characters.
const (
	maxName = 160
	maxText = 400
)

// scores lists the namespaces in which something runs and that are not the
// platform's own, and any in which something is contradicted; worst first.
func (p *page) scores(all []audit.Score, share int) {
	shown := slices.DeleteFunc(slices.Clone(all), func(s audit.Score) bool {
		return (s.Workloads == 0 || s.System) && !contradicted(&s)
	})
	slices.SortStableFunc(shown, func(a, b audit.Score) int {
		return cmp.Or(cmp.Compare(grave(&a), grave(&b)), cmp.Compare(a.Namespace, b.Namespace))
	})
	title := "Score card of " + some(len(shown), "namespace")
	if rest := len(all) - len(shown); rest > 0 {
		title += "; " + number(rest) + " more belong to the platform, or nothing runs there"
	}
	p.lines(part{title: title, open: true}, heads("Namespace", "Network", "Admission", "L7", "Observability", "Owner"), len(shown), share, func(i int) string {
		s := &shown[i]
		return row(escape(s.Namespace, maxName), state(s.Network), state(s.Admission), state(s.L7), state(s.Observability), owner(s.Owner))
	})
}

func layers(s *audit.Score) []audit.Layer {
	return []audit.Layer{s.Network, s.Admission, s.L7, s.Observability}
}

func contradicted(s *audit.Score) bool {
	return slices.ContainsFunc(layers(s), func(l audit.Layer) bool { return l.State == audit.Disproved })
}

// grave is least where it is worst: a contradiction of any layer, then what is
// known of the network.
func grave(s *audit.Score) int {
	if contradicted(s) {
		return -2
	}
	return slices.Index([]audit.LayerState{audit.NotCovered, audit.DeclaredOK, audit.Enforced, audit.ProvenOK}, s.Network.State)
}

func state(l audit.Layer) string {
	s := escape(string(l.State), 30)
	if l.State == audit.Disproved {
		return "**" + s + "**"
	}
	return s
}

func owner(name string) string { return escape(cmp.Or(name, "(no owner)"), 60) }

// findings lists those of a part, worst first.
func (p *page) findings(s part, fs []audit.Finding, share int) {
	names := []string{"Severity", "Rule", "Subject", "What", "Owner"}
	if s.state {
		names = append([]string{""}, names...)
	}
	p.lines(s, heads(names...), len(fs), share, func(i int) string {
		cells := cells(&fs[i])
		if s.state {
			cells = append([]string{escape(string(fs[i].State), 20)}, cells...)
		}
		return row(cells...)
	})
}

func cells(f *audit.Finding) []string {
	what := escape(f.Message, maxText)
	if f.Location.File != "" {
		what += "<br>" + escape(fmt.Sprintf("%s:%d", f.Location.File, max(1, f.Location.Line)), maxName)
	}
	return []string{
		escape(string(f.Severity), 20), escape(f.ID+" "+f.Rule, 80), escape(f.Subject.String(), maxName), what, owner(f.Owner),
	}
}

// fixes says once for each rule what to do.
func (p *page) fixes(fs []audit.Finding, rules []audit.RuleInfo, share int) {
	var items []string
	seen := map[string]bool{}
	for i := range fs {
		f := &fs[i]
		at := slices.IndexFunc(rules, func(r audit.RuleInfo) bool { return r.ID == f.ID })
		if seen[f.ID] || at < 0 || rules[at].Fix == "" {
			continue
		}
		seen[f.ID] = true
		items = append(items, "- **"+escape(f.ID+" "+f.Rule, 80)+"**: "+escape(rules[at].Fix, 1000))
	}
	p.lines(part{title: "What to do, by rule"}, "", len(items), share, func(i int) string { return items[i] })
}

func (p *page) suppressed(fs []audit.Finding, share int) {
	title := some(len(fs), "accepted finding")
	p.lines(part{title: title}, heads("Rule", "Subject", "Why", "Until"), len(fs), share, func(i int) string {
		f := &fs[i]
		until := "for ever"
		if !f.Suppressed.Expires.IsZero() {
			until = f.Suppressed.Expires.UTC().Format(time.DateOnly)
		}
		return row(escape(f.ID+" "+f.Rule, 80), escape(f.Subject.String(), maxName), escape(f.Suppressed.Reason, maxText), until)
	})
}

func (p *page) gone(fs []audit.Finding, share int) {
	fs = slices.Clone(fs)
	audit.SortFindings(fs)
	p.findings(part{title: some(len(fs), "finding") + " of the baseline gone: looked for again, and not found"}, fs, share)
}

// A gap is something that was not seen.
type gap struct{ what, which string }

// coverage lists what was not seen.
func (p *page) coverage(c *audit.Coverage, share int) {
	var gaps []gap
	say := func(what, format string, args ...any) { gaps = append(gaps, gap{what, fmt.Sprintf(format, args...)}) }
	list := func(what string, names []string) {
		for _, n := range names {
			gaps = append(gaps, gap{what, n})
		}
	}
	list("unreadable kind", c.Unreadable)
	for _, rule := range slices.Sorted(maps.Keys(c.Skipped)) {
		say("rule not applied", "%s: %s", rule, c.Skipped[rule])
	}
	for _, rule := range slices.Sorted(maps.Keys(c.Withheld)) {
		say("withheld for want of evidence", "%s of %s", number(c.Withheld[rule]), rule)
	}
	for _, where := range slices.Sorted(maps.Keys(c.LostBy)) {
		say("flows lost", "%s at %s", number(c.LostBy[where]), where)
	}
	for _, why := range slices.Sorted(maps.Keys(c.Unjudged)) {
		say("flows not judged", "%s, %s", number(c.Unjudged[why]), why)
	}
	list("policy that Cilium rejects", c.Rejected)
	list("policy partly understood", c.PartlyUnderstood)
	list("silent node", c.SilentNodes)
	list("unreadable input", c.Problems)
	list("silent workload", c.Unheard)
	p.lines(part{title: "What was not seen"}, "", len(gaps), share, func(i int) string {
		return "- " + gaps[i].what + ": " + escape(gaps[i].which, maxText)
	})
}
