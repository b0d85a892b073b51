package suggest

import (
	"errors"

	"github.com/segproof/segproof/audit"
)

var (
	errNoFlows  = errors.New("no flows were given, so that nobody knows what the rule is needed for")
	errWindow   = errors.New("flows cover less than thirty days, and what a rule is needed for may show but once a month")
	errNotSeen  = errors.New("part of the traffic was not seen, so that nobody knows all that the rule is needed for")
	errReplaced = errors.New("the policy was changed while flows were observed, so that what it is needed for now was not seen for thirty days")
)

// enough says why what was observed can't stand for all that a policy is needed
// for; nil if it can.
func (w *work) enough(o *audit.Object) error {
	c := w.seen
	if w.traffic == nil || c == nil {
		return errNoFlows
	}
	switch long, whole := c.Conclusive(); {
	case !long:
		return errWindow
	case !whole:
		return errNotSeen
	case o.Created.After(c.From) || o.Changed.After(c.From):
		return errReplaced
	}
	return nil
}

// carried are the questions whose answer let something pass, whether the
// connection was seen to be opened or is older; of one namespace, or of all if
// it is "".
func (w *work) carried(namespace string, d audit.Direction) []question {
	if w.passed == nil {
		w.passed = w.carriedAnywhere()
	}
	var out []question
	for _, q := range w.passed {
		if q.Direction == d && (namespace == "" || q.Subject.Namespace == namespace) {
			out = append(out, q)
		}
	}
	return out
}

func (w *work) carriedAnywhere() []question {
	out := []question{}
	at := map[questionKey]int{}
	for i := range w.traffic.Conversations {
		c := &w.traffic.Conversations[i]
		if c.Verdict == audit.Dropped || c.Event == audit.L7 || c.IsNoise() {
			continue
		}
		for _, d := range []audit.Direction{audit.Egress, audit.Ingress} {
			q := question{Query: queryOf(c, d), carried: true}
			if !q.Subject.IsPod() || w.elsewhere(q.Subject) {
				continue
			}
			k := w.key(&q)
			n, ok := at[k]
			if !ok {
				n, at[k] = len(out), len(out)
				out = append(out, q)
			}
			out[n].name(c)
		}
	}
	return out
}
