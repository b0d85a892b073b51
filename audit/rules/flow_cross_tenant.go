package rules

import (
	"fmt"

	"github.com/segproof/segproof/audit"
)

// CrossTenant finds connections between tenants that nobody declared.
var CrossTenant = &audit.Rule{
	ID: "SEG407", Name: "flow-cross-tenant", Severity: audit.High, Needs: audit.Policies | audit.Flows,
	Doc: audit.Doc{
		Title: "A connection crosses from one tenant to another, and no policy names the other",
		Why:   "Tenants that share a cluster rely on being apart. This connection was carried because a rule is for everybody, or because nothing isolates the pod: nobody decided that it may be.",
		Fix:   "Isolate the namespace, or declare the connection: a rule at either end that names the other's namespace.",
		Blind: "A tenant is what the label `tenant` of a namespace says; a namespace without it belongs to nobody, as shared services do. A rule that names the other namespace or tenant in any way counts as declared. " +
			"What is declared denied and was carried all the same is `enforce-deny-forwarded`'s matter.",
	},
	References: []string{"NIST 800-53 SC-7", "NIST 800-53 AC-4", "ATT&CK T1210"},
	Check:      crossTenant,
}

// labelTenant is the label of namespaces that says whose they are.
const labelTenant = "tenant"

func crossTenant(p *audit.Pass) {
	used := outcome(audit.Used)
	for _, e := range edges(p, func(v *audit.Judged) bool {
		return used(v) && v.End == audit.Ingress && crosses(p, v) && !declared(p, v)
	}) {
		f := e.finding()
		f.Message = fmt.Sprintf("%s of tenant %s accepted %s from %s of tenant %s, and no policy names either to the other",
			e.subject.Name, tenantOf(p, e.subject.Namespace), audit.PortName(e.proto, e.port), short(e.subject, e.peer), tenantOf(p, e.peer.Namespace))
		p.Report(f)
	}
}

func tenantOf(p *audit.Pass, namespace string) string {
	if ns := p.Namespace(namespace); ns != nil && !p.IsSystem(namespace) {
		return ns.Labels[labelTenant]
	}
	return ""
}

func crosses(p *audit.Pass, v *audit.Judged) bool {
	if !v.From.IsPod() || !v.To.IsPod() {
		return false
	}
	a, b := tenantOf(p, v.From.Namespace), tenantOf(p, v.To.Namespace)
	return a != "" && b != "" && a != b
}

// declared tells whether a policy that allows the connection, at either end,
// names the namespace or the tenant at the other end.
func declared(p *audit.Pass, v *audit.Judged) bool {
	egress := p.Engine.Decide(audit.Query{Direction: audit.Egress, Subject: &v.From, Peer: &v.To, Protocol: v.Protocol, Port: v.Port})
	return egress.Reason == audit.AllowedByRule && namedIn(egress.Policies, v.To.Namespace, tenantOf(p, v.To.Namespace)) ||
		v.Decision.Reason == audit.AllowedByRule && namedIn(v.Decision.Policies, v.From.Namespace, tenantOf(p, v.From.Namespace))
}

func namedIn(by []audit.PolicyRef, words ...string) bool {
	for _, r := range by {
		if r.Object == nil {
			continue
		}
		for _, w := range words {
			if says(r.Object.Raw["spec"], w) || says(r.Object.Raw["specs"], w) {
				return true
			}
		}
	}
	return false
}

// says tells whether a word is among the texts of a document.
func says(v any, word string) bool {
	switch v := v.(type) {
	case string:
		return v == word
	case map[string]any:
		for _, c := range v {
			if says(c, word) {
				return true
			}
		}
	case []any:
		for _, c := range v {
			if says(c, word) {
				return true
			}
		}
	}
	return false
}
