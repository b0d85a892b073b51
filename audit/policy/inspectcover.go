package policy

import (
	"net/netip"
	"reflect"
	"slices"
)

// Subsumes tells whether the rule says for certain all that another says: the
// same of at least the same peers and ports. A false answer is no certainty.
func (r Rule) Subsumes(o Rule) bool {
	switch {
	case r.direction != o.direction || r.verdict != o.verdict || r.order != o.order:
		return false
	case r.doubt != "" || o.doubt != "" || r.refuses || o.refuses || r.nobody || o.nobody || len(r.requires) > 0:
		return false
	case len(r.peers) > 0 && len(o.peers) == 0:
		return false
	}
	mine, others := flat(r.peers), flat(o.peers)
	for _, m := range others {
		if len(mine) > 0 && !slices.ContainsFunc(mine, func(w matcher) bool { return wider(w, m) }) {
			return false
		}
	}
	return r.subsumesPorts(o.rule)
}

func (r *rule) subsumesPorts(o *rule) bool {
	if r.anyPort {
		return true
	}
	if o.anyPort || len(o.ports) == 0 {
		return false
	}
	for i := range o.ports {
		if !slices.ContainsFunc(r.ports, func(w portRule) bool { return w.subsumes(&o.ports[i]) }) {
			return false
		}
	}
	return true
}

// subsumes tells whether a port entry lets pass all that another does. What a
// proxy does is compared as a whole: it must be the same, or nothing at all.
func (p *portRule) subsumes(o *portRule) bool {
	switch {
	case o.protocols&^p.protocols != 0:
		return false
	case p.l7 != nil && !reflect.DeepEqual(p.l7, o.l7):
		return false
	case p.all:
		return true
	case o.all || p.name != o.name:
		return false
	case p.name != "":
		return p.last == o.last
	}
	return p.first <= o.first && max(o.first, o.last) <= max(p.first, p.last)
}

// wider tells whether a matcher matches for certain whoever another matches.
func wider(w, m matcher) bool {
	if e, ok := w.(*entities); ok && slices.Contains(e.names, entityAll) {
		return true
	}
	switch m := m.(type) {
	case selected:
		w, ok := w.(selected)
		return ok && !slices.ContainsFunc(m, func(s *selector) bool {
			return !slices.ContainsFunc(w, func(ws *selector) bool { return ws == s || !s.negative() && ws.subsumes(s) })
		})
	case *blocks:
		w, ok := w.(*blocks)
		return ok && !slices.ContainsFunc(m.list, func(b block) bool {
			return !slices.ContainsFunc(w.list, func(wb block) bool { return wb.subsumes(&b) })
		})
	case *entities:
		w, ok := w.(*entities)
		return ok && !slices.ContainsFunc(m.names, func(n string) bool { return !slices.Contains(w.names, n) })
	case names:
		w, ok := w.(names)
		return ok && !slices.ContainsFunc(m, func(n name) bool {
			return !slices.ContainsFunc(w, func(wn name) bool { return wn.text == n.text })
		})
	}
	return false
}

func (k *block) subsumes(o *block) bool {
	if k.label != o.label || !covers(k.prefix, o.prefix) {
		return false
	}
	// What is left out here must be left out there too, or lie elsewhere.
	return !slices.ContainsFunc(k.except, func(e netip.Prefix) bool {
		return e.Overlaps(o.prefix) && !slices.ContainsFunc(o.except, func(oe netip.Prefix) bool { return covers(oe, e) })
	})
}

// subsumes tells whether each condition follows from one of another selector's.
func (s *selector) subsumes(o *selector) bool {
	if s.doubt != "" || o.doubt != "" {
		return false
	}
	for i := range s.reqs {
		if !slices.ContainsFunc(o.reqs, func(q requirement) bool { return s.reqs[i].follows(&q) }) {
			return false
		}
	}
	return true
}

// follows tells whether whoever meets q meets r too.
func (r *requirement) follows(q *requirement) bool {
	if r.op == local || q.op == local {
		return r.op == q.op
	}
	positive := r.op == in || r.op == exists
	if r.key != q.key || r.source != q.source && (positive && r.source != "any" || !positive && q.source != "any") {
		return false
	}
	has := func(v string) bool { return slices.Contains(r.values, v) }
	switch r.op {
	case in:
		return q.op == in && !slices.ContainsFunc(q.values, func(v string) bool { return !has(v) })
	case exists:
		return q.op == in || q.op == exists
	case notIn:
		return q.op == absent || q.op == in && !slices.ContainsFunc(q.values, has) ||
			q.op == notIn && !slices.ContainsFunc(r.values, func(v string) bool { return !slices.Contains(q.values, v) })
	}
	return q.op == absent
}
