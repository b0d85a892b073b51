package explain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// Observed is what flows say of one end of a connection: of what it let pass
// and what it dropped. Several kinds of event tell of the same connection, so
// the counts are lower bounds.
type Observed struct {
	Forwarded uint64    `json:"forwarded"` // connections
	Dropped   uint64    `json:"dropped"`
	Audited   uint64    `json:"audited,omitempty"` // passed only because of audit mode
	Refused   uint64    `json:"refused,omitempty"` // requests that a proxy refused
	Reasons   []string  `json:"reasons,omitempty"` // of drops
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`

	verdicts, traces, left, denials, drops uint64
}

// A Window is the time that flows cover, and how much was seen of it.
type Window struct {
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	Flows uint64    `json:"flows"`
	Lost  uint64    `json:"lost"`
}

// windowOf is that of traffic; nil if there is none.
func windowOf(t *audit.Traffic) *Window {
	if t == nil {
		return nil
	}
	return &Window{t.Since, t.Until, t.Flows, t.Lost}
}

// String says it in a sentence, and what it does not prove.
func (w *Window) String() string {
	if w.Flows == 0 {
		return "No flow was seen, so nothing can be said of what talks."
	}
	s := fmt.Sprintf("Flows were seen from %s to %s UTC: %d", w.Since.UTC().Format(time.DateTime), w.Until.UTC().Format(time.DateTime), w.Flows)
	if w.Lost > 0 {
		s += fmt.Sprintf(", and %d lost", w.Lost)
	}
	return s + ". What did not talk then is not among them."
}

// add counts a conversation, if it says something of the end.
func (o *Observed) add(c *audit.Conversation, end audit.Direction) {
	n := c.Opened
	switch {
	case c.Event == audit.Delivered:
		o.traces += n
	case c.Event == audit.Left && end == audit.Egress:
		o.left += n
	case c.Direction != end:
		return
	case c.Event == audit.PolicyVerdict && c.Verdict == audit.Dropped:
		o.denials += n
	case c.Event == audit.PolicyVerdict && c.Verdict == audit.Audited:
		o.Audited += n
	case c.Event == audit.PolicyVerdict:
		o.verdicts += n
	case c.Event == audit.Drop:
		o.drops += n
	case c.Event == audit.L7 && c.Verdict == audit.Dropped:
		n = c.Flows
		o.Refused += n
	default:
		return
	}
	if n == 0 {
		return
	}
	o.Forwarded = max(o.verdicts, o.traces, o.left)
	o.Dropped = max(o.denials, o.drops)
	if c.Verdict == audit.Dropped && c.Reason != "" && !slices.Contains(o.Reasons, c.Reason) {
		o.Reasons = append(o.Reasons, c.Reason)
		slices.Sort(o.Reasons)
	}
	o.window(&Observed{First: c.First, Last: c.Last})
}

// window widens the time by that of another.
func (o *Observed) window(by *Observed) {
	if o.First.IsZero() || !by.First.IsZero() && by.First.Before(o.First) {
		o.First = by.First
	}
	if by.Last.After(o.Last) {
		o.Last = by.Last
	}
}

// observe collects what was seen of a connection at one end.
func (x *Explainer) observe(c *connection, end audit.Direction, t *audit.Traffic) *Observed {
	if t == nil {
		return nil
	}
	o := &Observed{}
	for i := range t.Conversations {
		v := &t.Conversations[i]
		if v.Protocol == c.protocol && c.hasPort(v.Port) && x.isEnd(&c.from, &v.From) && x.isEnd(&c.to, &v.To) {
			o.add(v, end)
		}
	}
	return o
}

func (c *connection) hasPort(port uint16) bool {
	return slices.ContainsFunc(c.to.are, func(p party) bool { return p.port == port || p.port == 0 && c.port == port })
}

// isEnd tells whether an end of a conversation is one that a query asks about.
func (x *Explainer) isEnd(e *end, seen *audit.Peer) bool {
	return slices.ContainsFunc(e.are, func(p party) bool {
		switch {
		case p.isNode:
			at := x.places[seen.IP].node
			return (seen.Labels.Reserved("host") || seen.Labels.Reserved("remote-node")) &&
				(at == nil || p.node == "" || at.Name == p.node)
		case p.peer.IsPod():
			return seen.IsPod() && (seen.Workload == p.peer.Workload || slices.Equal(seen.Labels.Bare(), p.peer.Labels.Bare()))
		case p.peer.IP.IsValid():
			return !seen.IsPod() && seen.IP == p.peer.IP
		}
		return !seen.IsPod() && seen.Ref() == p.peer.Ref()
	})
}

// A Port is one that was seen in use.
type Port struct {
	Protocol audit.Protocol
	Port     int
}

// maxPorts bounds what is explained if no port is asked for.
const maxPorts = 10

// Ports lists the ports of the conversations that were seen from one end to
// another, in order. It finds nothing for the address of a Service.
func (x *Explainer) Ports(from, to End, t *audit.Traffic) ([]Port, error) {
	for _, e := range []End{from, to} {
		if err := e.check(); err != nil {
			return nil, err
		}
	}
	f, err := x.end(&from, nil)
	if err != nil || t == nil {
		return nil, err
	}
	d, err := x.end(&to, nil)
	if err != nil {
		return nil, err
	}
	seen := map[Port]bool{}
	var out []Port
	for i := range t.Conversations {
		c := &t.Conversations[i]
		p := Port{c.Protocol, int(c.Port)}
		if c.Opened > 0 && c.Event != audit.Seen && protocol(string(c.Protocol)) != "" && !seen[p] && x.isEnd(&f, &c.From) && x.isEnd(&d, &c.To) {
			seen[p] = true
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Port) int { return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port)) })
	return out[:min(maxPorts, len(out))], nil
}
