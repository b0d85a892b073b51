package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// KyvernoReportStale finds policies whose results in reports are older than what
// they speak of.
var KyvernoReportStale = &audit.Rule{
	ID: "SEG607", Name: "kyverno-report-stale", Severity: audit.Low, Needs: audit.Kyverno,
	Doc: audit.Doc{
		Title: "Kyverno's reports speak of a policy or resource that is no more",
		Why:   "A result that was written before the policy was changed, or about a resource or policy that is gone, says nothing of today. Whoever counts failures counts ghosts.",
		Fix:   "See that Kyverno's reports controller runs (`kubectl -n kyverno logs deploy/kyverno-reports-controller`), and delete the reports named: the next background scan writes them anew.",
		Blind: "Only failures are kept of a report, and of what passes the newest time. A background scan may take an hour (`backgroundScanInterval`), so a policy that was changed within the last hour is not judged. " +
			"Of resources only pods are looked up; when another resource was changed is not known.",
	},
	References: []string{"NIST 800-53 AU-6"},
	Check:      kyvernoReportStale,
}

// Kyverno scans once an hour unless told otherwise.
const scanInterval = time.Hour

func kyvernoReportStale(p *audit.Pass) {
	by := map[audit.Ref][]string{}
	for _, r := range p.Results {
		if ref := policyRef(r); byKyverno(r) {
			if why := stale(p, r, ref); why != "" {
				by[ref] = append(by[ref], why)
			}
		}
	}
	for _, n := range p.Inventory.Passes {
		r := audit.KyvernoResult{Policy: n.Policy, Rule: n.Rule, Source: n.Source, Timestamp: n.Newest, Resource: audit.Ref{Namespace: n.Namespace}}
		if ref := policyRef(r); byKyverno(r) {
			if why := stalePolicy(p, r, ref); why != "" {
				by[ref] = append(by[ref], "what passes "+why)
			}
		}
	}
	for _, ref := range slices.SortedFunc(maps.Keys(by), audit.Ref.Compare) {
		f := audit.Finding{
			Subject: ref, Policies: []audit.PolicyRef{{Ref: ref, Object: p.Object(ref)}},
			Message: fmt.Sprintf("reports on %s are older than what they speak of", ref.Name),
		}
		f.Evidence = listed(by[ref])
		p.Report(f)
	}
}

func stale(p *audit.Pass, r audit.KyvernoResult, ref audit.Ref) string {
	what := strings.TrimSuffix(r.Rule+" for "+r.Resource.String(), " for ")
	if why := stalePolicy(p, r, ref); why != "" {
		return what + " " + why
	}
	if r.Resource.Kind == "Pod" && len(p.Pods) > 0 && !unreadable(p, "pods") && p.Namespace(r.Resource.Namespace) != nil &&
		p.Pod(r.Resource.Namespace, r.Resource.Name) == nil {
		return what + " is about a pod that is gone"
	}
	return ""
}

// stalePolicy says why a result is older than its policy; "" if it is not.
func stalePolicy(p *audit.Pass, r audit.KyvernoResult, ref audit.Ref) string {
	o := p.Object(ref)
	switch {
	case r.Timestamp.IsZero():
		return ""
	case o == nil && slices.ContainsFunc(p.Kyverno, func(o *audit.Object) bool { return o.Kind == ref.Kind }):
		return "is about a policy that is gone"
	case o == nil || o.Changed.IsZero() || now(p).Sub(o.Changed) < scanInterval:
		return ""
	case r.Timestamp.Before(o.Changed):
		return fmt.Sprintf("was written %s, and the policy changed %s", r.Timestamp.UTC().Format(time.RFC3339), o.Changed.UTC().Format(time.RFC3339))
	}
	return ""
}
