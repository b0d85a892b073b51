package rules

import (
	"fmt"

	"github.com/segproof/segproof/audit"
)

// ExceptionExpired finds exceptions whose end has come while what they accepted
// is still there.
var ExceptionExpired = &audit.Rule{
	ID: "SEG704", Name: "evidence-exception-expired", Severity: audit.Low, Needs: audit.Exceptions,
	Doc: audit.Doc{
		Title: "An exception has expired, and what it accepted is still there",
		Why:   "The findings count again, and say so in their evidence. Somebody planned to be done by then.",
		Fix: "Close the findings; or, if they are still acceptable, set a new end and a reason that says why " +
			"(`segproof.dev/ignore-expires`, or `expires` under `exceptions` in the configuration).",
		Blind: "An end is held against the clock of the machine that audits. An expired exception that matches nothing any more is `evidence-exception-unused`.",
	},
	References: []string{"NIST 800-53 CM-3"},
	Check:      exceptionExpired,
}

func exceptionExpired(p *audit.Pass) {
	saidOf(p, func(a *audit.Acceptance) string {
		if !a.Expired || a.Findings == 0 {
			return ""
		}
		found := fmt.Sprintf("%d findings stand", a.Findings)
		if a.Findings == 1 {
			found = "1 finding stands"
		}
		return fmt.Sprintf("%s was accepted until %s: %s", orEvery(a.Rule), a.Until(), found)
	}, "%s has an exception that has expired", "the exception %s has expired")
}
