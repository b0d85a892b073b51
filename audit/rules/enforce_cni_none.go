package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// CNINone finds a cluster in which nothing enforces network policy.
var CNINone = &audit.Rule{
	ID: "SEG103", Name: "enforce-cni-none", Severity: audit.Critical, Needs: audit.Policies | audit.Flows,
	Doc: audit.Doc{
		Title: "Nothing in the cluster enforces network policy",
		Why: "Policies isolate pods, connections that they deny were carried, and not one event in the whole window comes from a policy that was enforced. " +
			"The API server stores policies whether or not anybody heeds them.",
		Fix: "Install a network plugin that enforces NetworkPolicy, or turn enforcement on in the one that runs (Cilium: `enable-policy: default`; AWS VPC CNI: `enableNetworkPolicy: \"true\"`; " +
			"k3s: without `--disable-network-policy`). Then audit again.",
		Blind: "Flows that were exported without policy verdicts and drops look the same; export all types. The names of DaemonSets are told as a hint and decide nothing. " +
			"Where flows were lost or a node was silent the finding is withheld, and where the configuration already says why, `enforce-mode-never` tells it.",
	},
	References: []string{"CIS Kubernetes 5.3.1", "NSA/CISA Hardening Guide, network separation", "NIST 800-53 SC-7"},
	Check:      cniNone,
}

func cniNone(p *audit.Pass) {
	carried := edges(p, outcome(audit.Contradicted))
	switch {
	case len(carried) == 0, slices.ContainsFunc(p.Conversations, byEnforcer), len(disabled(p)) > 0:
		return
	case p.Lost > 0 || len(p.SilentNodes) > 0:
		p.Withhold(1)
		return
	}
	all := &edge{}
	for _, e := range carried {
		all.ends = append(all.ends, e.ends...)
	}
	p.Report(audit.Finding{
		Subject: p.Cluster(), Policies: all.policies(),
		Message:  "nothing enforces network policy: denied connections are carried, and no policy verdict or drop was seen anywhere",
		Evidence: append(all.evidence(), audit.Evidence{What: enforcers(p)}),
	})
}

// byEnforcer tells whether only an end that enforces policy emits such events.
func byEnforcer(c audit.Conversation) bool {
	return c.Event == audit.PolicyVerdict || c.Event == audit.Drop && strings.HasPrefix(c.Reason, "POLICY_")
}

// enforcers says which DaemonSets run that are known to enforce policy, as a hint.
func enforcers(p *audit.Pass) string {
	known := []string{"antrea-agent", "azure-npm", "calico-node", "canal", "cilium", "kindnet", "kube-router", "ovnkube-node", "weave-net"}
	var found []string
	for _, w := range p.Workloads {
		if w.Kind == "DaemonSet" && slices.Contains(known, w.Name) {
			found = append(found, w.String())
		}
	}
	if len(found) == 0 {
		return "no DaemonSet is declared that is known to enforce network policy"
	}
	return fmt.Sprintf("%s should enforce network policy", some(found))
}
