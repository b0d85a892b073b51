package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/segproof/segproof/audit"
)

var (
	errShort  = errors.New("body ends too early")
	errPlace  = errors.New("body refers to a text that is not there")
	errLabels = errors.New("labels are not stored")
	errLong   = errors.New("body goes on after its end")
)

// A decoder reads bodies one after another. Texts that come again, in whichever
// body, are one.
type decoder struct {
	labels func(labelsHash) (audit.Labels, bool)
	shared map[string]string
	known  []string // words, and then the texts of this body
	words  int
	b      []byte
	err    error // the first; all that is read after it is zero
}

func newDecoder(labels func(labelsHash) (audit.Labels, bool)) *decoder {
	d := &decoder{labels: labels, shared: map[string]string{}, known: words()}
	d.words = len(d.known)
	return d
}

// conversation reads a body. Nothing of the body is kept.
func (d *decoder) conversation(body []byte) (c audit.Conversation, err error) {
	d.b, d.err, d.known = body, nil, d.known[:d.words]
	if v := d.byte(); d.err == nil && v != bodyVersion {
		return c, fmt.Errorf("body has version %d, this segproof knows version %d", v, bodyVersion)
	}
	c.Interval = d.moment()
	c.From, c.To = d.peer(), d.peer()
	c.Protocol, c.Event = audit.Protocol(d.text()), audit.Event(d.text())
	c.Direction, c.Verdict, c.Reason = audit.Direction(d.text()), audit.Verdict(d.text()), d.text()
	c.Port, c.Match = uint16(d.number()), uint32(d.number())
	c.Policies = list(d, func() audit.NamedPolicy {
		return audit.NamedPolicy{Ref: audit.Ref{Kind: d.text(), Namespace: d.text(), Name: d.text()}, UID: d.uuid()}
	})
	c.Allowed = list(d, d.text)
	d.counts(&c)
	if d.err == nil && len(d.b) > 0 {
		d.err = errLong
	}
	return c, d.err
}

func (d *decoder) counts(c *audit.Conversation) {
	c.Flows, c.Opened = d.number(), d.number()
	c.First = d.moment()
	c.Last, c.FirstOpen, c.LastOpen = d.after(c.First), d.after(c.First), d.after(c.First)
	c.Opens = list(d, func() audit.Open { return audit.Open{Hash: d.hash(), At: d.after(c.First)} })
	c.Nodes = list(d, d.text)
	c.Samples = list(d, func() audit.Sample {
		return audit.Sample{
			Time: d.after(c.First), UUID: d.uuid(), Node: d.text(), From: d.text(), To: d.text(),
			Address: d.text(), Summary: d.text(), Names: list(d, d.text),
		}
	})
	c.Requests = list(d, func() audit.Request {
		return audit.Request{
			Kind: audit.RequestKind(d.text()), Method: d.text(), Path: d.text(), Host: d.text(), Name: d.text(),
			Code: int(d.number()), Flows: d.number(),
		}
	})
	c.Unkept = d.number()
}

// list reads as many as the number before them says. Each takes a byte at
// least, so that no number makes room for more than was stored.
func list[T any](d *decoder, one func() T) []T {
	n := d.number()
	if n > uint64(len(d.b)) {
		d.fail(errShort)
	}
	if n == 0 || d.err != nil {
		return nil
	}
	out := make([]T, 0, min(n, 16))
	for range n {
		if out = append(out, one()); d.err != nil {
			return nil
		}
	}
	return out
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err, d.b = err, nil
	}
}

// take returns the next bytes.
func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail(errShort)
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) hash() uint64 {
	if b := d.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.fail(errShort)
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) moment() time.Time { return d.after(time.Unix(0, 0)) }

func (d *decoder) after(from time.Time) time.Time {
	seconds, size := binary.Varint(d.b)
	if size <= 0 {
		d.fail(errShort)
		return time.Time{}
	}
	d.b = d.b[size:]
	return time.Unix(from.Unix()+seconds, int64(d.number()%1e9)).UTC()
}

func (d *decoder) peer() (p audit.Peer) {
	var h labelsHash
	copy(h[:], d.take(uint64(len(h))))
	p.Namespace = d.text()
	p.Workload = audit.Ref{Kind: d.text(), Namespace: d.text(), Name: d.text()}
	p.IP = d.address()
	if d.err != nil {
		return p
	}
	ok := false
	if p.Labels, ok = d.labels(h); !ok {
		d.fail(errLabels)
	}
	return p
}

func (d *decoder) address() netip.Addr {
	a, _ := netip.AddrFromSlice([]byte(d.text()))
	return a.WithZone(d.text())
}

func (d *decoder) text() string {
	at := d.number()
	if at > uint64(len(d.known)) {
		d.fail(errPlace)
	}
	if d.err != nil {
		return ""
	}
	if at > 0 {
		return d.known[at-1]
	}
	b := d.take(d.number())
	s, ok := d.shared[string(b)]
	if !ok {
		s = string(b)
		d.shared[s] = s
	}
	d.known = append(d.known, s)
	return s
}

func (d *decoder) uuid() string {
	if d.byte() == 1 {
		if b := d.take(16); b != nil {
			return formatUUID([16]byte(b))
		}
		return ""
	}
	return string(d.take(d.number()))
}
