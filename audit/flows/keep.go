package flows

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

const (
	keepTimeout   = time.Minute     // of one batch
	keepPause     = 5 * time.Minute // at most, between tries
	recallTimeout = 30 * time.Second
)

// recall asks the keeper what is stored, and up to when.
func (f *Follower) recall(ctx context.Context) {
	if f.Keeper == nil {
		return
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := f.recallOnce(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		f.ledger().forgot(err)
		if !f.Await {
			f.log().Error("what was kept before is not known", "err", err)
			return
		}
		f.log().Warn("waiting for what was kept before", "again", pause, "err", firstLine(err.Error()))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (f *Follower) recallOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recallTimeout)
	defer cancel()
	upTo, err := f.Keeper.Resume(ctx)
	kept, keptErr := f.Keeper.Kept(ctx, time.Now().Add(-f.window()))
	if err = errors.Join(err, keptErr); err == nil || !f.Await {
		f.ledger().recalled(upTo, kept)
	}
	return err
}

// forgot tells of a keeper that can't be asked.
func (l *ledger) forgot(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = fmt.Sprintf("what was kept before this start is missing: %s", firstLine(err.Error()))
}

func (l *ledger) recalled(upTo map[string]time.Time, kept *audit.Traffic) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = ""
	for name, at := range upTo {
		if countable(at) {
			l.nodes.named(name).before = at.UnixNano()
		}
	}
	l.kept = &earlier{traffic: kept}
}

// keep gives the keeper what grew, every while.
func (f *Follower) keep(ctx context.Context) {
	if f.Keeper == nil {
		return
	}
	every := cmp.Or(f.FlushEvery, 10*time.Second)
	for pause := every; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		within, cancel := context.WithTimeout(ctx, keepTimeout)
		err := errors.Join(f.learn(within), f.flush(within))
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			if pause != every {
				f.log().Info("conversations are kept again")
			}
			pause = every
		default:
			pause = max(every, min(2*pause, keepPause))
			f.log().Error("conversations are not kept, trying again", "after", pause, "err", err)
		}
	}
}

// learn asks for changes that are not known yet.
func (f *Follower) learn(ctx context.Context) error {
	if f.Cuts == nil {
		return nil
	}
	cuts, err := f.Cuts(ctx, time.Now().Add(-f.window()))
	for _, c := range cuts {
		f.Cut(c)
	}
	return err
}

// flush gives the keeper one batch: all that grew since the last that it took.
func (f *Follower) flush(ctx context.Context) error {
	l := f.ledger()
	b, round := l.batch()
	if b == nil {
		return nil
	}
	err := f.Keeper.Keep(ctx, *b)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.stats.Unkept++
		return err
	}
	l.storedTo, l.storedFlows, l.storedAt = round, l.settledFlows(), l.now
	return nil
}

// beats tells whether it is time to say that the node is listened to.
func (l *ledger) beats() bool {
	every := int64(l.follower.Heartbeat)
	return every > 0 && l.up && l.now-l.storedAt >= every
}

// writer is a name that no other process has, nor another start of this one.
func (f *Follower) writer() string {
	name := f.Writer
	if name == "" {
		name, _ = os.Hostname()
	}
	return cmp.Or(name, "segproof") + "-" + rand.Text()[:12]
}

// batch is what grew, nil if nothing did, and the round to which it belongs.
func (l *ledger) batch() (*audit.Batch, uint32) {
	t, b, grew, round := l.grown()
	if b == nil {
		return nil, round
	}
	out := &audit.Batch{Writer: l.writer, Coverage: *t}
	out.Conversations, _ = b.conversations(grew)
	return out, round
}

// grown copies the conversations that grew, by the names under which the keeper
// knows them. An end keeps the name that it was first kept by: what was a mere
// pod then would otherwise be kept twice.
func (l *ledger) grown() (*audit.Traffic, *book, func(*tally) bool, uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	stored, round := l.storedTo, l.book.round
	grew := func(t *tally) bool { return t.changed > stored }
	names := l.ends.resolve()
	wanted := map[groupKey]bool{}
	for k, g := range l.book.groups {
		grown := false
		g.each(func(_ *addresses, t *tally) {
			if grew(t) {
				t.stored, grown = true, true
			}
		})
		if grown {
			l.pin(names, k.from)
			l.pin(names, k.to)
			wanted[l.pins.key(k)] = true
		}
	}
	if len(wanted) == 0 && l.settledFlows() == l.storedFlows && !l.beats() {
		return nil, nil, nil, round
	}
	l.book.round++
	b := l.book.copied(l.pins, func(k groupKey) bool { return wanted[k] })
	return l.coverage(), b, grew, round
}

func (l *ledger) pin(names renaming, e *end) {
	if _, ok := l.pins[e]; ok || !e.isPod() {
		return
	}
	l.pins[e] = cmp.Or(names[e], e)
}

// settledFlows is how much there is to keep. The ledger is locked.
func (l *ledger) settledFlows() (n uint64) {
	for _, node := range l.nodes {
		n += node.kept.flows
	}
	return n + l.lost + uint64(len(l.gaps))
}

// coverage is that of the flows that are in conversations: what is held back
// will be asked for again, should this process end before its time.
func (l *ledger) coverage() *audit.Traffic {
	t := l.intake.traffic()
	t.Flows, t.Since, t.Until = 0, time.Time{}, time.Time{}
	t.Folded = l.book.folded
	t.Nodes, t.SilentNodes = l.nodes.coverage(ever)
	for i := range t.Nodes {
		n := l.nodes[t.Nodes[i].Name]
		c, kept := &t.Nodes[i], n.kept
		c.Flows, c.From, c.To = kept.flows, time.Time{}, time.Time{}
		if l.up && n.standing.state < unavailable {
			c.Watched = moment(l.now)
		}
		t.Flows += kept.flows
		if kept.flows > 0 {
			c.From, c.To = moment(kept.first), moment(kept.last)
			if t.Since.IsZero() || c.From.Before(t.Since) {
				t.Since = c.From
			}
			if c.To.After(t.Until) {
				t.Until = c.To
			}
		}
	}
	t.Asked = moment(l.began).Add(-l.follower.Since)
	t.Gaps = l.gaps.told(l.nodes, t.Nodes)
	return t
}

// earlier is what was kept before this start. It is never changed, only
// replaced, so that who reads it needs no lock.
type earlier struct{ traffic *audit.Traffic }

func (e *earlier) copied() *earlier { return &earlier{e.traffic} }

// expire drops what ended before a time.
func (e *earlier) expire(before time.Time) {
	if e.traffic == nil {
		return
	}
	t := *e.traffic
	t.Conversations = nil
	for _, c := range e.traffic.Conversations {
		if !c.Last.Before(before) {
			t.Conversations = append(t.Conversations, c)
		}
	}
	e.traffic = &t
	if len(t.Conversations) == 0 && t.Until.Before(before) {
		e.traffic = nil
	}
}

// into adds what was kept to what this process saw.
func (e *earlier) into(t *audit.Traffic) {
	k := e.traffic
	if k == nil {
		return
	}
	e.conversations(t)
	t.Flows, t.Lost, t.Folded = plus(t.Flows, k.Flows), plus(t.Lost, k.Lost), plus(t.Folded, k.Folded)
	t.BadRecords += k.BadRecords
	for by, n := range k.LostBy {
		t.LostBy[by] = plus(t.LostBy[by], n)
	}
	t.Since, t.Until = earliest(t.Since, k.Since), latest(t.Until, k.Until)
	t.Asked = earliest(t.Asked, cmp.Or(k.Asked, k.Since))
	e.nodes(t)
	t.Gaps = append(slices.Clone(k.Gaps), t.Gaps...)
	slices.SortStableFunc(t.Gaps, func(a, b audit.Gap) int { return a.From.Compare(b.From) })
	t.Relabelled = append(slices.Clone(k.Relabelled), t.Relabelled...)
	slices.SortFunc(t.Relabelled, compareRelabelled)
	t.Clusters = slices.Compact(slices.Sorted(slices.Values(slices.Concat(k.Clusters, t.Clusters))))
	t.Problems = append(t.Problems, k.Problems...)
}

func (e *earlier) conversations(t *audit.Traffic) {
	by := make(map[[16]byte]int, len(t.Conversations))
	for i := range t.Conversations {
		by[t.Conversations[i].Identity()] = i
	}
	for i := range e.traffic.Conversations {
		c := &e.traffic.Conversations[i]
		if mine, ok := by[c.Identity()]; ok {
			t.Conversations[mine].Absorb(c)
			continue
		}
		t.Conversations = append(t.Conversations, *c)
	}
	t.Conversations = sorted(t.Conversations)
}

func (e *earlier) nodes(t *audit.Traffic) {
	by := map[string]int{}
	for i, n := range t.Nodes {
		by[n.Name] = i
	}
	for _, n := range e.traffic.Nodes {
		i, ok := by[n.Name]
		if !ok {
			n.Note, n.Watched = "", time.Time{} // what was said of it then
			t.Nodes = append(t.Nodes, n)
			continue
		}
		m := &t.Nodes[i]
		m.Flows, m.Lost = plus(m.Flows, n.Flows), plus(m.Lost, n.Lost)
		m.From, m.To = earliest(m.From, n.From), latest(m.To, n.To)
	}
	slices.SortFunc(t.Nodes, func(a, b audit.NodeCoverage) int { return cmp.Compare(a.Name, b.Name) })
}

// earliest is the earlier of two times, of which zero is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
