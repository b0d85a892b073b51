package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// KyvernoFailOpen finds Kyverno policies that enforce, and behind which requests
// are let in when Kyverno does not answer.
var KyvernoFailOpen = &audit.Rule{
	ID: "SEG609", Name: "kyverno-fail-open", Severity: audit.High, Needs: audit.Kyverno,
	Doc: audit.Doc{
		Title: "A Kyverno policy that enforces is not sure to be asked",
		Why: "With failurePolicy Ignore the API server admits what Kyverno does not judge in time: whoever can make Kyverno slow, or waits for a restart, gets past it. " +
			"A policy that is not ready, or an admission controller without a ready replica, judges nothing at all.",
		Fix: "Set `webhookConfiguration.failurePolicy: Fail` (`failurePolicy: Fail` in policies.kyverno.io) and leave `forceFailurePolicyIgnore` off; run three replicas of the admission controller; " +
			"read the policy's status and `kubectl -n kyverno logs deploy/kyverno-admission-controller`.",
		Blind: "Installations in which every policy only audits are not reported. Readiness is that of one moment, and known only where the status of objects was read. " +
			"Namespaces that Kyverno's webhooks leave out altogether are not looked at.",
	},
	References: []string{"NIST 800-53 CM-7"},
	Check:      kyvernoFailOpen,
}

func kyvernoFailOpen(p *audit.Pass) {
	why := map[audit.Ref][]string{}
	enforced, ignored := false, false
	for _, o := range p.Kyverno {
		ignored = ignored || ignoresFailure(o)
		if !enforces(p, o) {
			continue
		}
		enforced = true
		if ignoresFailure(o) {
			why[o.Ref] = append(why[o.Ref], "failurePolicy is Ignore")
		}
		if w := notReady(o); w != "" {
			why[o.Ref] = append(why[o.Ref], w)
		}
	}
	if !enforced {
		return
	}
	if !ignored {
		for _, w := range p.Webhooks {
			if w.FailOpen && judges(w) {
				ref := audit.Ref{Kind: "ValidatingWebhookConfiguration", Name: w.Configuration}
				why[ref] = append(why[ref], "webhook "+w.Name+" has failurePolicy Ignore, and no policy asks for it")
			}
		}
	}
	for i := range p.Workloads {
		if w := &p.Workloads[i]; isAdmission(w) && w.Replicas > 0 && w.Available == 0 && isLive(p, w.Namespace) {
			why[w.Ref] = append(why[w.Ref], "the admission controller has no ready replica")
		}
	}
	for _, ref := range slices.SortedFunc(maps.Keys(why), audit.Ref.Compare) {
		f := audit.Finding{Subject: ref, Message: fmt.Sprintf("%s is not sure to be asked: %s", ref.Name, strings.Join(slices.Compact(why[ref]), "; "))}
		if o := p.Object(ref); o != nil {
			f.Policies = []audit.PolicyRef{{Ref: ref, Object: o}}
		}
		for _, w := range why[ref] {
			f.Evidence = append(f.Evidence, audit.Evidence{What: w})
		}
		p.Report(f)
	}
}

// ignoresFailure tells whether a policy asks to be passed over when Kyverno does
// not answer.
func ignoresFailure(o *audit.Object) bool {
	spec := child(o.Raw, "spec")
	return firstOf(text(child(spec, "webhookConfiguration"), "failurePolicy"), text(spec, "failurePolicy")) == "Ignore"
}

// notReady is what a policy's status says against it; "" if nothing, or if there
// is no status.
func notReady(o *audit.Object) string {
	status := child(o.Raw, "status")
	of := firstOf(text(child(status, "conditionStatus"), "message"), "no reason is given")
	if ready, ok := child(status, "conditionStatus")["ready"].(bool); ok && !ready {
		return "its status says that it is not ready (" + of + ")"
	}
	for _, c := range children(status, "conditions") {
		if text(c, "type") == "Ready" && text(c, "status") == "False" {
			return "its status says that it is not ready (" + firstOf(text(c, "message"), text(c, "reason"), of) + ")"
		}
	}
	return ""
}

// judges tells the webhooks that may refuse from those that mutate, generate or
// watch over Kyverno itself.
func judges(w audit.Webhook) bool {
	if w.Mutating || len(w.Resources) == 0 {
		return false
	}
	return slices.ContainsFunc([]string{"validate.kyverno.", "vpol.validate.", "nvpol.validate.", "ivpol.validate.", "nivpol.validate."}, func(name string) bool {
		return strings.HasPrefix(w.Name, name)
	})
}

func isAdmission(w *audit.Workload) bool {
	return w.Labels["app.kubernetes.io/component"] == "admission-controller" && strings.HasPrefix(w.Labels["app.kubernetes.io/part-of"], "kyverno")
}

// isLive tells whether a namespace was read from a cluster, where objects have a
// status, rather than from a repository.
func isLive(p *audit.Pass, namespace string) bool {
	ns := p.Namespace(namespace)
	return ns != nil && ns.UID != ""
}
