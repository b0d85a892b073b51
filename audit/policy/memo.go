package policy

import (
	"net/netip"
	"sync/atomic"
	"unsafe"

	"github.com/segproof/segproof/audit"
)

// A memo keeps the latest answers by where the labels of both ends lie in
// memory: whoever asks about the same ends again hands over the same label
// sets, so a repeated question costs no look at a label. It holds on to the
// labels, so that their place is not taken by others; that they are not changed
// is promised by [audit.Labels].
type memo struct {
	slots [][2]atomic.Pointer[remembered] // a power of two of them, each for two answers
	shift int
	made  atomic.Int64 // answers that were not found
}

// A memo begins small, since many an engine is asked but little, and grows by
// these many bits when an eighth may be full: in a fuller one questions push each
// other out.
const (
	memoFull      = 8
	memoBits      = 16
	memoBitsFirst = 8
	memoBitsMore  = 4
)

func newMemo(bits int) *memo {
	return &memo{slots: make([][2]atomic.Pointer[remembered], 1<<bits), shift: 64 - bits}
}

// grown is a larger memo with the same answers.
func (m *memo) grown() *memo {
	next := newMemo(64 - m.shift + memoBitsMore)
	for i := range m.slots {
		for k := range m.slots[i] {
			r := m.slots[i][k].Load()
			if r == nil {
				continue
			}
			at := next.slot(&audit.Query{Direction: r.direction, Protocol: r.protocol, Port: r.port}, r.subject, r.peer)
			at[1].Store(at[0].Load())
			at[0].Store(r)
		}
	}
	return next
}

// remembered is a question about a connection and its answer.
type remembered struct {
	subject, peer     place
	port              uint16
	direction         audit.Direction
	protocol          audit.Protocol
	subjectIP, peerIP netip.Addr
	answer            *audit.Decision
}

// A place is where a label set lies.
type place struct {
	at *string
	n  int
}

func placeOf(ls audit.Labels) place { return place{unsafe.SliceData(ls), len(ls)} }

func (p place) number() uint64 { return uint64(uintptr(unsafe.Pointer(p.at))) }

// slot spreads questions over the memo.
func (m *memo) slot(q *audit.Query, subject, peer place) *[2]atomic.Pointer[remembered] {
	const odd = 0x9E3779B97F4A7C15 // the golden ratio, as in Fibonacci hashing
	h := subject.number()*odd ^ peer.number()
	h = h*odd ^ uint64(q.Port)<<8 ^ uint64(len(q.Direction))<<32 ^ uint64(len(q.Protocol))<<40
	if q.Protocol != "" {
		h ^= uint64(q.Protocol[0]) << 48
	}
	return &m.slots[h*odd>>m.shift]
}

func (r *remembered) is(q *audit.Query, subject, peer place) bool {
	return r != nil && r.subject == subject && r.peer == peer && r.port == q.Port && r.direction == q.Direction &&
		r.protocol == q.Protocol && r.subjectIP == q.Subject.IP && r.peerIP == q.Peer.IP
}

// Decide answers for one end of a connection, and of a request that is made
// over it. What the proxy knows and the query does not is not guessed: an empty
// method, path or host is one that is not known, whereas headers that are not
// there are absent. The labels of both ends must not be changed afterwards.
func (e *Engine) Decide(q audit.Query) audit.Decision {
	if q.HTTP != nil || q.DNS != "" || q.SNI != "" || q.Subject == nil || q.Peer == nil || len(q.Subject.Labels) == 0 || len(q.Peer.Labels) == 0 {
		return *e.decide(q)
	}
	subject, peer := placeOf(q.Subject.Labels), placeOf(q.Peer.Labels)
	m := e.remembered()
	at := m.slot(&q, subject, peer)
	latest := at[0].Load()
	if latest.is(&q, subject, peer) {
		return *latest.answer
	}
	if r := at[1].Load(); r.is(&q, subject, peer) {
		return *r.answer
	}
	r := &remembered{subject, peer, q.Port, q.Direction, q.Protocol, q.Subject.IP, q.Peer.IP, e.decide(q)}
	at[1].Store(latest)
	at[0].Store(r)
	if m.made.Add(1) == int64(len(m.slots)/memoFull) && len(m.slots) < 1<<memoBits {
		e.memo.CompareAndSwap(m, m.grown())
	}
	return *r.answer
}

// remembered is the memo, made when it is first needed.
func (e *Engine) remembered() *memo {
	if m := e.memo.Load(); m != nil {
		return m
	}
	e.memo.CompareAndSwap(nil, newMemo(memoBitsFirst))
	return e.memo.Load()
}
