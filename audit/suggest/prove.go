package suggest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// A trial is a change, applied, and what it does.
type trial struct {
	w       *work
	objects []*audit.Object
	after   *policy.Engine
	may     func(subject, peer audit.Ref, q *audit.Query) bool // what is to open; nil for all
	opens   opened
	beyond  opened
	broken  []question // carried so far, and denied then
}

// mostDecisions bounds the questions about one change.
const mostDecisions = 400_000

var (
	errMany = errors.New("there are too many workloads to prove that nothing else opens")
	errSame = errors.New("the change that was tried does not close it")
)

// try applies a change and asks everybody concerned before and after.
func (w *work) try(objects []*audit.Object, may func(subject, peer audit.Ref, q *audit.Query) bool) (*trial, error) {
	_, after := w.with(objects)
	t := &trial{w: w, objects: objects, after: after, may: may, opens: opened{}, beyond: opened{}}
	if err := t.rejected(); err != nil {
		return nil, err
	}
	done := map[string]bool{}
	for _, o := range objects {
		if !done[o.Namespace] {
			done[o.Namespace] = true
			t.past(o.Namespace)
		}
	}
	return t, t.everybody()
}

// rejected tells whether Cilium would not take a policy as it is to be.
func (t *trial) rejected() error {
	for _, p := range t.after.Partly() {
		for _, o := range t.objects {
			if p.Ref == o.Ref {
				return fmt.Errorf("the change that was tried is not wholly understood: %s", p.Why)
			}
		}
	}
	return nil
}

// past asks what was observed in a namespace.
func (t *trial) past(namespace string) {
	qs := t.w.observed(namespace)
	t.w.spend(2 * len(qs))
	for i := range qs {
		q := &qs[i]
		before, after := t.w.engine.Decide(q.Query), t.after.Decide(q.Query)
		if q.carried && before.Answer == audit.Allow && (after.Answer != audit.Allow || after.L7 && !before.L7) {
			t.broken = append(t.broken, *q)
		}
		if opens(before, after) {
			t.open(&q.Query, before, person{owner: q.subject()}, person{owner: q.peer()}, false)
		}
	}
}

// opens tells whether more is let through, or the same without a proxy.
func opens(before, after audit.Decision) bool {
	if before.Answer == audit.Allow {
		return before.L7 && after.Answer == audit.Allow && !after.L7
	}
	return after.Answer != audit.Deny && before.Answer != after.Answer
}

// open notes what opens.
func (t *trial) open(q *audit.Query, before audit.Decision, subject, peer person, probe bool) {
	unproxied := before.Answer == audit.Allow
	t.opens.add(q, subject.owner, peer.owner, probe)
	if t.may != nil && (unproxied || peer.anybody || probe || !t.may(subject.owner, peer.owner, q)) {
		t.beyond.add(q, subject.owner, peer.owner, probe)
	}
}

// everybody asks those whom the changed policies are about, of everybody.
func (t *trial) everybody() error {
	var changed []audit.Ref
	for _, o := range t.objects {
		changed = append(changed, o.Ref)
	}
	peers := t.w.everybody().peers
	for _, s := range t.after.SpecsOf(changed...) {
		ref := s.Policy().Ref
		replaced := t.w.declared(ref) != nil
		for _, d := range []audit.Direction{audit.Ingress, audit.Egress} {
			if !replaced && !s.Isolates(d) && len(s.Rules(d)) == 0 {
				continue
			}
			if err := t.direction(s, d, peers); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *trial) direction(s policy.Spec, d audit.Direction, peers []person) error {
	ref := s.Policy().Ref
	var subjects []person
	for _, p := range t.w.everybody().of(ref.Namespace) {
		if is, sure := s.Selects(&p.peer); is || !sure {
			subjects = append(subjects, p)
		}
	}
	ports := t.w.ports(ref.Namespace, d)
	n := 0
	for i := range subjects {
		nothing := t.w.engine.NothingOpens(t.after, &subjects[i].peer, d)
		for k := range peers {
			if nothing(&peers[k].peer) {
				continue
			}
			if n += 2 * len(ports); n > mostDecisions {
				return errMany
			}
			for _, p := range ports {
				q := audit.Query{Direction: d, Subject: &subjects[i].peer, Peer: &peers[k].peer, Protocol: p.proto, Port: p.number}
				if before := t.w.engine.Decide(q); opens(before, t.after.Decide(q)) {
					t.open(&q, before, subjects[i], peers[k], p.probe)
				}
			}
		}
	}
	t.w.spend(n)
	return nil
}

// A port as questions are asked about; probe marks one that was never seen.
type port struct {
	proto  audit.Protocol
	number uint16
	probe  bool
}

// mostPorts bounds the observed ports that everybody is asked about.
const mostPorts = 24

// ports are those observed at the ends of a namespace in a direction, the first
// of them if they are many, and one that was not.
func (w *work) ports(namespace string, d audit.Direction) []port {
	out := []port{{audit.TCP, 53, false}, {audit.UDP, 53, false}}
	for _, q := range w.observed(namespace) {
		p := port{q.Protocol, q.Port, false}
		if q.Direction == d && len(out) < mostPorts && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	for n := uint16(61999); ; n-- {
		if !slices.ContainsFunc(out, func(p port) bool { return p.number == n }) {
			return append(out, port{audit.TCP, n, true})
		}
	}
}
