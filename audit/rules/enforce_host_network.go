package rules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/segproof/segproof/audit"
)

// HostNetwork finds pods that a policy selects on paper only, because they
// share the network of their node.
var HostNetwork = &audit.Rule{
	ID: "SEG110", Name: "enforce-host-network", Severity: audit.Medium, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A pod on the node's network escapes the default deny of its namespace",
		Why:   "A pod with `hostNetwork: true` has the node's identity. No policy for pods is ever applied to it, whatever its labels, and what may reach the node may reach it.",
		Fix:   "Take the pod off the node's network; or govern it by a CiliumClusterwideNetworkPolicy with a nodeSelector, which needs the host firewall (`enable-host-firewall: \"true\"`).",
		Blind: "Where the host firewall is on and a policy with a nodeSelector is declared, the pod may be governed by it: the finding is withheld. System namespaces are left out.",
	},
	References: []string{"NSA/CISA Hardening Guide, network separation", "NIST 800-53 SC-7"},
	Check:      hostNetwork,
}

func hostNetwork(p *audit.Pass) {
	all := specs(p)
	governed := p.Settings["enable-host-firewall"] == "true" && slices.ContainsFunc(p.Policies, hasNodeSelector)
	for _, owner := range onHost(p) {
		f := audit.Finding{Subject: owner}
		for _, s := range all {
			if every, _ := s.EveryPod(owner.Namespace); every && s.Unsure() == "" && (s.Isolates(audit.Ingress) || s.Isolates(audit.Egress)) {
				f.Policies = append(f.Policies, s.Policy())
			}
		}
		switch {
		case len(f.Policies) == 0:
		case governed:
			p.Withhold(1)
		default:
			who := names(owner, f.Policies)
			f.Message = fmt.Sprintf("%s shares its node's network, so %s, which %s every pod of %s, %s not applied to it",
				owner.Name, who, verb(who, "isolates", "isolate"), owner.Namespace, verb(who, "is", "are"))
			p.Report(f)
		}
	}
}

// onHost lists the workloads outside of system namespaces whose pods share
// their node's network.
func onHost(p *audit.Pass) []audit.Ref {
	found := map[audit.Ref]bool{}
	for i := range p.Pods {
		if pod := &p.Pods[i]; pod.HostNetwork && !pod.Done && !p.IsSystem(pod.Namespace) {
			found[pod.Owner] = true
		}
	}
	for i := range p.Workloads {
		if w := &p.Workloads[i]; w.HostNetwork && !p.IsSystem(w.Namespace) {
			found[w.Ref] = true
		}
	}
	return slices.SortedFunc(maps.Keys(found), audit.Ref.Compare)
}

// hasNodeSelector tells whether a policy has a spec for nodes.
func hasNodeSelector(o *audit.Object) bool {
	for _, spec := range append(children(o.Raw, "specs"), child(o.Raw, "spec")) {
		if spec["nodeSelector"] != nil {
			return true
		}
	}
	return false
}
