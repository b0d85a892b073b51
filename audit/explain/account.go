package explain

import (
	"github.com/segproof/segproof/audit"
)

// An Account is an answer with its grounds.
type Account struct {
	Query
	Verdict audit.Answer `json:"verdict"`
	Egress  Stage        `json:"egress"`
	Ingress Stage        `json:"ingress"`
	Window  *Window      `json:"window,omitempty"` // of the flows; nil if none were given

	from, to end
}

// A Stage is what one end decides, by which rules, which others came close, and
// what was seen of it.
type Stage struct {
	Side
	Matched    []Considered `json:"matched"`            // the rules that decided
	Considered []Considered `json:"considered"`         // that did not, the closest first
	Observed   *Observed    `json:"observed,omitempty"` // nil if no flows were given

	open bool // no request was asked about
}

// Account answers a query and says why. Without traffic it says nothing of what
// was observed.
func (x *Explainer) Account(q *Query, t *audit.Traffic) (*Account, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	c, err := x.resolve(q)
	if err != nil {
		return nil, err
	}
	answer := x.answer(c)
	return &Account{
		Query: *q, Verdict: answer.Verdict, Window: windowOf(t), from: c.from, to: c.to,
		Egress:  x.stage(c, audit.Egress, answer.Egress, t),
		Ingress: x.stage(c, audit.Ingress, answer.Ingress, t),
	}, nil
}

func (x *Explainer) stage(c *connection, d audit.Direction, s Side, t *audit.Traffic) Stage {
	s.Policies = locate(s.Policies)
	out := Stage{Side: s, Matched: []Considered{}, Considered: []Considered{}, Observed: x.observe(c, d, t), open: c.http == nil && c.dns == "" && c.sni == ""}
	if qs := c.queries(d); len(qs) > 0 && mayDecide(qs[0].Subject) {
		out.Matched, out.Considered = consider(x.engine, qs[0], &s)
	}
	return out
}

// locate says where the policies were read.
func locate(ps []audit.PolicyRef) []audit.PolicyRef {
	out := make([]audit.PolicyRef, len(ps))
	for i, p := range ps {
		out[i] = located(p)
	}
	return out
}
