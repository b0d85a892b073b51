package text

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// maxNames is how many names a list writes out; the rest are counted.
const maxNames = 10

// gone lists what was looked for again and not found.
func (p *page) gone(fs []audit.Finding) {
	if len(fs) == 0 {
		return
	}
	p.title("GONE", some(len(fs), "finding")+" of the baseline: looked for again with enough evidence, and not found")
	fs = slices.Clone(fs)
	audit.SortFindings(fs)
	for _, f := range fs[:min(len(fs), maxNames)] {
		p.para("  ", "    ", fmt.Sprintf("%s %s, %s: %s", audit.Clean(f.ID), audit.Clean(f.Rule), subject(f), audit.Clean(f.Message)))
	}
	if more := len(fs) - maxNames; more > 0 {
		p.para("  … ", "    ", "and "+number(more)+" more, all of them in the record (--json)")
	}
}

// proven counts the positive proofs by rule and namespace.
func (p *page) proven(fs []audit.Finding) {
	if len(fs) == 0 {
		return
	}
	p.title("PROVEN", some(len(fs), "finding")+" that what is declared holds; the evidence is in the record (--json)")
	for _, g := range grouped(fs, nil) {
		by := map[string]int{}
		for _, f := range g.findings {
			ns := f.Subject.Namespace
			if f.Subject.Kind == "Namespace" {
				ns = f.Subject.Name
			}
			by[ns]++
		}
		where := counts(by, "the cluster")
		p.para("  ", "    ", fmt.Sprintf("%s %s: %s in all; %s", audit.Clean(g.rule.ID), audit.Clean(g.rule.Name), number(len(g.findings)), where))
	}
}

// coverage says what was seen and then, in plain words, what was not.
func (p *page) coverage(c *audit.Coverage) {
	p.title("COVERAGE", fmt.Sprintf("%d%%: the least of the flows not lost, the nodes that answered and the workloads heard of", c.Percent()))
	p.WriteString("  Seen\n")
	if c.Flows > 0 {
		p.item("window", p.windowSeen(c))
		p.item("flows", number(c.Flows)+" in "+some(c.Conversations, "conversation"))
		p.item("workloads", number(c.Workloads-len(c.Unheard))+" of "+number(c.Workloads)+" were heard of")
	} else {
		p.item("workloads", number(c.Workloads)+" are declared")
	}
	p.nodes(c.Nodes)
	p.list("not served", c.Absent, "the cluster has no such kind, so no such object")
	if len(c.Ignored) > 0 {
		p.item("other objects", counts(c.Ignored, "")+": say nothing about segmentation")
	}
	p.WriteString("  Not seen\n")
	before := p.Len()
	p.missing(c)
	if p.Len() == before {
		p.para("    ", "    ", "nothing that is known of; what did not talk proves nothing")
	}
}

func (p *page) missing(c *audit.Coverage) {
	if c.Flows == 0 {
		p.item("flows", "none: this report says nothing of what the network carried")
	}
	if c.Lost > 0 {
		p.item("lost flows", fmt.Sprintf("%s (%s)%s", number(c.Lost), percent(c.Lost, c.Flows+c.Lost), because(counts(c.LostBy, "unknown"))))
	}
	p.list("silent nodes", c.SilentNodes, "nothing is known of what they carried")
	p.list("silent workloads", c.Unheard, "no flow spoke of them")
	p.list("unreadable kinds", c.Unreadable, "what they declare is not in the judgement")
	p.list("partly understood", c.PartlyUnderstood, "what they decide may be undetermined")
	p.list("rejected policies", c.Rejected, "Cilium rejects them: they do nothing")
	p.list("unreadable input", c.Problems, "left out")
	if c.BadRecords > 0 {
		p.item("bad records", some(c.BadRecords, "record")+" of flows could not be read")
	}
	if c.Folded > 0 {
		p.item("folded flows", number(c.Folded)+" were merged into \"other\" because a limit was reached")
	}
	if len(c.Unjudged) > 0 {
		p.item("unjudged flows", number(sum(c.Unjudged))+because(counts(c.Unjudged, "unknown")))
	}
	if len(c.Withheld) > 0 {
		p.item("withheld", some(sum(c.Withheld), "finding")+", for want of evidence: "+counts(c.Withheld, ""))
	}
	p.skipped(c)
}

// skipped tells which rules were not applied, those of one reason together.
func (p *page) skipped(c *audit.Coverage) {
	by := map[string][]string{}
	for _, rule := range slices.Sorted(maps.Keys(c.Skipped)) {
		why := c.Skipped[rule]
		by[why] = append(by[why], audit.Clean(rule))
	}
	for _, why := range slices.Sorted(maps.Keys(by)) {
		label, what := "skipped rule", strings.Join(by[why], ", ")+because(audit.Clean(why))
		if len(by[why]) > 1 {
			label, what = "skipped rules", fmt.Sprintf("%d%s: %s", len(by[why]), because(audit.Clean(why)), strings.Join(by[why], ", "))
		}
		p.item(label, what)
	}
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func (p *page) windowSeen(c *audit.Coverage) string {
	s := fmt.Sprintf("%s UTC on %s, %s", p.span(c.From, c.To), c.To.UTC().Format("2006-01-02"), window(c))
	if asked := c.To.Sub(c.Asked); !c.Asked.IsZero() && asked > c.To.Sub(c.From) {
		s += " of the " + lasting(asked) + " asked for"
	}
	return s
}

// nodes tells of each node, since each keeps flows for a time of its own.
// Where there are many, those that something is to be said of come first.
func (p *page) nodes(ns []audit.NodeCoverage) {
	if len(ns) == 0 {
		return
	}
	p.item("nodes", number(len(ns))+" answered")
	if len(ns) > maxNames {
		ns = slices.DeleteFunc(slices.Clone(ns), func(n audit.NodeCoverage) bool { return n.Lost == 0 && n.Note == "" })
	}
	slices.SortFunc(ns, func(a, b audit.NodeCoverage) int { return strings.Compare(a.Name, b.Name) })
	for _, n := range ns[:min(len(ns), maxNames)] {
		s := audit.Clean(n.Name) + " " + some(n.Flows, "flow")
		if !n.From.IsZero() {
			s += ", " + p.span(n.From, n.To)
		}
		if n.Lost > 0 {
			s += ", " + number(n.Lost) + " lost"
		}
		if n.Note != "" {
			s += ", " + audit.Clean(n.Note)
		}
		p.item("", s)
	}
	if more := len(ns) - maxNames; more > 0 {
		p.item("", "and "+number(more)+" more that lost flows or have a note")
	}
}

// item writes a labelled line.
func (p *page) item(label, text string) {
	p.para("    "+pad(label, 18)+" ", strings.Repeat(" ", 25), text)
}

// list writes names, one a line, and what it means that there are any.
func (p *page) list(label string, names []string, means string) {
	if len(names) == 0 {
		return
	}
	p.item(label, number(len(names))+": "+means)
	for _, n := range names[:min(len(names), maxNames)] {
		p.item("", audit.Clean(n))
	}
	if more := len(names) - maxNames; more > 0 {
		p.item("", "and "+number(more)+" more in the record (--json)")
	}
}

// counts writes how many there are of each, in order of the names; none is what
// an empty name means.
func counts[N int | uint64](m map[string]N, none string) string {
	var s []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		name := audit.Clean(k)
		if k == "" {
			name = none
		}
		s = append(s, name+" "+number(m[k]))
	}
	if more := len(s) - maxNames; more > 0 {
		s = append(s[:maxNames], fmt.Sprintf("and %s more", number(more)))
	}
	return strings.Join(s, ", ")
}
