package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// seenBy is the coverage of one writer, with its name for whoever looks.
type seenBy struct {
	Writer string
	audit.Traffic
}

func encodeCoverage(b audit.Batch) ([]byte, error) {
	c := seenBy{b.Writer, b.Coverage}
	c.Conversations = nil
	return json.Marshal(c)
}

// A span is the coverage of one writer: up to its last batch, and up to the last
// one of the days before those that are asked for.
type span struct {
	writer       int64
	before, last []byte
}

// spans passes on one writer after another.
func spans(ctx context.Context, s session, since int64, f func(span) error) error {
	var now span
	var writer, day int64
	var body []byte
	const sql = "SELECT writer, day, body FROM coverage ORDER BY writer, day"
	err := s.query(ctx, query{sql: sql}, func(row scan) error {
		if err := row(&writer, &day, &body); err != nil {
			return err
		}
		if now.last != nil && writer != now.writer {
			if err := f(now); err != nil {
				return err
			}
			now = span{}
		}
		now.writer = writer
		now.last = append([]byte{}, body...)
		if day < since {
			now.before = now.last
		}
		return nil
	})
	if err == nil && now.last != nil {
		err = f(now)
	}
	return err
}

// add adds what the writer saw since then. Counts are exact to the day.
func (p span) add(t *audit.Traffic, since time.Time) {
	var last, before seenBy
	if err := json.Unmarshal(p.last, &last); err != nil {
		t.BadRecords++
		t.Problems = append(t.Problems, audit.Problem{Err: fmt.Sprintf("read the coverage of a writer: %v", err)})
		return
	}
	if last.Until.Before(since) {
		return
	}
	if p.before != nil && json.Unmarshal(p.before, &before) == nil {
		subtract(&last.Traffic, &before.Traffic)
	}
	last.Since = notBefore(last.Since, since)
	last.Gaps = slices.DeleteFunc(last.Gaps, func(g audit.Gap) bool { return !g.To.IsZero() && g.To.Before(since) })
	for i := range last.Nodes {
		last.Nodes[i].From = notBefore(last.Nodes[i].From, since)
	}
	t.AbsorbCoverage(&last.Traffic)
}

// subtract takes away what had been counted before.
func subtract(t, before *audit.Traffic) {
	t.Flows, t.Lost = less(t.Flows, before.Flows), less(t.Lost, before.Lost)
	t.Folded = less(t.Folded, before.Folded)
	t.BadRecords = max(t.BadRecords-before.BadRecords, 0)
	for source, n := range before.LostBy {
		if t.LostBy[source] = less(t.LostBy[source], n); t.LostBy[source] == 0 {
			delete(t.LostBy, source)
		}
	}
	was := map[string]audit.NodeCoverage{}
	for _, n := range before.Nodes {
		was[n.Name] = n
	}
	for i := range t.Nodes {
		n := &t.Nodes[i]
		n.Flows, n.Lost = less(n.Flows, was[n.Name].Flows), less(n.Lost, was[n.Name].Lost)
	}
}

func less(a, b uint64) uint64 { return a - min(a, b) }

func notBefore(t, since time.Time) time.Time {
	if !t.IsZero() && t.Before(since) {
		return since
	}
	return t
}

// Resume says up to when each node's flows are stored.
func (s *Store) Resume(ctx context.Context) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	err := s.db.read(ctx, func(tx session) error {
		return spans(ctx, tx, 0, func(p span) error {
			var c seenBy
			if json.Unmarshal(p.last, &c) != nil {
				return nil // its flows are read again
			}
			for _, n := range c.Nodes {
				if n.To.After(out[n.Name]) {
					out[n.Name] = n.To
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read up to when flows are stored: %w", err)
	}
	return out, nil
}

// expireCoverage leaves, of a writer that still goes on, the last row before
// that day: later ones are counted from it.
func expireCoverage(ctx context.Context, tx session, day int64) error {
	err := tx.exec(ctx, "DELETE FROM coverage WHERE day < ? AND EXISTS (SELECT 1 FROM coverage AS later "+
		"WHERE later.writer = coverage.writer AND later.day > coverage.day AND later.day < ?)", day, day)
	if err != nil {
		return err
	}
	return tx.exec(ctx, "DELETE FROM coverage WHERE day < ? AND NOT EXISTS (SELECT 1 FROM coverage AS later "+
		"WHERE later.writer = coverage.writer AND later.day > coverage.day)", day)
}
