package flows

import (
	"github.com/segproof/segproof/audit"
)

// A merger merges records into conversations at once. The order of records does
// not matter, nor how they are split between mergers that absorb each other.
type merger struct {
	*register
	book *book
	cuts *cuts
}

func newMerger(o Options, h audit.Hints) *merger {
	return &merger{newRegister(o, h.Owner), newBook(o), newCuts(h.Cuts)}
}

// take counts a flow.
func (m *merger) take(k *mark) {
	m.book.add(k.key(m.cuts.interval(k.at, k.from.end.namespace, k.to.end.namespace)), k)
}

// fold counts a flow that there is no room for.
func (m *merger) fold(*record) { m.book.folded++ }

// conversations writes everything down, in order. The merger can't be used
// afterwards.
func (m *merger) conversations() (out []audit.Conversation, folded uint64) {
	b := m.book.copied(m.ends.resolve(), nil)
	m.book = nil
	return b.conversations(nil)
}
