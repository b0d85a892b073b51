package text

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// maxFindings is how many findings are written out; the rest are counted.
const maxFindings = 200

// A group is the findings of one rule and severity.
type group struct {
	rule     audit.RuleInfo
	findings []audit.Finding
}

// grouped sorts findings by severity and rule. A rule that the report does not
// describe has no title and no fix.
func grouped(fs []audit.Finding, rules []audit.RuleInfo) []group {
	var gs []group
	fs = slices.Clone(fs)
	audit.SortFindings(fs)
	for _, f := range fs {
		if n := len(gs); n > 0 && gs[n-1].rule.ID == f.ID && gs[n-1].rule.Severity == f.Severity {
			gs[n-1].findings = append(gs[n-1].findings, f)
			continue
		}
		g := group{audit.RuleInfo{ID: f.ID, Name: f.Rule}, []audit.Finding{f}}
		if i := slices.IndexFunc(rules, func(i audit.RuleInfo) bool { return i.ID == f.ID }); i >= 0 {
			g.rule = rules[i]
		}
		g.rule.Severity = f.Severity
		gs = append(gs, g)
	}
	return gs
}

// fix is what all findings of the group have in common to do, else what the
// rule says.
func (g group) fix() string {
	own := g.findings[0].Fix
	if own == "" || slices.ContainsFunc(g.findings, func(f audit.Finding) bool { return f.Fix != own }) {
		return g.rule.Fix
	}
	return own
}

// fair is how many findings of each group may be written out, so that a rule
// with thousands of them does not hide the others.
func fair(gs []group) int {
	for limit := 1; ; limit++ {
		shown, all := 0, true
		for _, g := range gs {
			shown += min(limit, len(g.findings))
			all = all && len(g.findings) <= limit
		}
		if shown > maxFindings {
			return max(1, limit-1)
		}
		if all {
			return limit
		}
	}
}

// A layout is the widths of the columns. Without a column of their own (0),
// owners are written below the message.
type layout struct{ mark, subject, owner int }

func (p *page) layout(fs []audit.Finding) layout {
	l := layout{subject: 16}
	if p.marks {
		l.mark = 4
	}
	for _, f := range fs {
		l.subject = max(l.subject, columns(subject(f)))
		l.owner = max(l.owner, columns(ownerOf(f.Owner)), len("OWNER"))
	}
	l.subject = min(l.subject, p.width*3/10)
	l.owner = min(l.owner, 16)
	if p.width < 80 {
		l.owner = 0
	}
	return l
}

// ownerOf is who must act, or that nobody is named.
func ownerOf(owner string) string { return cmp.Or(audit.Clean(owner), "(no owner)") }

func subject(f audit.Finding) string { return audit.Clean(f.Subject.String()) }

func (p *page) findings(r *audit.Report, fs []audit.Finding) {
	gs := grouped(fs, r.Rules)
	if len(gs) == 0 {
		return
	}
	l, limit := p.layout(fs), fair(gs)
	p.WriteByte('\n')
	p.para("SEVERITY  RULE", "", "")
	p.row(l, audit.Finding{Subject: audit.Ref{Kind: "Entity", Name: "SUBJECT"}, Message: "WHAT", Owner: "OWNER"}, nil)
	for _, g := range gs {
		p.group(l, g, limit)
	}
}

func (p *page) group(l layout, g group, limit int) {
	word := strings.ToUpper(audit.Clean(string(g.rule.Severity)))
	name := audit.Clean(g.rule.ID + " " + g.rule.Name)
	if g.rule.Title != "" {
		name += ": " + audit.Clean(g.rule.Title)
	}
	if n := len(g.findings); n > 1 {
		name += fmt.Sprintf(" (%s)", number(n))
	}
	p.WriteByte('\n')
	p.para(pad(p.paint(g.rule.Severity, word), 8)+"  ", strings.Repeat(" ", 10), name)
	fix := g.fix()
	common := 0 // findings that this fix is for
	shown := g.findings[:min(limit, len(g.findings))]
	for _, f := range shown {
		notes := p.notes(f, l)
		if f.Fix == "" || f.Fix == fix {
			common++
		} else {
			notes = append(notes, steps("· fix: ", f.Fix)...)
		}
		p.row(l, f, notes)
	}
	if rest := g.findings[len(shown):]; len(rest) > 0 {
		more := fmt.Sprintf("and %s more of this rule", number(len(rest)))
		if p.marks {
			more += fmt.Sprintf(", %s of them new", number(news(rest)))
		}
		p.para("  … ", "    ", more+": all of them are in the record (--json)")
	}
	if common > 0 && fix != "" {
		for _, s := range steps("Fix: ", fix) {
			p.para("  "+s.first, "  "+s.rest, s.text)
		}
	}
}

// row writes a finding: its subject beside its message and owner, and notes
// below the message.
func (p *page) row(l layout, f audit.Finding, notes []note) {
	indent := 2 + l.mark + l.subject + 2
	what := p.width - indent
	var owner []string
	if l.owner > 0 {
		what -= l.owner + 2
		owner = wrap(ownerOf(f.Owner), l.owner)
	}
	message := wrap(audit.Clean(f.Message), what)
	var right []string
	for i := range max(len(message), len(owner)) {
		line := pad(at(message, i), what)
		if l.owner > 0 {
			line += "  " + at(owner, i)
		}
		right = append(right, line)
	}
	for _, n := range notes {
		for i, s := range wrap(n.text, p.width-indent-max(columns(n.first), columns(n.rest))) {
			if i > 0 {
				n.first = n.rest
			}
			right = append(right, n.first+s)
		}
	}
	left := wrap(subject(f), l.subject)
	for i := range max(len(left), len(right)) {
		mark := ""
		if i == 0 && p.marks && f.State == audit.New {
			mark = "NEW"
		}
		line := "  " + pad(mark, l.mark) + pad(at(left, i), l.subject) + "  " + at(right, i)
		p.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// at is element i, or "" beyond the end.
func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

func news(fs []audit.Finding) int {
	n := 0
	for _, f := range fs {
		if f.State == audit.New {
			n++
		}
	}
	return n
}
