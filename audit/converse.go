package audit

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"time"
)

// MaxNodes is how many nodes one conversation names.
const MaxNodes = 16

// Identity is a hash of all that tells conversations apart. It is the same in
// every process, and in every version: what is stored is found by it.
func (c *Conversation) Identity() [16]byte {
	d := make(digest, 0, 1024)
	d.time(c.Interval)
	d.peer(&c.From)
	d.peer(&c.To)
	d.texts(string(c.Protocol), string(c.Event), string(c.Direction), string(c.Verdict), c.Reason)
	d.number(uint64(c.Port))
	d.number(uint64(c.Match))
	d.number(uint64(len(c.Policies)))
	for _, p := range c.Policies {
		d.texts(p.Kind, p.Namespace, p.Name, p.UID)
	}
	d.number(uint64(len(c.Allowed)))
	d.texts(c.Allowed...)
	sum := sha256.Sum256(d)
	return [16]byte(sum[:16])
}

// A digest is what is hashed. Every text has its length before it, so that
// "ab","c" differs from "a","bc".
type digest []byte

func (d *digest) number(n uint64) { *d = binary.AppendUvarint(*d, n) }

func (d *digest) texts(ss ...string) {
	for _, s := range ss {
		d.number(uint64(len(s)))
		*d = append(*d, s...)
	}
}

func (d *digest) time(t time.Time) {
	d.number(uint64(t.Unix()))
	d.number(uint64(t.Nanosecond()))
}

func (d *digest) peer(p *Peer) {
	d.number(uint64(len(p.Labels)))
	d.texts(p.Labels...)
	d.texts(p.Namespace, p.Workload.Kind, p.Workload.Namespace, p.Workload.Name, p.IP.String())
}

// Absorb adds what another part of the same conversation holds. Neither order
// nor grouping matters: however flows were split between those who merge them,
// the whole is the same. Nothing that o or a copy of c refers to is changed.
func (c *Conversation) Absorb(o *Conversation) {
	c.Flows, c.Opened = plus(c.Flows, o.Flows), plus(c.Opened, o.Opened)
	c.First, c.Last = earlier(c.First, o.First), later(c.Last, o.Last)
	c.FirstOpen, c.LastOpen = earlier(c.FirstOpen, o.FirstOpen), later(c.LastOpen, o.LastOpen)
	c.Opens = uniteOpens(c.Opens, o.Opens)
	c.Nodes = uniteNodes(c.Nodes, o.Nodes)
	if len(o.Samples) > 0 {
		both := slices.Concat(c.Samples, o.Samples)
		slices.SortStableFunc(both, func(a, b Sample) int { return a.Compare(&b) })
		c.Samples = slices.Clip(both[:min(len(both), MaxSamples)])
	}
	c.Unkept = plus(c.Unkept, o.Unkept)
	c.uniteRequests(o.Requests)
}

// uniteRequests keeps the kinds of request that come first in order.
func (c *Conversation) uniteRequests(more []Request) {
	if len(more) == 0 {
		return
	}
	both := slices.Concat(c.Requests, more)
	slices.SortFunc(both, func(a, b Request) int { return a.Compare(&b) })
	kinds := both[:0]
	for _, r := range both {
		switch n := len(kinds); {
		case n > 0 && kinds[n-1].Compare(&r) == 0:
			kinds[n-1].Flows = plus(kinds[n-1].Flows, r.Flows)
		case n < MaxRequests:
			kinds = append(kinds, r)
		default:
			c.Unkept = plus(c.Unkept, r.Flows)
		}
	}
	c.Requests = slices.Clip(kinds)
}

// Compare orders kinds of request. It does not look at how many there were.
func (r *Request) Compare(o *Request) int {
	return cmp.Or(
		cmp.Compare(r.Kind, o.Kind), cmp.Compare(r.Method, o.Method), cmp.Compare(r.Path, o.Path),
		cmp.Compare(r.Host, o.Host), cmp.Compare(r.Code, o.Code), cmp.Compare(r.Name, o.Name),
	)
}

// uniteOpens keeps the connections with the smallest hashes, each from its
// earliest time on.
func uniteOpens(a, b []Open) []Open {
	if len(b) == 0 {
		return a
	}
	both := slices.Concat(a, b)
	slices.SortFunc(both, func(x, y Open) int { return cmp.Or(cmp.Compare(x.Hash, y.Hash), x.At.Compare(y.At)) })
	both = slices.CompactFunc(both, func(x, y Open) bool { return x.Hash == y.Hash })
	return slices.Clip(both[:min(len(both), MaxOpens)])
}

func uniteNodes(a, b []string) []string {
	if len(b) == 0 || slices.Equal(a, b) {
		return a
	}
	both := slices.Concat(a, b)
	slices.Sort(both)
	both = slices.Compact(both)
	return slices.Clip(both[:min(len(both), MaxNodes)])
}

// earlier is the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// plus adds without wrapping around.
func plus(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}

// Compare is the order in which samples are kept: the earliest first.
func (s *Sample) Compare(o *Sample) int {
	return cmp.Or(
		s.Time.Compare(o.Time), cmp.Compare(s.UUID, o.UUID), cmp.Compare(s.Node, o.Node),
		cmp.Compare(s.From, o.From), cmp.Compare(s.To, o.To), cmp.Compare(s.Address, o.Address),
		cmp.Compare(s.Summary, o.Summary), slices.Compare(s.Names, o.Names),
	)
}

// Compare orders conversations by who talks to whom and about what. Only two
// parts of the same conversation can be equal.
func (c *Conversation) Compare(o *Conversation) int {
	if n := c.From.compare(&o.From); n != 0 {
		return n
	}
	if n := c.To.compare(&o.To); n != 0 {
		return n
	}
	if n := cmp.Or(cmp.Compare(c.Protocol, o.Protocol), cmp.Compare(c.Port, o.Port), cmp.Compare(c.Event, o.Event)); n != 0 {
		return n
	}
	return cmp.Or(
		cmp.Compare(c.Direction, o.Direction), cmp.Compare(c.Verdict, o.Verdict), cmp.Compare(c.Reason, o.Reason),
		cmp.Compare(c.Match, o.Match), c.Interval.Compare(o.Interval), c.First.Compare(o.First),
		slices.CompareFunc(c.Policies, o.Policies, compareNamed), slices.Compare(c.Allowed, o.Allowed),
	)
}

// compare orders ends by labels last: there are many, and they rarely decide.
func (p *Peer) compare(o *Peer) int {
	if n := cmp.Compare(p.Namespace, o.Namespace); n != 0 {
		return n
	}
	if n := p.Workload.Compare(o.Workload); n != 0 {
		return n
	}
	if n := p.IP.Compare(o.IP); n != 0 {
		return n
	}
	return slices.Compare(p.Labels, o.Labels)
}

func compareNamed(a, b NamedPolicy) int {
	return cmp.Or(a.Ref.Compare(b.Ref), cmp.Compare(a.UID, b.UID))
}
