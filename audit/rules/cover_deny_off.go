package rules

import (
	"fmt"
	"slices"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// DenyOff finds policies that allow where nothing is denied.
var DenyOff = &audit.Rule{
	ID: "SEG205", Name: "cover-deny-off", Severity: audit.Medium, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A policy with its default deny off is all that selects a workload, so nothing is denied",
		Why: "`enableDefaultDeny: false` makes a policy add its rules and isolate nobody. It is meant to stand beside a default deny. Where there is none, its allow rules " +
			"change nothing: everything passes, whatever the rules say.",
		Fix: "Apply a default deny for the workloads named, or remove `enableDefaultDeny` from the policy if it was meant to isolate.",
		Blind: "Policies that also deny something in that direction are left out: their denials count. So are directions in which another policy isolates, " +
			"and workloads of system namespaces.",
	},
	References: []string{"NIST 800-53 SC-7(5)"},
	Check:      denyOff,
}

func denyOff(p *audit.Pass) {
	if always(p) {
		return
	}
	all, ms := specs(p), membersOf(p)
	found := flaws{}
	for _, s := range all {
		for _, d := range both() {
			if !isCilium(s.Policy().Ref) || s.Host() || s.Isolates(d) || !slices.ContainsFunc(s.Rules(d), policy.Rule.Allows) {
				continue
			}
			open, sure := openMembers(p, all, ms, s, d)
			switch {
			case s.Unsure() != "" || !sure:
				p.Withhold(1)
			case len(open) > 0:
				found.add(s.Policy(), d, fmt.Sprintf("nothing isolates %s", owners(open)))
			}
		}
	}
	found.report(p, func(k flawed, _ string) (string, string) {
		return fmt.Sprintf("%s allows %s with its default deny off, and nothing else isolates those it selects", k.policy.Name, k.direction), ""
	})
}

// openMembers are those that a spec selects and of whom nothing is denied in a
// direction: nothing isolates them, and no rule denies.
func openMembers(p *audit.Pass, all []policy.Spec, ms members, s policy.Spec, d audit.Direction) (open []*member, sure bool) {
	selected, sure := ms.of(s)
	for _, m := range selected {
		if p.IsSystem(m.peer.Namespace) {
			continue
		}
		denied := false
		for _, o := range all {
			if !o.Isolates(d) && o.Unsure() == "" && !slices.ContainsFunc(o.Rules(d), policy.Rule.Denies) {
				continue
			}
			is, certain := o.Selects(&m.peer)
			sure = sure && (certain && (o.Unsure() == "" || !is))
			denied = denied || is
		}
		if !denied {
			open = append(open, m)
		}
	}
	return open, sure
}

// isCilium tells whether a policy is of one of Cilium's own kinds.
func isCilium(r audit.Ref) bool {
	return r.Kind == "CiliumNetworkPolicy" || r.Kind == "CiliumClusterwideNetworkPolicy"
}
