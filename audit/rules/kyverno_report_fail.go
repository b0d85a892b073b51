package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// KyvernoReportFail finds resources for which Kyverno's reports say fail or
// error, folded by the workload that owns them.
var KyvernoReportFail = &audit.Rule{
	ID: "SEG601", Name: "kyverno-report-fail", Severity: audit.Medium, Needs: audit.Kyverno,
	Doc: audit.Doc{
		Title: "A resource fails a Kyverno policy",
		Why:   "The resource exists although a policy forbids it: it was there before the policy, the policy only audits, or it was let in by failure.",
		Fix:   "Change the resource's manifest as the policy's message says; the next background scan clears the result.",
		Blind: "Reports are as old as the last background scan. Results of ReplicaSets are read as their Deployment's. A pass in a report is history, not state, and is not used.",
	},
	References: []string{"NIST 800-53 CM-6"},
	Check:      kyvernoReportFail,
}

func kyvernoReportFail(p *audit.Pass) {
	by := map[audit.Ref][]audit.KyvernoResult{}
	for _, r := range p.Results {
		if r.Result != "fail" && r.Result != "error" || !byKyverno(r) {
			continue
		}
		if subject, ok := ownerOf(p, r.Resource); ok {
			by[subject] = append(by[subject], r)
		}
	}
	for _, subject := range slices.SortedFunc(maps.Keys(by), audit.Ref.Compare) {
		p.Report(reportFinding(subject, by[subject]))
	}
}

// byKyverno tells Kyverno's results from those of others who write reports of
// the same kind, such as scanners.
func byKyverno(r audit.KyvernoResult) bool { return r.ByKyverno() }

func reportFinding(subject audit.Ref, results []audit.KyvernoResult) audit.Finding {
	slices.SortFunc(results, func(a, b audit.KyvernoResult) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Rule, b.Rule), a.Resource.Compare(b.Resource), cmp.Compare(a.Message, b.Message))
	})
	f := audit.Finding{Subject: subject}
	var policies []string
	for _, r := range results {
		policies = append(policies, r.Policy)
		f.Policies = append(f.Policies, audit.PolicyRef{Ref: policyRef(r), Rule: r.Rule})
		what := strings.TrimSuffix(r.Policy+"/"+r.Rule, "/") + " " + r.Result
		if r.Resource != subject {
			what += " for " + r.Resource.String()
		}
		f.Evidence = append(f.Evidence, audit.Evidence{What: what + ": " + r.Message, First: r.Timestamp, Last: r.Timestamp})
	}
	f.Policies = slices.CompactFunc(f.Policies, func(a, b audit.PolicyRef) bool { return a.Ref == b.Ref && a.Rule == b.Rule })
	f.Message = fmt.Sprintf("%s fails %s", subject.Name, strings.Join(slices.Compact(policies), ", "))
	return f
}

// policyRef names the policy of a result by the kind that its source implies.
func policyRef(r audit.KyvernoResult) audit.Ref {
	kind := strings.TrimPrefix(r.Source, "Kyverno")
	ns, name, namespaced := strings.Cut(r.Policy, "/")
	if !namespaced {
		ns, name = "", r.Policy
	}
	switch {
	case kind != "" && kind != r.Source && namespaced:
		return audit.Ref{Kind: "Namespaced" + kind, Namespace: ns, Name: name}
	case kind != "" && kind != r.Source:
		return audit.Ref{Kind: kind, Name: name}
	case namespaced:
		return audit.Ref{Kind: "Policy", Namespace: ns, Name: name}
	}
	return audit.Ref{Kind: "ClusterPolicy", Name: name}
}

// ownerOf is whose matter a result is: the workload of a pod, the resource
// itself otherwise. A ReplicaSet repeats what is said of its Deployment, and a
// pod that is gone leaves a stale result; neither counts.
func ownerOf(p *audit.Pass, r audit.Ref) (audit.Ref, bool) {
	switch r.Kind {
	case "Pod":
		if pod := p.Pod(r.Namespace, r.Name); pod != nil {
			return pod.Owner, true
		}
		return r, len(p.Pods) == 0
	case "ReplicaSet":
		return r, !hasParent(p, r, "Deployment")
	case "Job":
		return r, !hasParent(p, r, "CronJob")
	}
	return r, true
}

// hasParent tells whether a workload of that kind exists whose name r's is made
// of: parent-suffix.
func hasParent(p *audit.Pass, r audit.Ref, kind string) bool {
	i := strings.LastIndexByte(r.Name, '-')
	if i < 0 {
		return false
	}
	return p.Owns(audit.Ref{Kind: kind, Namespace: r.Namespace, Name: r.Name[:i]})
}
