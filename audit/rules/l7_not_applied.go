package rules

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// L7NotApplied finds layer 7 rules that no proxy applies.
var L7NotApplied = &audit.Rule{
	ID: "SEG504", Name: "l7-not-applied", Severity: audit.High, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A layer 7 rule is declared, and connections pass without a proxy, or the proxy can't take the rule",
		Why: "Where every rule that allows a connection has conditions on the request, Cilium hands the connection to its proxy and the verdict says REDIRECTED. " +
			"A verdict FORWARDED says that no proxy stood in the way: any request passes. An expression that Envoy can't read can cost the endpoint its whole policy (cilium#41314).",
		Fix: "Check `enable-l7-proxy` and the proxy (`cilium-dbg status`, `kubectl -n kube-system get pods -l k8s-app=cilium-envoy`), read the agent's log for the endpoint, and correct the expression named.",
		Blind: "Only policy verdicts tell it, after the policies had settled; without traffic nothing is seen. Of expressions only the host is looked at, since Cilium checks the others itself before they reach Envoy; " +
			"how large an expression Envoy takes is not known. What passes encrypted from end to end is redirected as well and looks applied.",
	},
	References: []string{"NIST 800-53 SC-7", "NIST 800-53 SI-4"},
	Check:      l7NotApplied,
}

func l7NotApplied(p *audit.Pass) {
	found := flaws{}
	eachRequest(p, func(r policy.Rule, q policy.RequestRule) {
		if _, err := syntax.Parse(q.Host, syntax.Perl); err != nil {
			found.add(r.Policy(), r.Direction(), at(r.Policy(), "host "+q.Host+" is no expression"))
		}
	})
	found.report(p, func(k flawed, places string) (string, string) {
		return fmt.Sprintf("%s of %s has a host that Envoy can't read (%s)", k.direction, k.policy.Name, places), ""
	})
	if p.Judgement == nil {
		return
	}
	used := outcome(audit.Used)
	for _, e := range edges(p, func(v *audit.Judged) bool { return used(v) && passedProxy(p, v) }) {
		f := e.finding()
		who, what := names(e.subject, f.Policies), audit.PortName(e.proto, e.port)
		if e.end == audit.Egress {
			f.Message = fmt.Sprintf("%s opened %s to %s without the proxy that %s %s", e.subject.Name, what, short(e.subject, e.peer), who, verb(who, "asks for", "ask for"))
		} else {
			f.Message = fmt.Sprintf("%s accepted %s from %s without the proxy that %s %s", e.subject.Name, what, short(e.subject, e.peer), who, verb(who, "asks for", "ask for"))
		}
		p.Report(f)
	}
}

// passedProxy tells whether a verdict let a connection pass that every rule which
// allows it leaves to a proxy, after all of them had settled. A verdict that
// names a policy which is not declared was made under another state.
func passedProxy(p *audit.Pass, v *audit.Judged) bool {
	if v.Event != audit.PolicyVerdict || v.Verdict != audit.Forwarded || !v.Decision.L7 {
		return false
	}
	if slices.ContainsFunc(v.Policies, func(n audit.NamedPolicy) bool { return n.Kind == "" || p.Object(n.Ref) == nil }) {
		return false
	}
	from := time.Time{}
	for _, r := range v.Decision.Policies {
		switch o := r.Object; {
		case o == nil:
		case !o.Created.IsZero() && o.Changed.IsZero():
			return false
		case o.Changed.After(from):
			from = o.Changed.Add(p.Settle)
		}
	}
	return !v.FirstOpen.Before(from)
}
