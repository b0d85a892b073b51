package flows

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/segproof/segproof/audit"
)

// A mark is a flow, reduced to what is counted of it: a few words, in which
// everything that has a name stands as a pointer to where it is kept once.
type mark struct {
	sample
	fromLabels, toLabels *labelSet // where addresses are kept apart; nil between pods
	outcome              *outcome
	request              *audit.Request // of an L7 event; nil if it is not known
	connection           uint64
	port                 uint16
	opens                bool
}

// key is the key of the group that the flow belongs to, in the interval that
// begins at a time.
func (m *mark) key(interval int64) groupKey {
	return groupKey{m.from.end, m.to.end, m.outcome, interval, m.port}
}

// addresses are those that keep conversations apart; zero between pods.
func (m *mark) addresses() addresses {
	if m.fromLabels == nil {
		return addresses{}
	}
	a := addresses{fromLabels: m.fromLabels, toLabels: m.toLabels}
	if !m.from.end.isPod() {
		a.from = m.fromIP
	}
	if !m.to.end.isPod() {
		a.to = m.toIP
	}
	return a
}

// A sample is a flow kept as evidence; its texts are made when it is told.
type sample struct {
	at           int64
	id           uid
	texts        *texts // nil if there are none
	node         string
	from, to     *seat
	fromIP, toIP netip.Addr
}

// texts are what few samples have, or many have in common.
type texts struct {
	id      string // a uuid that is not written as usual
	names   []string
	summary string
}

var noTexts texts

func (s *sample) text() *texts {
	if s.texts == nil {
		return &noTexts
	}
	return s.texts
}

func compareSamples(a, b *sample) int {
	if c := cmp.Or(cmp.Compare(a.at, b.at), compareIDs(a.id, a.text().id, b.id, b.text().id)); c != 0 {
		return c
	}
	return cmp.Or(
		cmp.Compare(a.node, b.node),
		cmp.Compare(a.from.title, b.from.title), a.fromIP.Compare(b.fromIP),
		cmp.Compare(a.to.title, b.to.title), a.toIP.Compare(b.toIP),
		cmp.Compare(a.text().summary, b.text().summary), slices.Compare(a.text().names, b.text().names),
	)
}

// title names an end: the pod, or else the address.
func title(s *seat, ip netip.Addr) string {
	if s.title == "" && ip.IsValid() {
		return ip.String()
	}
	return s.title
}

// tell writes the sample down, of a flow to a port.
func (s *sample) tell(p audit.Protocol, port uint16) audit.Sample {
	out := audit.Sample{
		Time: moment(s.at), UUID: cmp.Or(s.text().id, s.id.String()), Node: s.node,
		From: title(s.from, s.fromIP), To: title(s.to, s.toIP),
		Names: s.text().names, Summary: s.text().summary,
	}
	if s.toIP.IsValid() {
		out.Address = s.toIP.String()
		if port != 0 && p != audit.ICMPv4 && p != audit.ICMPv6 {
			out.Address = netip.AddrPortFrom(s.toIP, port).String()
		}
	}
	return out
}

// names are the DNS names that are evidence: those of an end that is no pod,
// the destination first.
func (r *record) evidentNames() []string {
	switch {
	case !r.destination.isPod():
		return r.destination.names
	case !r.source.isPod():
		return r.source.names
	}
	return nil
}

// short cuts a text that only serves as evidence.
func short(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := 0
	for i := range s {
		if n++; n > maxText {
			return s[:i] + "…"
		}
	}
	return s
}
