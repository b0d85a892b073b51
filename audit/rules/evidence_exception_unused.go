package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// ExceptionUnused finds exceptions that accept nothing.
var ExceptionUnused = &audit.Rule{
	ID: "SEG703", Name: "evidence-exception-unused", Severity: audit.Low, Needs: audit.Exceptions,
	Doc: audit.Doc{
		Title: "An exception accepts nothing",
		Why: "An exception that matches no finding is forgotten, or was never right: it would accept, unseen, what comes tomorrow. " +
			"One without a reason or with an end that can't be read does not apply at all.",
		Fix: "Remove it (annotation `segproof.dev/ignore`, or the item under `exceptions` in the configuration), or correct the rule, the subject, " +
			"the reason (`segproof.dev/ignore-reason`) or the end (`segproof.dev/ignore-expires`).",
		Blind: "An exception about traffic is called unused only after a day of it was watched and nothing was lost; one whose rule was skipped, or withheld findings, is not called so. " +
			"No exception accepts this finding.",
	},
	References: []string{"NIST 800-53 CM-3"},
	Check:      exceptionUnused,
}

func exceptionUnused(p *audit.Pass) {
	saidOf(p, func(a *audit.Acceptance) string {
		rule := orEvery(a.Rule)
		switch {
		case a.Faulty != "":
			return fmt.Sprintf("%s is not accepted: %s", rule, a.Faulty)
		case a.Findings > 0:
			return ""
		case a.Unsure != "":
			p.Withhold(1)
			return ""
		}
		return fmt.Sprintf("%s is accepted, and was not found", rule)
	}, "%s has an exception that accepts nothing", "the exception %s accepts nothing")
}

func orEvery(rule string) string {
	if rule == "" || rule == "*" {
		return "every rule"
	}
	return rule
}

// saidOf reports one finding for each object that bears exceptions of which
// there is something to say, and for each exception of the configuration.
func saidOf(p *audit.Pass, say func(*audit.Acceptance) string, ofObject, ofItself string) {
	by := map[audit.Ref][]audit.Evidence{}
	for _, a := range p.Accepted() {
		what := say(a)
		if what == "" {
			continue
		}
		if a.Reason != "" {
			what += fmt.Sprintf(" (%s)", a.Reason)
		}
		by[a.About()] = append(by[a.About()], audit.Evidence{What: strings.TrimSuffix(what+"; "+a.From, "; ")})
	}
	for _, subject := range sortedRefs(by) {
		f := audit.Finding{Subject: subject, Evidence: by[subject]}
		f.Message = fmt.Sprintf(ofObject, subject.Name)
		if subject.Kind == "Exception" {
			f.Message = fmt.Sprintf(ofItself, subject.Name)
		}
		p.Report(f)
	}
}

func sortedRefs(m map[audit.Ref][]audit.Evidence) []audit.Ref {
	var out []audit.Ref
	for r := range m {
		out = append(out, r)
	}
	slices.SortFunc(out, audit.Ref.Compare)
	return out
}
