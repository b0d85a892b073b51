package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/segproof/segproof/audit"
)

// AuditMode finds workloads whose policies are only audited.
var AuditMode = &audit.Rule{
	ID: "SEG102", Name: "enforce-audit-mode", Severity: audit.High, Needs: audit.Flows | audit.Policies,
	Doc: audit.Doc{
		Title: "Policy is only audited: what it denies passes",
		Why:   "Cilium's audit mode turns every drop by policy into a pass with the verdict AUDIT. The policies look complete and stop nothing.",
		Fix: "Allow what is wanted among the connections shown, then turn audit mode off: `policy-audit-mode: \"false\"` in cilium-config, or " +
			"`cilium-dbg endpoint config ID PolicyAuditMode=Disabled` for one endpoint.",
		Blind: "Audit mode of one endpoint is in no API object: it shows only once it lets something pass. A workload without such traffic is not reported.",
	},
	References: []string{"NIST 800-53 SC-7(5)", "NIST 800-53 CM-3"},
	Check:      auditMode,
}

func auditMode(p *audit.Pass) {
	type key struct {
		subject audit.Ref
		end     audit.Direction
	}
	by := map[key][]*edge{}
	for _, e := range edges(p, outcome(audit.AuditOnly)) {
		k := key{e.subject, e.end}
		by[k] = append(by[k], e)
	}
	for _, k := range slices.SortedFunc(maps.Keys(by), func(a, b key) int {
		return cmp.Or(a.subject.Compare(b.subject), cmp.Compare(a.end, b.end))
	}) {
		f := audit.Finding{
			Subject: k.subject, Direction: k.end,
			Message: fmt.Sprintf("%s of %s is only audited: what policy denies passes", k.end, k.subject.Name),
		}
		all := &edge{edgeKey: edgeKey{subject: k.subject, end: k.end}}
		for _, e := range by[k] {
			all.ends = append(all.ends, e.ends...)
			for _, ev := range e.evidence() {
				ev.What = fmt.Sprintf("%s, %s: %s", short(k.subject, e.peer), audit.PortName(e.proto, e.port), ev.What)
				f.Evidence = append(f.Evidence, ev)
			}
		}
		f.Policies = all.policies()
		p.Report(f)
	}
}
