package suggest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// makers are the rules about whose findings there may be a change.
var makers = map[string]func(*work, *audit.Finding) (*proposal, error){
	"flow-drop-gap":                 (*work).allow,
	"flow-dns-dropped":              (*work).allow,
	"flow-platform-dropped":         (*work).allow,
	"cover-no-default-deny-ingress": (*work).defaultDeny,
	"cover-no-default-deny-egress":  (*work).defaultDeny,
	"cover-deny-off":                (*work).denyOn,
	"rule-deny-implies-default":     (*work).denyOnly,
	"rule-policytypes-omitted":      (*work).statePolicyTypes,
	"rule-dns-too-wide":             (*work).pinDNS,
	"rule-world-open":               (*work).tighten,
	"rule-world-open-port":          (*work).tighten,
	"flow-overbroad-allow":          (*work).tighten,
	"flow-unused-allow":             (*work).takeAway,
	"l7-path-fullmatch":             (*work).widenPaths,
}

// propose works out the change for one finding. It is nil if what is declared by
// now closes it already.
func (w *work) propose(f *audit.Finding) (*proposal, error) {
	if w.exhausted() {
		return nil, errMany
	}
	return makers[f.Rule](w, f)
}

// A gap is a connection that a default deny drops at one end.
type gap struct {
	subject, peer audit.Ref
	direction     audit.Direction
	denied        []question
	by            []audit.PolicyRef // that isolate the subject
	ports         []port            // to be opened
}

func (g *gap) has(subject, peer audit.Ref, q *audit.Query) bool {
	return subject == g.subject && peer == g.peer && q.Direction == g.direction && slices.Contains(g.ports, port{q.Protocol, q.Port, false})
}

// gap finds what was seen of a finding, and is still denied; nil if nothing is.
func (w *work) gap(f *audit.Finding) (*gap, error) {
	if f.Peer == nil || f.Port == nil {
		return nil, errors.New("the finding names no connection")
	}
	g := &gap{subject: f.Subject, peer: *f.Peer, direction: f.Direction, ports: []port{{f.Protocol, *f.Port, false}}}
	if f.Rule == "flow-dns-dropped" {
		g.ports = []port{{audit.UDP, *f.Port, false}, {audit.TCP, *f.Port, false}}
	}
	seen := false
	for _, q := range w.observed(f.Subject.Namespace) {
		if !g.has(q.subject(), q.peer(), &q.Query) {
			continue
		}
		seen = true
		switch d := w.engine.Decide(q.Query); {
		case d.Answer == audit.Deny && d.Reason != audit.DefaultDenied:
			return nil, errors.New("a rule denies it, and no allow changes that")
		case d.Answer == audit.Deny:
			g.denied = append(g.denied, q)
			g.by = append(g.by, d.Policies...)
		}
	}
	switch {
	case !seen:
		return nil, errors.New("the connection is not among those that are kept")
	case len(g.denied) == 0:
		return nil, nil
	}
	g.ports = slices.DeleteFunc(g.ports, func(p port) bool { return !w.deniedOn(g, p) })
	return g, nil
}

// deniedOn tells whether a port of a gap needs opening: DNS over one protocol may
// be allowed already.
func (w *work) deniedOn(g *gap, p port) bool {
	return slices.ContainsFunc(g.denied, func(q question) bool {
		q.Protocol, q.Port = p.proto, p.number
		return w.engine.Decide(q.Query).Answer == audit.Deny
	})
}

// allow is the smallest allow that closes a gap: a rule in a policy for the
// workload, or else a policy of its own.
func (w *work) allow(f *audit.Finding) (*proposal, error) {
	g, err := w.gap(f)
	if g == nil || err != nil {
		return nil, err
	}
	r, err := w.allowance(g)
	if err != nil {
		return nil, err
	}
	var tried error
	for _, o := range w.candidates(g, r) {
		t, err := w.try([]*audit.Object{o}, g.has)
		if err == nil {
			err = t.closes(g)
		}
		if err == nil {
			return &proposal{objects: t.objects, opens: t.opens.lines(), note: w.noteOfOther(g, r)}, nil
		}
		tried = err
	}
	if tried == nil {
		tried = errors.New("no labels tell the pods of " + g.subject.String() + " from others")
	}
	return nil, tried
}

// closes tells whether a gap is closed, and nothing but the gap.
func (t *trial) closes(g *gap) error {
	for i := range g.denied {
		if t.after.Decide(g.denied[i].Query).Answer != audit.Allow {
			return errSame
		}
	}
	switch {
	case len(t.broken) > 0:
		q := &t.broken[0]
		return fmt.Errorf("the change that was tried would break %s with %s on %s", q.subject(), q.peer(), audit.PortName(q.Protocol, q.Port))
	case len(t.beyond) > 0:
		return fmt.Errorf("the change that was tried would open more: %s", strings.Join(t.beyond.lines(), "; "))
	}
	return nil
}

// candidates are the policies that may hold the allow, the smallest change first.
func (w *work) candidates(g *gap, r *allowance) []*audit.Object {
	var out []*audit.Object
	seen := map[audit.Ref]bool{}
	for _, by := range g.by {
		o := w.declared(by.Ref)
		if o == nil || seen[by.Ref] || !r.fits(o.Kind) || selectsAll(o) {
			continue
		}
		seen[by.Ref] = true
		next := revised(o, func(spec map[string]any) bool {
			rules, ok := spec[string(g.direction)].([]any)
			if !ok && spec[string(g.direction)] != nil {
				return false
			}
			spec[string(g.direction)] = append(rules, r.rule(o.Kind, o.Namespace))
			return true
		})
		if next != nil {
			out = append(out, next)
		}
	}
	if sel := w.selects(g.subject.Namespace, g.subject); sel != nil {
		kinds := []string{r.kind()}
		if r.kind() != cilium {
			// Where labels of namespaces are kept out of identities, only Cilium's own
			// kind can name a namespace.
			kinds = append(kinds, cilium)
		}
		for _, kind := range kinds {
			out = append(out, w.created(kind, g.subject.Namespace, g.name(w.together), r.policy(kind, sel, g.subject.Namespace)))
		}
	}
	return out
}

// selectsAll tells a policy for a whole namespace: allows for one workload don't
// belong there.
func selectsAll(o *audit.Object) bool {
	spec, _ := o.Raw["spec"].(map[string]any)
	for _, k := range []string{"podSelector", "endpointSelector"} {
		if sel, ok := spec[k].(map[string]any); ok {
			labels, _ := sel["matchLabels"].(map[string]any)
			exprs, _ := sel["matchExpressions"].([]any)
			return len(labels) == 0 && len(exprs) == 0
		}
	}
	return true
}

// name says what the policy is for: where changes stand on each other, for all
// that the workload needs in a direction.
func (g *gap) name(together bool) string {
	if together {
		return "allow-" + g.subject.Name + "-" + string(g.direction)
	}
	way := "to"
	if g.direction == audit.Ingress {
		way = "from"
	}
	parts := []string{"allow", g.subject.Name, way}
	if g.peer.Namespace != "" && g.peer.Namespace != g.subject.Namespace {
		parts = append(parts, g.peer.Namespace)
	}
	parts = append(parts, g.peer.Name)
	if len(g.ports) == 1 {
		parts = append(parts, string(g.ports[0].proto))
	}
	return strings.Join(append(parts, fmt.Sprint(g.ports[0].number)), "-")
}

// noteOfOther tells what the rule can't keep up with, and what the other end
// says of it.
func (w *work) noteOfOther(g *gap, r *allowance) string {
	if w.together {
		return r.note // the change for that end stands beside it
	}
	for i := range g.denied {
		q := otherSide(g.denied[i].Query)
		if !q.Subject.IsPod() || w.elsewhere(q.Subject) {
			continue
		}
		if w.engine.Decide(q).Answer == audit.Deny {
			return join(fmt.Sprintf("%s of %s denies it too: segproof suggest prints the change for that end as well", q.Direction, g.peer), r.note)
		}
	}
	return r.note
}

// otherEnd is the gap at the other end of a connection, which a drop at this end
// keeps from being seen; nil if that end allows it, or is not ours.
func (w *work) otherEnd(f *audit.Finding) *audit.Finding {
	if f.Peer == nil || f.Port == nil || makers[f.Rule] == nil || !isGap(f.Rule) {
		return nil
	}
	g := &gap{subject: f.Subject, peer: *f.Peer, direction: f.Direction, ports: []port{{f.Protocol, *f.Port, false}}}
	for _, q := range w.observed(f.Subject.Namespace) {
		if !g.has(q.subject(), q.peer(), &q.Query) {
			continue
		}
		o := question{Query: otherSide(q.Query), refused: true}
		if !o.Subject.IsPod() || w.elsewhere(o.Subject) {
			continue
		}
		if w.engine.Decide(o.Query).Answer == audit.Deny {
			w.suppose(o)
			return &audit.Finding{
				Rule: f.Rule, Kind: audit.Fails, Subject: o.subject(), Peer: &f.Subject, Direction: o.Direction,
				Protocol: f.Protocol, Port: f.Port, Fingerprint: f.Fingerprint,
			}
		}
	}
	return nil
}

func isGap(rule string) bool {
	return rule == "flow-drop-gap" || rule == "flow-dns-dropped" || rule == "flow-platform-dropped"
}

// suppose adds a question that the other end would be asked, were the
// connection not dropped before.
func (w *work) suppose(q question) {
	ns := q.Subject.Namespace
	_ = w.observed(ns)
	w.asked[ns] = append(w.asked[ns], q)
}
