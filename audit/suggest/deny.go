package suggest

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

var errUnheard = errors.New("nothing was seen of its pods, so that nobody knows what a default deny would break; watch longer")

// mostAllows bounds the policies beside a default deny.
const mostAllows = 40

// defaultDeny is a default deny for a namespace, with the cluster's DNS, and
// beside it what lets everything pass on that was observed.
func (w *work) defaultDeny(f *audit.Finding) (*proposal, error) {
	ns, d := f.Subject.Name, f.Direction
	if by, _ := w.engine.DefaultDeny(ns, d); len(by) > 0 {
		return nil, nil
	}
	if !w.heard(ns) {
		return nil, errUnheard
	}
	p, err := w.denyWith(ns, d, true)
	if err != nil && d == audit.Egress && !errors.Is(err, errNoDNS) {
		// DNS for every pod may open more than some are to have: those whose names
		// are limited by a rule of their own.
		if without, e := w.denyWith(ns, d, false); e == nil {
			without.note = "DNS is allowed to those only that were seen to use it, since for all it would open more; " + without.note
			return without, nil
		}
	}
	return p, err
}

// denyWith tries the default deny, with a rule for DNS or without.
func (w *work) denyWith(ns string, d audit.Direction, withDNS bool) (*proposal, error) {
	deny, dns, err := w.denying(ns, d, withDNS)
	if err != nil {
		return nil, err
	}
	t, err := w.try([]*audit.Object{deny}, dns)
	if err != nil {
		return nil, err
	}
	if len(t.broken) > 0 {
		allows, err := w.allowing(ns, d, t.broken)
		if err != nil {
			return nil, err
		}
		if t, err = w.try(append([]*audit.Object{deny}, allows...), dns); err != nil {
			return nil, err
		}
	}
	return t.denies(ns, d)
}

// heard tells whether anything was seen of the pods of a namespace.
func (w *work) heard(namespace string) bool {
	if w.traffic == nil {
		return false
	}
	return slices.ContainsFunc(w.traffic.Conversations, func(c audit.Conversation) bool {
		return c.From.Namespace == namespace || c.To.Namespace == namespace
	})
}

// denying is the default deny itself, and what it may open: the way to DNS for
// pods that something else isolated before.
func (w *work) denying(ns string, d audit.Direction, withDNS bool) (*audit.Object, func(s, p audit.Ref, q *audit.Query) bool, error) {
	var rules []any
	may := func(audit.Ref, audit.Ref, *audit.Query) bool { return false }
	if d == audit.Egress && withDNS {
		dns, err := w.resolver()
		if err != nil {
			return nil, nil, err
		}
		rules = append(rules, dns.allowance().rule(kubernetes, ns))
		may = func(_, _ audit.Ref, q *audit.Query) bool {
			return dns.is(q.Peer) && slices.Contains(dns.ports, port{q.Protocol, q.Port, false})
		}
	}
	spec := policySpec(kubernetes, d, map[string]any{}, rules)
	return w.created(kubernetes, ns, "default-deny-"+string(d), spec), may, nil
}

// denies tells whether a namespace has its default deny, and nothing broke.
func (t *trial) denies(ns string, d audit.Direction) (*proposal, error) {
	by, unsure := t.after.DefaultDeny(ns, d)
	switch {
	case len(by) == 0:
		return nil, errors.New(cmp.Or(unsure, errSame.Error()))
	case len(t.broken) > 0:
		q := &t.broken[0]
		return nil, fmt.Errorf("no rule keeps %s with %s on %s, which was observed", q.subject(), q.peer(), audit.PortName(q.Protocol, q.Port))
	case len(t.beyond) > 0:
		return nil, fmt.Errorf("the change that was tried would open more: %s", strings.Join(t.beyond.lines(), "; "))
	}
	p := &proposal{objects: t.objects, opens: t.opens.lines(), note: "what was not seen while flows were observed is denied then"}
	switch n := len(t.objects) - 1; {
	case n == 1:
		p.note += "; one more policy keeps what was observed"
	case n > 1:
		p.note += fmt.Sprintf("; %d more policies keep what was observed", n)
	}
	return p, nil
}

// A share is what one workload needs of one kind of peer.
type share struct {
	subject, peer audit.Ref
	qs            []question
}

// allowing are the policies that let observed connections pass on, one for each
// workload.
func (w *work) allowing(ns string, d audit.Direction, broken []question) ([]*audit.Object, error) {
	rules := map[audit.Ref][]*allowance{}
	var order []audit.Ref
	for _, s := range shares(broken) {
		r, err := w.keeping(d, s)
		if err != nil {
			return nil, fmt.Errorf("nothing keeps %s with %s: %w", s.subject, s.peer, err)
		}
		if rules[s.subject] == nil {
			order = append(order, s.subject)
		}
		rules[s.subject] = append(rules[s.subject], r)
	}
	if len(order) > mostAllows {
		return nil, fmt.Errorf("%d workloads would need an allow of their own", len(order))
	}
	var out []*audit.Object
	for _, subject := range order {
		sel := w.selects(ns, subject)
		if sel == nil {
			return nil, fmt.Errorf("no labels tell the pods of %s from others", subject)
		}
		out = append(out, w.kept(ns, d, subject, sel, rules[subject]))
	}
	return out, nil
}

// kept is one policy of all that a workload needs: Cilium's if one rule does.
func (w *work) kept(ns string, d audit.Direction, subject audit.Ref, sel map[string]string, rs []*allowance) *audit.Object {
	kind := kubernetes
	for _, r := range rs {
		if r.kind() != kind {
			kind = cilium
			break
		}
	}
	var rules []any
	for _, r := range rs {
		rules = append(rules, r.rule(kind, ns))
	}
	return w.created(kind, ns, "allow-observed-"+subject.Name+"-"+string(d), policySpec(kind, d, matchLabels(sel), rules))
}

// shares are the observed connections by both ends, and by whether they are
// ICMP, which a rule about ports can't hold; in order.
func shares(qs []question) []*share {
	type key struct {
		subject, peer audit.Ref
		icmp          bool
	}
	found := map[key]*share{}
	var out []*share
	for _, q := range qs {
		k := key{q.subject(), q.peer(), isICMP(q.Protocol)}
		if found[k] == nil {
			found[k] = &share{subject: k.subject, peer: k.peer}
			out = append(out, found[k])
		}
		found[k].qs = append(found[k].qs, q)
	}
	slices.SortStableFunc(out, func(a, b *share) int {
		return cmp.Or(a.subject.Compare(b.subject), a.peer.Compare(b.peer))
	})
	return out
}

// keeping is the rule that lets a share pass on.
func (w *work) keeping(d audit.Direction, s *share) (*allowance, error) {
	g := &gap{subject: s.subject, peer: s.peer, direction: d, denied: s.qs}
	for _, q := range s.qs {
		if p := (port{q.Protocol, q.Port, false}); !slices.Contains(g.ports, p) {
			g.ports = append(g.ports, p)
		}
	}
	slices.SortFunc(g.ports, comparePorts)
	if s.qs[0].Peer.IsWorld() && manyAddresses(s.qs) {
		// It was open to everybody; that port stays so.
		return &allowance{direction: d, ports: g.ports, world: true}, nil
	}
	return w.allowance(g)
}

func manyAddresses(qs []question) bool {
	seen := map[netip.Addr]bool{}
	for _, q := range qs {
		if !q.Peer.IP.IsValid() {
			return true
		}
		seen[q.Peer.IP] = true
	}
	return len(seen) > mostAddresses
}
