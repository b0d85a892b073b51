package rules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/segproof/segproof/audit"
)

// NoDefaultDenyIngress finds namespaces that anybody may call.
var NoDefaultDenyIngress = &audit.Rule{
	ID: "SEG201", Name: "cover-no-default-deny-ingress", Severity: audit.High, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "Namespace has no default deny for ingress",
		Why:   "No policy isolates every pod of the namespace, so a pod that no other policy selects, today or tomorrow, accepts connections from the whole cluster.",
		Fix: "Apply a policy with an empty podSelector, `policyTypes: [Ingress]` and no rules, then allow what is used " +
			"(`flow-drop-gap` shows what is missing).",
		Blind: "Only what is declared is looked at: whether it is enforced is `enforce-deny-forwarded`. Policies outside of Kubernetes, such as a service mesh's, are not seen. " +
			"System namespaces (`systemNamespaces` in the configuration) are left out.",
	},
	References: []string{"CIS Kubernetes 5.3.2", "NSA/CISA Hardening Guide, network separation", "NIST 800-53 SC-7"},
	Check:      func(p *audit.Pass) { noDefaultDeny(p, audit.Ingress) },
}

// NoDefaultDenyEgress finds namespaces that may call anybody.
var NoDefaultDenyEgress = &audit.Rule{
	ID: "SEG202", Name: "cover-no-default-deny-egress", Severity: audit.Medium, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "Namespace has no default deny for egress",
		Why:   "No policy isolates every pod of the namespace, so a pod that no other policy selects, today or tomorrow, may call the whole cluster and the world.",
		Fix: "Apply a policy with an empty podSelector, `policyTypes: [Egress]`, and one rule that allows UDP and TCP 53 to the cluster's DNS pods; " +
			"then allow what is used.",
		Blind: NoDefaultDenyIngress.Doc.Blind,
	},
	References: []string{"CIS Kubernetes 5.3.2", "NIST 800-53 SC-7(5)", "ATT&CK T1041"},
	Check:      func(p *audit.Pass) { noDefaultDeny(p, audit.Egress) },
}

func noDefaultDeny(p *audit.Pass, d audit.Direction) {
	for _, ns := range tenants(p) {
		by, unsure := p.Engine.DefaultDeny(ns, d)
		switch {
		case len(by) > 0:
		case unsure != "" || willBeGenerated(p, ns):
			p.Withhold(1)
		default:
			p.Report(audit.Finding{
				Subject: audit.Ref{Kind: "Namespace", Name: ns}, Direction: d,
				Message: fmt.Sprintf("no policy isolates every pod of %s for %s", ns, d),
			})
		}
	}
}

// tenants are the namespaces with pods that policy can isolate, sorted: pods
// that share the node's network and pods that are done are none.
func tenants(p *audit.Pass) []string {
	found := map[string]bool{}
	for _, pod := range p.Pods {
		if !pod.HostNetwork && !pod.Done {
			found[pod.Namespace] = true
		}
	}
	for _, w := range p.Workloads {
		if !w.HostNetwork {
			found[w.Namespace] = true
		}
	}
	maps.DeleteFunc(found, func(ns string, _ bool) bool { return p.IsSystem(ns) })
	return slices.Sorted(maps.Keys(found))
}
