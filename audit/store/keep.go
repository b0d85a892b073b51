package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// Keep stores a batch as one. After an error the batch may have been stored or
// not: keep it and store it again, which is right in either case.
//
// A writer that has forgotten a conversation and meets it again on a day on
// which it stored it already would replace the former part. It must remember
// each conversation until the day after its last flow, or take another name.
func (s *Store) Keep(ctx context.Context, b audit.Batch) error {
	w, err := newWork(b, filing{dayOf(time.Now())})
	if err != nil {
		return fmt.Errorf("keep a batch: %w", err)
	}
	s.missingLabels(w.labels)
	if err := s.calendar.prepare(ctx, w.days()); err != nil {
		return fmt.Errorf("keep a batch: %w", err)
	}
	if err := s.db.write(ctx, func(tx session) error { return w.save(ctx, tx) }); err != nil {
		return fmt.Errorf("keep a batch: %w", err)
	}
	s.storedLabels(w.labels)
	return nil
}

// work is a batch, ready to be stored.
type work struct {
	writer   int64
	day      int64 // of the coverage
	coverage []byte
	labels   *labelBook
	rows     []row
}

// A row of the table of conversations. It may have been under any day since
// first before.
type row struct {
	first, day int64
	identity   [16]byte
	last       int64
	body       []byte
}

func newWork(b audit.Batch, f filing) (*work, error) {
	w := &work{writer: writerOf(b.Writer), labels: newLabelBook()}
	var err error
	if w.coverage, err = encodeCoverage(b); err != nil {
		return nil, err
	}
	w.day = f.day(b.Coverage.Until)
	e := newEncoder(w.labels.hash)
	ids, whole := united(b.Conversations)
	w.rows = make([]row, 0, len(whole))
	for i := range whole {
		c := &whole[i]
		r := row{identity: ids[i], last: nanoseconds(c.Last), body: e.body(c)}
		r.first, r.day = f.days(c)
		w.labels.refer(c.From.Labels, r.day)
		w.labels.refer(c.To.Labels, r.day)
		w.rows = append(w.rows, r)
		w.day = max(w.day, r.day)
	}
	slices.SortFunc(w.rows, func(a, b row) int { return slices.Compare(a.identity[:], b.identity[:]) })
	return w, nil
}

// united makes one of parts of the same conversation, should a batch hold such.
func united(cs []audit.Conversation) (ids [][16]byte, whole []audit.Conversation) {
	at := make(map[[16]byte]int, len(cs))
	ids, whole = make([][16]byte, 0, len(cs)), make([]audit.Conversation, 0, len(cs))
	for i := range cs {
		id := cs[i].Identity()
		if n, ok := at[id]; ok {
			whole[n].Absorb(&cs[i])
			continue
		}
		at[id] = len(whole)
		ids, whole = append(ids, id), append(whole, cs[i])
	}
	return ids, whole
}

func writerOf(name string) int64 {
	sum := sha256.Sum256([]byte(name))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

// days are those for which there must be room.
func (w *work) days() []int64 {
	days := map[int64]bool{}
	for i := range w.rows {
		days[w.rows[i].day] = true
	}
	return slices.Sorted(maps.Keys(days))
}

// save stores the coverage first: its row is what two batches of the same writer
// wait for.
func (w *work) save(ctx context.Context, tx session) error {
	_, err := tx.many(ctx, "INSERT INTO coverage (day, writer, body) VALUES (?, ?, ?) "+
		"ON CONFLICT (writer, day) DO UPDATE SET body = excluded.body", [][]any{{w.day, w.writer, w.coverage}})
	if err != nil {
		return err
	}
	if err := w.labels.save(ctx, tx); err != nil {
		return err
	}
	if err := w.move(ctx, tx); err != nil {
		return err
	}
	rows := make([][]any, len(w.rows))
	for i := range w.rows {
		r := &w.rows[i]
		rows[i] = []any{r.day, w.writer, r.identity[:], r.last, r.body}
	}
	_, err = tx.many(ctx, "INSERT INTO conversations (day, writer, identity, last, body) VALUES (?, ?, ?, ?, ?) "+
		"ON CONFLICT (day, writer, identity) DO UPDATE SET last = excluded.last, body = excluded.body", rows)
	return err
}

// move removes the former rows of conversations that went on past midnight. It
// looks for them only once: not if there is a row under the new day already.
func (w *work) move(ctx context.Context, tx session) error {
	var there, former [][]any
	for i := range w.rows {
		if r := &w.rows[i]; r.first < r.day {
			there = append(there, []any{r.last, r.day, w.writer, r.identity[:]})
			former = append(former, []any{r.first, r.day, w.writer, r.identity[:]})
		}
	}
	if len(there) == 0 {
		return nil
	}
	changed, err := tx.many(ctx, "UPDATE conversations SET last = ? WHERE day = ? AND writer = ? AND identity = ?", there)
	if err != nil {
		return err
	}
	fresh := former[:0]
	for i, n := range changed {
		if n == 0 {
			fresh = append(fresh, former[i])
		}
	}
	_, err = tx.many(ctx, "DELETE FROM conversations WHERE day >= ? AND day < ? AND writer = ? AND identity = ?", fresh)
	return err
}
