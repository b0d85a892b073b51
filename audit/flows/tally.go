package flows

import (
	"math"
	"slices"
	"sort"
	"time"

	"github.com/segproof/segproof/audit"
)

// A tally is what is counted of one conversation. Adding is commutative. A copy
// is a tally of its own: what it points at is never changed.
type tally struct {
	flows, opened       uint64
	first, last         int64
	firstOpen, lastOpen int64
	opens               [audit.MaxOpens]open // ordered by hash
	samples             [audit.MaxSamples]sample
	nodes               []string        // ordered
	requests            []audit.Request // ordered; a copy of the tally needs one of its own
	unkept              uint64          // flows of kinds of request beyond those
	opensKept           uint8
	samplesKept         uint8
	stored              bool   // the keeper has been given it
	changed             uint32 // the round of keeping in which it last grew
}

// open is one connection, as [audit.Open].
type open struct {
	hash uint64
	at   int64
}

// Times outside of all others.
const (
	never int64 = math.MaxInt64
	ever  int64 = math.MinInt64
)

func newTally() *tally {
	return &tally{first: never, last: ever, firstOpen: never, lastOpen: ever}
}

func (t *tally) count(m *mark) {
	t.flows++
	t.first, t.last = min(t.first, m.at), max(t.last, m.at)
	t.reported(m.node)
	if m.opens {
		t.opened++
		t.firstOpen, t.lastOpen = min(t.firstOpen, m.at), max(t.lastOpen, m.at)
		t.open(open{m.connection, m.at})
	}
	t.sample(&m.sample)
	if m.request != nil {
		t.ask(m.request)
	}
}

func (t *tally) add(o *tally) {
	t.flows += o.flows
	t.opened += o.opened
	t.first, t.last = min(t.first, o.first), max(t.last, o.last)
	t.firstOpen, t.lastOpen = min(t.firstOpen, o.firstOpen), max(t.lastOpen, o.lastOpen)
	t.changed = max(t.changed, o.changed)
	t.stored = t.stored || o.stored
	for _, n := range o.nodes {
		t.reported(n)
	}
	for _, c := range o.opens[:o.opensKept] {
		t.open(c)
	}
	for i := range o.samples[:o.samplesKept] {
		t.sample(&o.samples[i])
	}
	t.unkept += o.unkept
	for i := range o.requests {
		t.ask(&o.requests[i])
	}
}

// open keeps the connections with the smallest hashes, each from its earliest
// time on.
func (t *tally) open(c open) {
	n := int(t.opensKept)
	if n == len(t.opens) && c.hash > t.opens[n-1].hash {
		return
	}
	i := sort.Search(n, func(i int) bool { return t.opens[i].hash >= c.hash })
	if i < n && t.opens[i].hash == c.hash {
		t.opens[i].at = min(t.opens[i].at, c.at)
		return
	}
	copy(t.opens[i+1:], t.opens[i:min(n, len(t.opens)-1)])
	t.opens[i] = c
	t.opensKept = uint8(min(n+1, len(t.opens)))
}

// reported notes a node. The list is replaced rather than changed, for copies
// of the tally share it.
func (t *tally) reported(node string) {
	if node == "" || len(t.nodes) > 0 && t.nodes[len(t.nodes)-1] == node {
		return
	}
	i, found := slices.BinarySearch(t.nodes, node)
	if found || i >= audit.MaxNodes {
		return
	}
	nodes := make([]string, 0, len(t.nodes)+1)
	nodes = append(append(append(nodes, t.nodes[:i]...), node), t.nodes[i:]...)
	t.nodes = nodes[:min(len(nodes), audit.MaxNodes)]
}

// sample keeps the earliest.
func (t *tally) sample(s *sample) {
	i := int(t.samplesKept)
	for i > 0 && compareSamples(s, &t.samples[i-1]) < 0 {
		i--
	}
	if i >= len(t.samples) {
		return
	}
	copy(t.samples[i+1:], t.samples[i:])
	t.samples[i] = *s
	t.samplesKept = uint8(min(int(t.samplesKept)+1, len(t.samples)))
}

// conversation writes the tally down.
func (t *tally) conversation(c *audit.Conversation) {
	c.Flows, c.Opened = t.flows, t.opened
	c.First, c.Last = moment(t.first), moment(t.last)
	if t.opened > 0 {
		c.FirstOpen, c.LastOpen = moment(t.firstOpen), moment(t.lastOpen)
	}
	c.Nodes = t.nodes
	c.Requests, c.Unkept = slices.Clone(t.requests), t.unkept
	if t.opensKept > 0 {
		c.Opens = make([]audit.Open, t.opensKept)
	}
	for i, o := range t.opens[:t.opensKept] {
		c.Opens[i] = audit.Open{Hash: o.hash, At: moment(o.at)}
	}
	c.Samples = make([]audit.Sample, t.samplesKept)
	for i := range t.samples[:t.samplesKept] {
		c.Samples[i] = t.samples[i].tell(c.Protocol, c.Port)
	}
}

// countable tells whether a time can be told in nanoseconds.
func countable(t time.Time) bool { return t.Year() > 1678 && t.Year() < 2262 }

func moment(nanoseconds int64) time.Time { return time.Unix(0, nanoseconds).UTC() }
