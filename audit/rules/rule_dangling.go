package rules

import (
	"fmt"
	"time"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// DanglingTarget finds policies that select nobody.
var DanglingTarget = &audit.Rule{
	ID: "SEG304", Name: "rule-dangling-target", Severity: audit.Low, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A policy selects no pod",
		Why:   "Whatever it says, it says of nobody: a label was renamed or mistyped, or the workload is gone. Those whom it was to protect may be open.",
		Fix:   "Correct the labels of the selector, or delete the policy.",
		Blind: "The templates of workloads count, so that what is scaled to nothing or not due yet is no finding, and so does a policy's first day. A selector of every pod is never dangling. " +
			"The inventory must be that of a whole cluster (with nodes, namespaces and pods); for a repository of manifests the finding is withheld.",
	},
	References: []string{"NIST 800-53 CM-6"},
	Check:      danglingTarget,
}

// DanglingPeer finds rules that are about nobody.
var DanglingPeer = &audit.Rule{
	ID: "SEG305", Name: "rule-dangling-peer", Severity: audit.Low, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A rule names peers of which there are none",
		Why:   "The rule allows, or denies, nothing that exists: a label was mistyped, a namespace renamed, or the peer is gone. A rule for a label that anybody may put on is an open door for later.",
		Fix:   "Correct the labels of the peer, or remove it.",
		Blind: "Templates of workloads count as pods, and a peer that is a whole namespace exists if the namespace does. Pods of other clusters are not known. Peers that are expected for later look " +
			"the same, so a policy's first day is left out. For a repository of manifests the finding is withheld.",
	},
	References: []string{"NIST 800-53 CM-6"},
	Check:      danglingPeer,
}

// dangles is for how long a policy may stand before those it names exist.
const dangles = 24 * time.Hour

func danglingTarget(p *audit.Pass) {
	ms, known := membersOf(p), whole(p)
	found := flaws{}
	for _, s := range specs(p) {
		sel := s.Subject()
		pods, _ := sel.Names()
		if s.Host() || len(sel.Filtered()) > 0 && ciliumRuns(p) || sel.Everybody() || sel.Reserved() || s.Policy().Namespace != "" && len(pods) == 0 || young(p, s.Policy().Object) {
			continue
		}
		selected, sure := ms.of(s)
		switch {
		case len(selected) > 0 || selectsNamespace(p, sel):
		case !known || !sure || s.Unsure() != "":
			p.Withhold(1)
		default:
			found.add(s.Policy(), "", fmt.Sprintf("it selects %s", sel))
		}
	}
	found.report(p, func(k flawed, _ string) (string, string) {
		return fmt.Sprintf("%s selects no pod and no workload", k.policy.Name), ""
	})
}

func danglingPeer(p *audit.Pass) {
	ms, known := membersOf(p), whole(p)
	found, asked := flaws{}, map[policy.Selector]bool{}
	for _, s := range specs(p) {
		if s.Host() || young(p, s.Policy().Object) {
			continue
		}
		for _, d := range both() {
			for _, r := range s.Rules(d) {
				for _, sel := range r.Selectors() {
					if len(sel.Filtered()) > 0 && ciliumRuns(p) || sel.Everybody() || sel.Reserved() || sel.Elsewhere() || exists(p, ms, sel, asked) {
						continue
					}
					if !known || s.Unsure() != "" {
						p.Withhold(1)
						continue
					}
					found.add(r.Policy(), d, at(r.Policy(), sel.String()))
				}
			}
		}
	}
	found.report(p, func(k flawed, places string) (string, string) {
		return fmt.Sprintf("%s names %s peers of which there are none (%s)", k.policy.Name, k.direction, places), ""
	})
}

// exists tells whether a selector selects a pod, the template of a workload or
// a whole namespace, or may. Asked remembers the answers.
func exists(p *audit.Pass, ms members, sel policy.Selector, asked map[policy.Selector]bool) bool {
	is, ok := asked[sel]
	if !ok {
		is = ms.has(sel) || selectsNamespace(p, sel)
		asked[sel] = is
	}
	return is
}

// selectsNamespace tells whether a selector selects a declared namespace as a
// whole, with or without pods.
func selectsNamespace(p *audit.Pass, sel policy.Selector) bool {
	if pods, _ := sel.Names(); len(pods) > 0 {
		return false
	}
	for i := range p.Namespaces {
		if is, sure := sel.Namespace(p.Namespaces[i].Name); is || !sure {
			return true
		}
	}
	return false
}

// young tells whether a policy was declared within its first day.
func young(p *audit.Pass, o *audit.Object) bool {
	at := latest(o.Created, o.Changed)
	return !at.IsZero() && !p.At.IsZero() && p.At.Sub(at) < dangles
}
