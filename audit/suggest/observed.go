package suggest

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/segproof/segproof/audit"
)

// A question is one that was observed: somebody tried to talk, and this end
// decides.
type question struct {
	audit.Query
	carried bool     // it passed this end
	refused bool     // a policy dropped it here
	names   []string // by which the other end, outside, was known
}

func (q *question) subject() audit.Ref { return q.Subject.Ref() }
func (q *question) peer() audit.Ref    { return q.Peer.Ref() }

// A questionKey tells questions apart, whatever became of them.
type questionKey struct {
	direction     audit.Direction
	protocol      audit.Protocol
	port          uint16
	labels, peers int // numbers of the label sets
	ip            netip.Addr
	owner, other  int // numbers of the workloads
}

func (w *work) key(q *question) questionKey {
	return questionKey{
		q.Direction, q.Protocol, q.Port, w.sets.Number(q.Subject.Labels), w.sets.Number(q.Peer.Labels),
		q.Peer.IP, w.number(q.Subject.Workload), w.number(q.Peer.Workload),
	}
}

// number is that of a workload, whose name is long.
func (w *work) number(ref audit.Ref) int {
	n, ok := w.refs[ref]
	if !ok {
		n = len(w.refs)
		w.refs[ref] = n
	}
	return n
}

// mostNames bounds the names that are kept of one address.
const mostNames = 3

// name notes by which names the other end was known.
func (q *question) name(c *audit.Conversation) {
	if !q.Peer.IsWorld() {
		return
	}
	for i := range c.Samples {
		for _, n := range c.Samples[i].Names {
			if len(q.names) < mostNames && !slices.Contains(q.names, n) {
				q.names = append(q.names, n)
			}
		}
	}
}

// observed are the questions that ends of a namespace were seen to decide, each
// once, in the order of the flows; those of all namespaces if it is "".
func (w *work) observed(namespace string) []question {
	if w.asked == nil {
		w.asked = map[string][]question{}
		if w.traffic != nil {
			w.ask()
		}
	}
	if namespace != "" {
		return w.asked[namespace]
	}
	var out []question
	for _, ns := range slices.Sorted(maps.Keys(w.asked)) {
		out = append(out, w.asked[ns]...)
	}
	return out
}

func (w *work) ask() {
	type place struct {
		namespace string
		i         int
	}
	seen := make(map[questionKey]place, len(w.traffic.Conversations))
	for i := range w.traffic.Conversations {
		c := &w.traffic.Conversations[i]
		if c.Opened == 0 || c.IsNoise() || nobody(&c.From) || nobody(&c.To) {
			continue
		}
		for _, end := range c.Proves() {
			q := question{Query: queryOf(c, end)}
			q.refused = c.Verdict == audit.Dropped && (c.Reason == audit.ReasonDefault || c.Reason == audit.ReasonRule)
			q.carried = c.Verdict != audit.Dropped
			if !q.Subject.IsPod() || w.elsewhere(q.Subject) || !q.refused && !q.carried {
				continue
			}
			ns := q.Subject.Namespace
			k := w.key(&q)
			if p, ok := seen[k]; ok {
				was := &w.asked[p.namespace][p.i]
				was.carried, was.refused = was.carried || q.carried, was.refused || q.refused
				continue
			}
			seen[k] = place{ns, len(w.asked[ns])}
			w.asked[ns] = append(w.asked[ns], q)
		}
	}
}

// queryOf asks one end of a conversation.
func queryOf(c *audit.Conversation, end audit.Direction) audit.Query {
	q := audit.Query{Direction: end, Subject: &c.From, Peer: &c.To, Protocol: c.Protocol, Port: c.Port}
	if end == audit.Ingress {
		q.Subject, q.Peer = q.Peer, q.Subject
	}
	return q
}

// nobody tells an end that flows did not know.
func nobody(p *audit.Peer) bool { return len(p.Labels) == 0 || p.Labels.Reserved("unknown") }

// elsewhere tells a pod of another cluster, whose policies are not ours to change.
func (w *work) elsewhere(p *audit.Peer) bool {
	cluster, ok := p.Labels.Get(audit.LabelCluster)
	return ok && w.local != "" && cluster != w.local
}

// otherSide is the same connection as the other end decides it.
func otherSide(q audit.Query) audit.Query {
	q.Subject, q.Peer = q.Peer, q.Subject
	if q.Direction == audit.Egress {
		q.Direction = audit.Ingress
	} else {
		q.Direction = audit.Egress
	}
	return q
}
