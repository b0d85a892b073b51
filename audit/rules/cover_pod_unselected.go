package rules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// PodUnselected finds pods that no policy isolates in a namespace where others
// are isolated.
var PodUnselected = &audit.Rule{
	ID: "SEG203", Name: "cover-pod-unselected", Severity: audit.Medium, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A workload is isolated in no direction, in a namespace where others are",
		Why: "Somebody took care of this namespace and this workload slipped through: it accepts connections from everybody and may call everybody, " +
			"and those who are isolated may be reached through it.",
		Fix: "Widen the selector of the policy named, or better, apply a default deny for the whole namespace and allow what is used.",
		Blind: "Only what is declared is looked at. Jobs and CronJobs, pods on the node's network and system namespaces are left out. A workload that a policy which is " +
			"not wholly understood may isolate is withheld.",
	},
	References: []string{"CIS Kubernetes 5.3.2", "NIST 800-53 SC-7"},
	Check:      podUnselected,
}

func podUnselected(p *audit.Pass) {
	if always(p) {
		return
	}
	all, ms := isolating(specs(p)), membersOf(p)
	for _, ns := range ms.namespaces {
		if p.IsSystem(ns) {
			continue
		}
		c := coverageOf(slices.Concat(all[""], all[ns]), ms.in[ns])
		if len(c.by) == 0 {
			continue
		}
		for _, owner := range slices.SortedFunc(maps.Keys(c.bare), audit.Ref.Compare) {
			if c.maybe[owner] {
				p.Withhold(1)
				continue
			}
			f := audit.Finding{Subject: owner, Policies: c.by}
			f.Message = fmt.Sprintf("no policy isolates %s in any direction, though %s %s others of %s",
				owner.Name, names(owner, c.by), verb(names(owner, c.by), "isolates", "isolate"), ns)
			p.Report(f)
		}
	}
}

// isolating are the specs that isolate pods in some direction, or may, by the
// namespace of their policy.
func isolating(all []policy.Spec) map[string][]policy.Spec {
	out := map[string][]policy.Spec{}
	for _, s := range all {
		if !s.Host() && (s.Unsure() != "" || s.Isolates(audit.Ingress) || s.Isolates(audit.Egress)) {
			ns := s.Policy().Namespace
			out[ns] = append(out[ns], s)
		}
	}
	return out
}

// coverage of one namespace: the policies that isolate some of its pods, the
// workloads of which some pods are isolated by none, and of those the ones of
// which that can't be told.
type coverage struct {
	by    []audit.PolicyRef
	bare  map[audit.Ref]bool
	maybe map[audit.Ref]bool
}

func coverageOf(all []policy.Spec, ms []*member) coverage {
	c := coverage{bare: map[audit.Ref]bool{}, maybe: map[audit.Ref]bool{}}
	used := make([]bool, len(all))
	for _, m := range ms {
		isolated := false
		for i, s := range all {
			switch is, sure := s.Selects(&m.peer); {
			case is && s.Unsure() == "":
				isolated, used[i] = true, true
			case is || !sure:
				c.maybe[m.owner] = true
			}
		}
		if !isolated && m.owner.Kind != "Job" && m.owner.Kind != "CronJob" {
			c.bare[m.owner] = true
		}
	}
	for i, s := range all {
		if used[i] {
			c.by = append(c.by, s.Policy())
		}
	}
	return c
}
