package flows

import (
	"maps"

	"github.com/segproof/segproof/audit"
)

// news are conversations that were not there before.
type news struct {
	fresh map[groupKey]int64 // told of, perhaps not settled yet; when
	first []newcomer
}

type newcomer struct {
	mark
	interval int64
}

// maxNews is how many are told of in one second.
const maxNews = 10_000

func (n *news) see(l *ledger, m *mark, interval int64) {
	k := m.key(interval)
	if _, known := n.fresh[k]; known || l.book.groups[k] != nil {
		return
	}
	if len(n.first) >= maxNews || len(n.fresh) >= maxHeld {
		l.stats.Unannounced++
		return
	}
	n.fresh[k] = l.now
	n.first = append(n.first, newcomer{*m, interval})
}

// take writes down what is new.
func (n *news) take(l *ledger) []audit.Conversation {
	if len(n.first) == 0 {
		return nil
	}
	names := l.ends.resolve()
	out := make([]audit.Conversation, 0, len(n.first))
	for i := range n.first {
		c := &n.first[i]
		t := newTally()
		t.count(&c.mark)
		k := names.key(c.key(c.interval))
		var a *addresses
		if c.fromLabels != nil {
			at := c.addresses()
			a = &at
		}
		out = append(out, k.conversation(a, t))
	}
	clear(n.first)
	n.first = n.first[:0]
	return out
}

func (n *news) forget(before int64) {
	maps.DeleteFunc(n.fresh, func(_ groupKey, at int64) bool { return at < before })
}
