package junit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

func render(r *audit.Report) *document {
	d := &document{Name: "segproof " + audit.Clean(r.Cluster), Time: noTime}
	at := ""
	if !r.Run.Ended.IsZero() {
		at = r.Run.Ended.UTC().Format(time.DateOnly + "T" + time.TimeOnly) // JUnit's has no zone
	}
	coverage := seen(r)
	coverage.Timestamp = at
	d.add(coverage)
	for _, s := range suites(r) {
		s.Timestamp = at
		d.add(s)
	}
	return d
}

// suites has one for each namespace and rule, by namespace; within it, findings
// are in their order.
func suites(r *audit.Report) []*suite {
	type key struct{ namespace, id, rule string }
	fs := slices.Clone(r.Findings)
	audit.SortFindings(fs)
	keyOf := func(f *audit.Finding) key { return key{namespace(f), f.ID, f.Rule} }
	slices.SortStableFunc(fs, func(a, b audit.Finding) int {
		x, y := keyOf(&a), keyOf(&b)
		return cmp.Or(cmp.Compare(x.namespace, y.namespace), cmp.Compare(x.id, y.id), cmp.Compare(x.rule, y.rule))
	})
	var out []*suite
	for i := range fs {
		f := &fs[i]
		if i == 0 || keyOf(f) != keyOf(&fs[i-1]) {
			out = append(out, &suite{Name: audit.Clean(fmt.Sprintf("%s / %s %s", place(f), f.ID, f.Rule))})
		}
		out[len(out)-1].add(caseOf(f, r.Rules))
	}
	return out
}

func namespace(f *audit.Finding) string {
	if f.Subject.Kind == "Namespace" {
		return f.Subject.Name
	}
	return f.Subject.Namespace
}

// place is the namespace, or the cluster for what belongs to none.
func place(f *audit.Finding) string { return cmp.Or(namespace(f), "(cluster)") }

// caseOf shows a finding as a case.
func caseOf(f *audit.Finding, rules []audit.RuleInfo) testcase {
	c := testcase{Name: name(f), Class: class(place(f), f.Rule)}
	if f.Location.File != "" {
		c.File = audit.Clean(f.Location.File)
	}
	text := detail(f, rules)
	switch {
	case f.Kind == audit.Passes:
		c.Out = &output{text}
	case f.Suppressed != nil:
		c.Skipped = &outcome{Message: accepted(f.Suppressed)}
		c.Out = &output{text}
	case f.Severity == audit.Info:
		c.Skipped = &outcome{Message: "for information: " + audit.Clean(f.Message)}
		c.Out = &output{text}
	default:
		c.Failure = &outcome{Message: audit.Clean(f.Message), Type: audit.Clean(string(f.Severity)), Text: text}
	}
	return c
}

// class is what Jenkins makes a tree of: it splits at dots, so no name may
// bring its own.
func class(parts ...string) string {
	for i := range parts {
		parts[i] = strings.ReplaceAll(audit.Clean(parts[i]), ".", "_")
	}
	return "segproof." + strings.Join(parts, ".")
}

// name is what the finding is about: subject, direction, peer and port.
func name(f *audit.Finding) string {
	parts := []string{f.Subject.String(), string(f.Direction)}
	if f.Peer != nil {
		parts = append(parts, f.Peer.String())
	}
	parts = append(parts, f.PortName())
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	return audit.Clean(strings.Join(parts, " "))
}

func accepted(s *audit.Suppression) string {
	text := "accepted: " + s.Reason
	if !s.Expires.IsZero() {
		text += ", until " + s.Expires.UTC().Format(time.RFC3339)
	}
	if s.From != "" {
		text += " (" + s.From + ")"
	}
	return audit.Clean(text)
}

// maxEvidence is how much of it is written out; the rest is counted.
const maxEvidence = 5

// detail is what a person needs who looks at the case.
func detail(f *audit.Finding, rules []audit.RuleInfo) string {
	ls := []string{
		audit.Clean(f.Message),
		"severity: " + audit.Clean(string(f.Severity)),
		"owner: " + cmp.Or(audit.Clean(f.Owner), "(no owner)"),
	}
	if f.State != "" {
		ls = append(ls, "state: "+audit.Clean(string(f.State)))
	}
	if at := f.Location; at.File != "" {
		ls = append(ls, audit.Clean(fmt.Sprintf("at: %s:%d", at.File, max(1, at.Line))))
	}
	for _, e := range f.Evidence[:min(len(f.Evidence), maxEvidence)] {
		ls = append(ls, "evidence: "+evidence(e))
	}
	if more := len(f.Evidence) - maxEvidence; more > 0 {
		ls = append(ls, fmt.Sprintf("evidence: and %d more in the record (--json)", more))
	}
	fix := f.Fix
	if i := slices.IndexFunc(rules, func(i audit.RuleInfo) bool { return i.ID == f.ID }); fix == "" && i >= 0 {
		fix = rules[i].Fix
	}
	if fix != "" && f.Kind != audit.Passes {
		label := "fix: "
		for l := range strings.Lines(fix) {
			ls = append(ls, label+audit.Clean(strings.TrimRight(l, "\n")))
			label = "     "
		}
	}
	return lines(append(ls, "fingerprint: "+audit.Clean(f.Fingerprint)))
}

func evidence(e audit.Evidence) string {
	s := e.What
	if e.Flows > 0 {
		s += fmt.Sprintf(", %d flows", e.Flows)
	}
	if e.Connections > 0 {
		s += fmt.Sprintf(", %d connections", e.Connections)
	}
	if !e.Last.IsZero() {
		s += ", last " + e.Last.UTC().Format(time.RFC3339)
	}
	return audit.Clean(s)
}
