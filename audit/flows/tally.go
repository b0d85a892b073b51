package flows

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// A tally is what is counted of one conversation. Adding is commutative.
type tally struct {
	flows, opened       uint64
	first, last         int64
	firstOpen, lastOpen int64
	opens               []audit.Open // ordered by hash
	nodes               []string     // ordered
	samples             []audit.Sample
}

// Times outside of all others.
const (
	never int64 = math.MaxInt64
	ever  int64 = math.MinInt64
)

func newTally() *tally {
	return &tally{first: never, last: ever, firstOpen: never, lastOpen: ever}
}

func (t *tally) count(r *record, opens bool, titles [2]string) {
	t.flows++
	t.first, t.last = min(t.first, r.at), max(t.last, r.at)
	t.reported(r.node)
	if opens {
		t.opened++
		t.firstOpen, t.lastOpen = min(t.firstOpen, r.at), max(t.lastOpen, r.at)
		t.open(audit.Open{Hash: r.connection(), At: moment(r.at)})
	}
	if n := len(t.samples); n < audit.MaxSamples || !r.after(&t.samples[n-1]) {
		t.sample(r.sample(titles))
	}
}

func (t *tally) add(o *tally) {
	t.flows += o.flows
	t.opened += o.opened
	t.first, t.last = min(t.first, o.first), max(t.last, o.last)
	t.firstOpen, t.lastOpen = min(t.firstOpen, o.firstOpen), max(t.lastOpen, o.lastOpen)
	for _, n := range o.nodes {
		t.reported(n)
	}
	for _, c := range o.opens {
		t.open(c)
	}
	for _, s := range o.samples {
		t.sample(s)
	}
}

// open keeps the connections with the smallest hashes, each from its earliest
// time on.
func (t *tally) open(c audit.Open) {
	i, found := slices.BinarySearchFunc(t.opens, c.Hash, func(o audit.Open, h uint64) int { return cmp.Compare(o.Hash, h) })
	switch {
	case found:
		if c.At.Before(t.opens[i].At) {
			t.opens[i].At = c.At
		}
	case i < audit.MaxOpens:
		t.opens = slices.Insert(t.opens, i, c)
		t.opens = t.opens[:min(len(t.opens), audit.MaxOpens)]
	}
}

func (t *tally) reported(node string) {
	if node == "" {
		return
	}
	if i, found := slices.BinarySearch(t.nodes, node); !found && i < maxReporters {
		t.nodes = slices.Insert(t.nodes, i, node)
		t.nodes = t.nodes[:min(len(t.nodes), maxReporters)]
	}
}

func (t *tally) sample(s audit.Sample) {
	i, _ := slices.BinarySearchFunc(t.samples, s, compareSamples)
	if i < audit.MaxSamples {
		t.samples = slices.Insert(t.samples, i, s)
		t.samples = t.samples[:min(len(t.samples), audit.MaxSamples)]
	}
}

// after tells, without building a sample, that the record comes after s.
func (r *record) after(s *audit.Sample) bool {
	at := s.Time.UnixNano()
	return r.at > at || r.at == at && r.uuid > s.UUID
}

// sample is the record as evidence. Titles name its ends; an end without one is
// told by its address.
func (r *record) sample(titles [2]string) audit.Sample {
	s := audit.Sample{
		Time: moment(r.at), UUID: r.uuid, Node: r.node,
		From: titles[0], To: titles[1],
		Summary: short(r.summary),
	}
	if s.From == "" && r.source.ip.IsValid() {
		s.From = r.source.ip.String()
	}
	if s.To == "" && r.destination.ip.IsValid() {
		s.To = r.destination.ip.String()
	}
	if ip := r.destination.ip; ip.IsValid() {
		s.Address = ip.String()
		if r.port != 0 && !r.isICMP() {
			s.Address = netip.AddrPortFrom(ip, r.port).String()
		}
	}
	names := r.destination.names
	if r.destination.isPod() {
		names = nil
		if !r.source.isPod() {
			names = r.source.names
		}
	}
	for _, n := range names[:min(len(names), maxNames)] {
		s.Names = append(s.Names, short(n))
	}
	return s
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

// conversation writes the tally down.
func (t *tally) conversation(c *audit.Conversation) {
	c.Flows, c.Opened = t.flows, t.opened
	c.First, c.Last = moment(t.first), moment(t.last)
	if t.opened > 0 {
		c.FirstOpen, c.LastOpen = moment(t.firstOpen), moment(t.lastOpen)
	}
	c.Opens, c.Nodes, c.Samples = t.opens, t.nodes, t.samples
}

// countable tells whether a time can be told in nanoseconds.
func countable(t time.Time) bool { return t.Year() > 1678 && t.Year() < 2262 }

func moment(nanoseconds int64) time.Time { return time.Unix(0, nanoseconds).UTC() }
