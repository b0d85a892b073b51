package rules

import (
	"cmp"
	"fmt"

	"github.com/segproof/segproof/audit"
)

// PolicyInvalid finds policies that are stored and do nothing at all.
var PolicyInvalid = &audit.Rule{
	ID: "SEG105", Name: "enforce-policy-invalid", Severity: audit.High, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A policy is rejected by Cilium and has no effect at all",
		Why: "The API server stores more than the agent accepts. A policy of which one rule is invalid is rejected as a whole: what it denies is open, what it allows may be denied, " +
			"and kubectl shows it like any other.",
		Fix: "Correct the place named, apply it again, and look at the status: `kubectl get cnp,ccnp -A -o wide` must say Valid.",
		Blind: "A policy is held against the rules of Cilium 1.20; another version may accept more or less. A policy that flows show to be enforced is reported by " +
			"`enforce-policy-invalid-yet-enforced` instead, since the status is known to say False of policies that are in force (cilium#45716).",
	},
	References: []string{"NIST 800-53 CM-6", "NIST 800-53 SC-7"},
	Check: func(p *audit.Pass) {
		for _, r := range rejected(p) {
			if r.enforced == nil {
				r.report(p, "is rejected and has no effect")
			}
		}
	},
}

// PolicyInvalidYetEnforced finds policies that are said to be invalid although
// the network heeds them.
var PolicyInvalidYetEnforced = &audit.Rule{
	ID: "SEG113", Name: "enforce-policy-invalid-yet-enforced", Severity: audit.Low, Needs: audit.Policies | audit.Flows,
	Doc: audit.Doc{
		Title: "A policy is said to be invalid although it is enforced",
		Why: "Its status says that it is not valid, or Segproof reads it so, yet policy verdicts name it. The agents may be enforcing a former version of it, and will stop " +
			"when they restart.",
		Fix:   "See what the status says, correct the place named, and apply the policy again, so that what is enforced is what is declared.",
		Blind: "Which version of the policy a verdict speaks of is not known beyond its name, its uid and the time.",
	},
	References: []string{"NIST 800-53 CM-6"},
	Check: func(p *audit.Pass) {
		for _, r := range rejected(p) {
			if r.enforced != nil {
				r.report(p, "is said to be invalid, and policy verdicts name it all the same")
			}
		}
	},
}

// A rejection is a policy that is rejected, why, and the verdicts that name it
// all the same.
type rejection struct {
	policy   audit.PolicyRef
	why      string
	enforced *audit.Evidence
}

func (r rejection) report(p *audit.Pass, says string) {
	f := audit.Finding{
		Subject: r.policy.Ref, Policies: []audit.PolicyRef{r.policy},
		Message: fmt.Sprintf("%s %s", r.policy.Name, says), Evidence: []audit.Evidence{{What: r.why}},
		Location: r.policy.Location,
	}
	if r.enforced != nil {
		f.Evidence = append(f.Evidence, *r.enforced)
	}
	p.Report(f)
}

// rejected lists the policies that the engine reads as having no effect, and
// those whose status says so.
func rejected(p *audit.Pass) []rejection {
	var out []rejection
	found := map[audit.Ref]bool{}
	add := func(ref audit.Ref, o *audit.Object, why string) {
		if found[ref] {
			return
		}
		found[ref] = true
		r := rejection{policy: audit.PolicyRef{Ref: ref, Object: o}, why: why}
		if o != nil {
			r.enforced = named(p, o)
		}
		out = append(out, r)
	}
	for _, q := range p.Engine.Partly() {
		if q.NoEffect {
			add(q.Ref, p.Object(q.Ref), q.Why)
		}
	}
	for _, o := range p.Policies {
		for _, c := range children(child(o.Raw, "status"), "conditions") {
			if text(c, "type") == "Valid" && text(c, "status") == "False" {
				add(o.Ref, o, "its status says: "+cmp.Or(text(c, "message"), text(c, "reason"), "Valid is False"))
			}
		}
	}
	return out
}

// named gathers the policy verdicts that name a policy in its present state;
// nil if there are none, or no flows.
func named(p *audit.Pass, o *audit.Object) *audit.Evidence {
	if p.Traffic == nil {
		return nil
	}
	var ev *audit.Evidence
	for i := range p.Conversations {
		c := &p.Conversations[i]
		if c.Event != audit.PolicyVerdict || c.First.Before(o.Changed) || !speaksOf(c, o) {
			continue
		}
		if ev == nil {
			ev = &audit.Evidence{What: "policy verdicts name it"}
		}
		merge(ev, &audit.Judged{Conversation: c, First: c.FirstOpen, Last: c.LastOpen})
	}
	return ev
}

// speaksOf tells whether a verdict names a policy. Older Hubble does not say its kind.
func speaksOf(c *audit.Conversation, o *audit.Object) bool {
	for _, n := range c.Policies {
		if n.Name == o.Name && n.Namespace == o.Namespace && (n.Kind == "" || n.Kind == o.Kind) && (n.UID == "" || o.UID == "" || n.UID == o.UID) {
			return true
		}
	}
	return false
}
