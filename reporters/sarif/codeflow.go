package sarif

import (
	"github.com/owenrumney/go-sarif/v2/sarif"
	"github.com/segproof/segproof/audit"
)

// maxFlows bounds the connections that a result draws.
const maxFlows = 3

// codeFlows are the ways of the connections that a group is about: who opens
// them, which policies decide at each end, who gets them.
func (d *documents) codeFlows(g *group) []*sarif.CodeFlow {
	var out []*sarif.CodeFlow
	for _, f := range g.findings {
		if f.Peer == nil || len(out) == maxFlows {
			continue
		}
		thread := sarif.NewThreadFlow()
		for i, s := range d.steps(f) {
			thread.AddLocation(sarif.NewThreadFlowLocation().WithExecutionOrder(i + 1).WithImportance("essential").
				WithLocation(d.step(g, s)))
		}
		flow := sarif.NewCodeFlow().WithTextMessage(limit(plain(sentence(f)), 500))
		flow.AddThreadFlow(thread)
		out = append(out, flow)
	}
	return out
}

// A step is one stop of a connection.
type step struct {
	at   audit.PolicyRef
	text string
}

// steps is the way of the connection, as it was judged: from the edge that the
// finding belongs to, else from the finding, which knows of one end only.
func (d *documents) steps(f *audit.Finding) []step {
	from, to := f.Subject, *f.Peer
	if f.Direction == audit.Ingress {
		from, to = to, from
	}
	egress, ingress := audit.EdgeEnd{}, audit.EdgeEnd{}
	if f.Direction == audit.Ingress {
		ingress.Policies = f.Policies
	} else {
		egress.Policies = f.Policies
	}
	if e := d.edges[f.Fingerprint]; e != nil {
		from, to, egress, ingress = e.From, e.To, e.Egress, e.Ingress
	}
	steps := []step{{audit.PolicyRef{Ref: from}, from.String() + " opens " + f.PortName()}}
	steps = append(steps, decided("egress", egress)...)
	steps = append(steps, decided("ingress", ingress)...)
	return append(steps, step{audit.PolicyRef{Ref: to}, to.String() + " is called"})
}

// decided is what the policies of one end say.
func decided(side string, e audit.EdgeEnd) []step {
	const most = 5
	answer := ""
	if e.Answer != "" {
		answer = ": " + string(e.Answer)
	}
	if e.Reason != "" {
		answer += ", " + string(e.Reason)
	}
	var out []step
	for _, p := range e.Policies[:min(len(e.Policies), most)] {
		out = append(out, step{p, side + answer + " by " + policyName(p)})
	}
	return out
}

// step is a location: that of the object where it has one, else that of the
// finding, since consumers break where there is none.
func (d *documents) step(g *group, s step) *sarif.Location {
	at := g.place
	if isFile(s.at.Location) || d.at.declared[s.at.Ref] != nil {
		at = d.at.object(s.at)
	}
	at.text = ""
	return at.location(d.cluster, s.at.Ref).WithMessage(sarif.NewTextMessage(limit(plain(s.text), 500)))
}

// edgesOf finds the edge that a finding belongs to, by its fingerprint.
func edgesOf(r *audit.Report) map[string]*audit.Edge {
	out := map[string]*audit.Edge{}
	for i := range r.Edges {
		for _, print := range r.Edges[i].Findings {
			if out[print] == nil {
				out[print] = &r.Edges[i]
			}
		}
	}
	return out
}
