package rules

import (
	"fmt"

	"github.com/segproof/segproof/audit"
)

// DenyForwarded finds connections that were carried although the declared
// policy denies them.
var DenyForwarded = &audit.Rule{
	ID: "SEG101", Name: "enforce-deny-forwarded", Severity: audit.Critical, Needs: audit.Policies | audit.Flows,
	Doc: audit.Doc{
		Title: "A connection was carried that the declared policy denies",
		Why: "The policy exists and is not enforced at this end: whoever relies on it is open. Delivery at the destination, or a packet that left the source, " +
			"is proof; it can't happen where the deny is in force.",
		Fix: "Check enforcement where it was seen: `kubectl -n kube-system get configmap cilium-config -o yaml` (enable-policy, policy-audit-mode), then " +
			"`cilium-dbg endpoint list` on the nodes named. Restart pods that started before the agent.",
		Blind: "Connections opened before the policy was in force and settled are not judged, nor flows at an end where a policy took part that is not declared any more. " +
			"Without delivery traces (`monitor-aggregation: maximum`, or trace events off) an end that enforces nothing is silent. " +
			"A policy that was edited and carries no managedFields has no known time and is not held against anybody: read such manifests with `--show-managed-fields`.",
	},
	References: []string{"CIS Kubernetes 5.3.2", "NIST 800-53 SC-7(5)", "NIST 800-53 AC-4", "ATT&CK T1210"},
	Check:      denyForwarded,
}

func denyForwarded(p *audit.Pass) {
	found, s := map[edgeKey]bool{}, newStarts(p)
	for _, e := range edges(p, outcome(audit.Contradicted)) {
		found[e.edgeKey] = true
		if s.leaks(e) {
			continue // that is enforce-startup-leak
		}
		f := e.finding()
		f.Message = denied(e, f.Policies)
		if mode := p.Settings["enable-policy"]; mode == "never" {
			f.Fix = "cilium-config says `enable-policy: never`, so no policy is enforced anywhere: set it to default and restart the agents."
		}
		p.Report(f)
	}
	for _, e := range edges(p, outcome(audit.Withheld)) {
		if !found[e.edgeKey] {
			p.Withhold(1)
		}
	}
}

func denied(e *edge, by []audit.PolicyRef) string {
	who := names(e.subject, by)
	if who == "" {
		who = "the cluster's default"
	}
	what := audit.PortName(e.proto, e.port)
	deny := verb(who, "denies", "deny")
	if e.end == audit.Egress {
		return fmt.Sprintf("%s opened %s to %s, which %s %s", e.subject.Name, what, short(e.subject, e.peer), who, deny)
	}
	return fmt.Sprintf("%s accepted %s from %s, which %s %s", e.subject.Name, what, short(e.subject, e.peer), who, deny)
}
