package rules

import (
	"fmt"

	"github.com/segproof/segproof/audit"
)

// DenyProven is positive proof: a declared deny that was seen dropping.
var DenyProven = &audit.Rule{
	ID: "SEG403", Name: "flow-deny-proven", Severity: audit.Info, Needs: audit.Policies | audit.Flows,
	Doc: audit.Doc{
		Title: "A declared deny was seen dropping",
		Why:   "This is what an assessor asks for: not that a policy exists, but that it was enforced, where and when.",
		Fix:   "Nothing to do. Keep the record as evidence.",
		Blind: "It proves the deny for these ends at these times, on the nodes named, and for nothing else.",
	},
	References: []string{"NIST 800-53 CA-7", "PCI DSS 1.2.7"},
	Check:      denyProven,
}

func denyProven(p *audit.Pass) {
	for _, e := range edges(p, outcome(audit.Refused, audit.Proven)) {
		f := e.finding()
		f.Kind = audit.Passes
		what := audit.PortName(e.proto, e.port)
		who := names(e.subject, f.Policies)
		if who == "" {
			who = "the cluster's default"
		}
		if e.end == audit.Egress {
			f.Message = fmt.Sprintf("%s was kept from %s to %s, as %s %s", e.subject.Name, what, short(e.subject, e.peer), who, verb(who, "declares", "declare"))
		} else {
			f.Message = fmt.Sprintf("%s was kept from %s of %s, as %s %s", short(e.subject, e.peer), what, e.subject.Name, who, verb(who, "declares", "declare"))
		}
		p.Report(f)
	}
}
