package suggest

import (
	"fmt"

	"github.com/segproof/segproof/audit"
)

// A question is one that was observed: somebody tried to talk, and this end
// decides.
type question struct {
	audit.Query
	carried bool // it passed this end
	refused bool // a policy dropped it here
}

func (q *question) subject() audit.Ref { return q.Subject.Ref() }
func (q *question) peer() audit.Ref    { return q.Peer.Ref() }

// observed are the questions that ends of a namespace were seen to decide, each
// once, in the order of the flows.
func (w *work) observed(namespace string) []question {
	if w.asked == nil {
		w.asked = map[string][]question{}
		if w.traffic != nil {
			w.ask()
		}
	}
	return w.asked[namespace]
}

func (w *work) ask() {
	type place struct {
		namespace string
		i         int
	}
	seen := map[string]place{}
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
			k := fmt.Sprint(end, q.Protocol, q.Port, "\x00", q.Subject.Labels.Key(), "\x01", q.Peer.Labels.Key(), "\x01", q.Peer.IP, q.Peer.Workload, q.Subject.Workload)
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
