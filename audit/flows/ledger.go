package flows

import (
	"cmp"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segproof/segproof/audit"
)

// A ledger is all that a follower knows. Its methods lock it, but for those
// which say otherwise.
type ledger struct {
	follower *Follower
	blocked  atomic.Int64 // nanoseconds that the stream waited for us

	mu sync.Mutex
	*intake
	book  *book
	cuts  *cuts
	held  *held
	news  *news
	kept  *earlier
	pins  renaming // what ends are called in what was kept
	past  milestones
	stats Stats

	now         int64 // when the last frames came
	began       int64
	aged        int64  // when the memory of flows last aged
	agedFlows   uint64 // how many there were then
	swept       int64
	up          bool
	ever        bool // it was up once
	broken      error
	downSince   time.Time
	writer      string
	storedTo    uint32 // the last round that the keeper has
	storedFlows uint64 // how much there was to keep then
	storedAt    int64  // when that was
	refused     string // why what was kept is not known
	unnamed     string // nodes that are unavailable, but not named
}

func newLedger(f *Follower) *ledger {
	l := &ledger{
		follower: f, book: newBook(f.Options), cuts: newCuts(nil), held: newHeld(), kept: &earlier{}, pins: renaming{},
	}
	l.intake = newIntake(newRegister(f.Options, nil), l, remember(f.filled().Remembered))
	l.book.round, l.writer = 1, f.writer()
	l.ends.heard = map[podName]audit.Ref{}
	if f.OnNew != nil {
		l.news = &news{fresh: map[groupKey]int64{}}
	}
	return l
}

func (l *ledger) start(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began, l.now, l.aged, l.swept = now.UnixNano(), now.UnixNano(), now.UnixNano(), now.UnixNano()
	l.past.add(l, l.began)
}

// mergeAtOnce is how many frames are merged before somebody else may look.
const mergeAtOnce = 256

// merge merges all frames of a queue until that is closed.
func (l *ledger) merge(q *queue) {
	for f := range q.frames {
		l.mu.Lock()
		l.now = time.Now().UnixNano()
		l.frame(f, q)
	more:
		for range mergeAtOnce {
			select {
			case f, ok := <-q.frames:
				if !ok {
					break more
				}
				l.frame(f, q)
			default:
				break more
			}
		}
		l.mu.Unlock()
	}
}

// frame takes one message. The ledger is locked.
func (l *ledger) frame(f frame, q *queue) {
	if err := l.takeBytes(f.ReadOnlyData()); err != nil {
		l.refuse(placed{0, audit.Problem{File: "hubble " + l.follower.Address, Err: err.Error()}})
	}
	q.done(f)
}

// take holds a flow back, if it is recent. The ledger is locked.
func (l *ledger) take(m *mark) {
	interval := l.interval(m)
	if l.news != nil {
		l.news.see(l, m, interval)
	}
	if l.held.isDue(m.at, l.now-l.back()) {
		l.settle(m, interval)
		return
	}
	l.held.put(m, l.now)
	if l.held.count > maxHeld {
		l.stats.Early += uint64(l.settleSlot(l.held.oldest()))
	}
}

// back is how long flows are held back.
func (l *ledger) back() int64 { return int64(cmp.Or(l.follower.HoldBack, 20*time.Second)) }

// fold counts a flow for which there is no room. The ledger is locked.
func (l *ledger) fold(*record) { l.book.folded++ }

func (l *ledger) interval(m *mark) int64 {
	at := l.cuts.interval(m.at, m.from.end.namespace, m.to.end.namespace)
	if grid := int64(l.follower.Grid); grid > 0 {
		at = max(at, m.at-m.at%grid)
	}
	return at
}

// settle counts a flow in its conversation, for good.
func (l *ledger) settle(m *mark, interval int64) {
	l.book.add(m.key(interval), m)
	if n := l.nodes[m.node]; n != nil {
		n.kept.add(m.at)
	}
}

func (l *ledger) settleSlot(slot int64) int {
	marks := l.held.slots[slot]
	for i := range marks {
		l.settle(&marks[i], l.interval(&marks[i]))
	}
	l.held.drop(slot)
	return len(marks)
}

// pass does what time demands, and returns what is new.
func (l *ledger) pass(now time.Time) []audit.Conversation {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = now.UnixNano()
	for _, slot := range l.held.due(l.now - l.back()) {
		l.settleSlot(slot)
	}
	if l.now-l.aged > int64(time.Minute) && l.flows > l.agedFlows {
		// Only what comes pushes out what came: after a long outage the flows
		// before it come again.
		l.seen.age()
		l.aged, l.agedFlows = l.now, l.flows
	}
	if l.now-l.swept > int64(time.Minute) {
		l.sweep()
	}
	if l.news == nil {
		return nil
	}
	return l.news.take(l)
}

// sweep drops what the window has left behind. The ledger is locked.
func (l *ledger) sweep() {
	l.swept = l.now
	before := l.now - int64(l.follower.window())
	n, lost := l.book.expire(before, func(t *tally) bool { return l.follower.Keeper != nil && t.changed > l.storedTo })
	l.stats.Expired += uint64(n)
	l.book.folded += lost
	l.gaps.forget(moment(before))
	l.cuts.forget(moment(before))
	l.kept.expire(moment(before))
	l.past.add(l, l.now)
	l.past.forget(before)
	if l.news != nil {
		l.news.forget(l.now - 2*l.back())
	}
	if l.register.sweep(min(before, l.held.from()), l.pins, l.book, l.held) {
		l.reader.forget()
	}
}

// end settles everything.
func (l *ledger) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = false
	for _, slot := range l.held.due(never) {
		l.settleSlot(slot)
	}
}

// freeze copies what Traffic tells of; what is copied changes no more. The book
// is nil if nothing was heard at all.
func (l *ledger) freeze(h audit.Hints, now time.Time) (*audit.Traffic, *book, *earlier) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ever && l.flows == 0 && l.kept.traffic == nil {
		return nil, nil, nil
	}
	for _, c := range h.Cuts {
		l.cuts.add(c)
	}
	l.ends.learn(h.Owner)
	names := l.ends.resolve()
	b := l.book.copied(names, nil)
	b.folded = 0 // of all time; those of the window are in the traffic
	for _, marks := range l.held.slots {
		for i := range marks {
			m := &marks[i]
			b.add(names.key(m.key(l.interval(m))), m)
		}
	}
	t := l.intake.traffic()
	l.window(t, now)
	return t, b, l.kept.copied()
}

// window makes counts those of the window, and adds what there is to say of
// nodes and of the stream. The ledger is locked.
func (l *ledger) window(t *audit.Traffic, now time.Time) {
	from := now.Add(-l.follower.window())
	base := l.past.at(from.UnixNano())
	t.Flows -= base.flows
	t.Lost -= base.lost
	t.BadRecords -= base.bad
	t.Folded = l.book.folded - base.folded
	maps.DeleteFunc(t.LostBy, func(by string, n uint64) bool { return n == base.lostBy[by] })
	for by := range t.LostBy {
		t.LostBy[by] -= base.lostBy[by]
	}
	t.Asked = moment(l.began).Add(-l.follower.Since)
	if t.Asked.Before(from) {
		t.Asked = from.UTC()
	}
	if !t.Since.IsZero() && t.Since.Before(from) {
		t.Since = from.UTC()
	}
	t.Nodes, t.SilentNodes = l.nodes.coverage(now.Add(-l.follower.silentAfter()).UnixNano())
	for i := range t.Nodes {
		n := &t.Nodes[i]
		n.Flows -= base.nodes[n.Name].flows
		n.Lost -= base.nodes[n.Name].lost
		if !n.From.IsZero() && n.From.Before(from) {
			n.From = from.UTC()
		}
	}
	t.Gaps = l.gaps.told(l.nodes, t.Nodes)
	down := ""
	if !l.up && l.broken != nil {
		down = "no flows since " + l.downSince.UTC().Format(time.RFC3339) + ": " + firstLine(l.broken.Error())
	}
	for _, text := range []string{l.refused, l.unnamed, down} {
		if text != "" {
			t.Problems = append(t.Problems, audit.Problem{File: "hubble " + l.follower.Address, Err: text})
		}
	}
}
