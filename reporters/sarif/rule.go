package sarif

import (
	"cmp"
	"slices"
	"strings"

	"github.com/owenrumney/go-sarif/v2/sarif"
	"github.com/segproof/segproof/audit"
)

// grade is a severity in the words of the consumers: all read the level, GitHub
// and DefectDojo prefer the number on the rule, GitLab the rank.
type grade struct {
	level    string
	security string
	rank     float32
}

func gradeOf(s audit.Severity) grade {
	switch s {
	case audit.Critical:
		return grade{"error", "9.3", 93}
	case audit.High:
		return grade{"error", "7.5", 75}
	case audit.Low:
		return grade{"note", "2.0", 20}
	case audit.Info:
		return grade{"note", "0.0", 0}
	}
	return grade{"warning", "5.0", 50} // medium, and what a later version may add
}

// rulesOf returns the rules that the report describes, by id, and those that
// only its findings name, so that every result has its rule.
func rulesOf(r *audit.Report, fails []*audit.Finding) []audit.RuleInfo {
	rules := slices.Clone(r.Rules)
	for _, f := range fails {
		rules = append(rules, audit.RuleInfo{ID: f.ID, Name: f.Rule, Severity: f.Severity, Fix: f.Fix})
	}
	slices.SortStableFunc(rules, func(a, b audit.RuleInfo) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(rules, func(a, b audit.RuleInfo) bool { return a.ID == b.ID })
}

// descriptor describes a rule. GitHub shows its help beside each result.
func descriptor(i audit.RuleInfo) *sarif.ReportingDescriptor {
	name := limit(cmp.Or(clean(i.Name), clean(i.ID), "unknown"), 200)
	title := cmp.Or(plain(i.Title), name)
	g := gradeOf(i.Severity)
	rank := float64(g.rank)
	text, markdown := help(i)
	return sarif.NewRule(clean(i.ID)).WithName(name).
		WithShortDescription(sarif.NewMultiformatMessageString(limit(title, 1000))).
		WithFullDescription(sarif.NewMultiformatMessageString(limit(cmp.Or(plain(i.Why), title), 1000))).
		WithHelpURI(home + "/blob/main/audit/rules/README.md").
		WithHelp(sarif.NewMultiformatMessageString(text).WithMarkdown(markdown)).
		WithDefaultConfiguration(&sarif.ReportingConfiguration{Level: g.level, Rank: &rank}).
		WithProperties(sarif.Properties{
			"security-severity": g.security,
			// A finding that the evidence is not enough for is withheld, not written.
			"precision": "high",
			"tags":      tags(name),
		})
}

// tags are at most ten: more are dropped by GitHub and refused by GitLab. A rule
// that speaks of a weakness names it in both ways in which dashboards read it.
func tags(name string) []string {
	family, _, _ := strings.Cut(name, "-")
	ts := []string{"security", "kubernetes", "networkpolicy"}
	if !slices.Contains(ts, family) {
		ts = append(ts, limit(family, 50))
	}
	weakness := ""
	switch family {
	case "enforce", "kyverno":
		weakness = "cwe-693" // protection mechanism failure
	case "cover":
		weakness = "cwe-284" // improper access control
	}
	if weakness != "" {
		ts = append(ts, weakness, "external/cwe/"+weakness)
	}
	return ts
}

// help is what a rule means, what to do and what it can't see.
func help(i audit.RuleInfo) (text, markdown string) {
	var t, m []string
	for _, part := range []struct{ head, body string }{
		{"Why", i.Why}, {"What to do", i.Fix}, {"What this rule can't see", i.Blind}, {"References", strings.Join(i.References, "; ")},
	} {
		if part.body == "" {
			continue
		}
		body := limit(plain(part.body), 2000)
		t = append(t, part.head+": "+body)
		m = append(m, "**"+part.head+":** "+strings.ReplaceAll(body, "<", "&lt;"))
	}
	if len(t) == 0 {
		t, m = []string{"The report does not describe this rule."}, []string{"The report does not describe this rule."}
	}
	return strings.Join(t, "\n"), strings.Join(m, "\n\n")
}

// plain makes text harmless for a SARIF message, in which [text](target) is a
// link; line breaks stay.
func plain(s string) string {
	if ascii(s) {
		return strings.ReplaceAll(s, "](", "] (")
	}
	var lines []string
	for l := range strings.Lines(s) {
		lines = append(lines, strings.ReplaceAll(clean(strings.TrimRight(l, "\r\n")), "](", "] ("))
	}
	return strings.Join(lines, "\n")
}

// clean is [audit.Clean], which costs more where there is nothing to be cleaned.
func clean(s string) string {
	if ascii(s) {
		return s
	}
	return audit.Clean(s)
}

// ascii tells whether text is one line of characters that everybody can see.
func ascii(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
