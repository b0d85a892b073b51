package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// Kept returns what is stored and lasted until since or later, merged over all
// writers and in order. Rows that can't be read are counted as bad records.
func (s *Store) Kept(ctx context.Context, since time.Time) (*audit.Traffic, error) {
	t := &audit.Traffic{}
	err := s.db.read(ctx, func(tx session) error {
		day := dayOf(since)
		labels, err := readLabels(ctx, tx, day)
		if err != nil {
			return err
		}
		if err := spans(ctx, tx, day, func(p span) error { p.add(t, since); return nil }); err != nil {
			return err
		}
		r := newReading(s.options.Conversations, labels)
		q := query{"SELECT identity, body FROM conversations WHERE day >= ? AND last >= ?", []any{day, nanoseconds(since)}}
		if err := tx.query(ctx, q, r.row); err != nil {
			return err
		}
		r.finish(t)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read conversations: %w", err)
	}
	t.Problems = append(t.Problems, s.lost...)
	return t, nil
}

// A reading merges rows into conversations, up to a bound. Beyond it those stay
// whose identities are the smallest: these are hashes, so that it is a sample,
// and the same one in whichever order rows come.
type reading struct {
	decoder   *decoder
	most      int
	limit     uint64 // identities that do not begin with less are folded
	at        map[[16]byte]*audit.Conversation
	folded    uint64
	bad       int
	firstBad  error
	id, body  []byte
	allocated []audit.Conversation // in blocks
}

func newReading(most int, labels map[labelsHash]audit.Labels) *reading {
	return &reading{
		decoder: newDecoder(func(h labelsHash) (audit.Labels, bool) { ls, ok := labels[h]; return ls, ok }),
		most:    most, limit: math.MaxUint64, at: map[[16]byte]*audit.Conversation{},
	}
}

func (r *reading) row(columns scan) error {
	if err := columns(&r.id, &r.body); err != nil {
		return err
	}
	c, err := r.decoder.conversation(r.body)
	if err != nil || len(r.id) != 16 {
		r.refuse(err)
		return nil
	}
	id := [16]byte(r.id)
	switch known := r.at[id]; {
	case start(id) >= r.limit:
		r.folded += c.Flows
	case known != nil:
		known.Absorb(&c)
	default:
		r.at[id] = r.place(c)
		r.shrink()
	}
	return nil
}

// place puts conversations into blocks, so that they are not each an object.
func (r *reading) place(c audit.Conversation) *audit.Conversation {
	if len(r.allocated) == cap(r.allocated) {
		r.allocated = make([]audit.Conversation, 0, 256)
	}
	r.allocated = append(r.allocated, c)
	return &r.allocated[len(r.allocated)-1]
}

func (r *reading) refuse(err error) {
	r.bad++
	if r.firstBad == nil {
		r.firstBad = err
	}
}

// shrink lets the limit fall in steps that are always the same.
func (r *reading) shrink() {
	for len(r.at) > r.most {
		r.limit -= r.limit/16 + 1
		for id, c := range r.at {
			if start(id) >= r.limit {
				r.folded += c.Flows
				delete(r.at, id)
			}
		}
	}
}

func start(id [16]byte) uint64 { return binary.BigEndian.Uint64(id[:8]) }

func (r *reading) finish(t *audit.Traffic) {
	t.Folded += r.folded
	t.BadRecords += r.bad
	if r.bad > 0 {
		t.Problems = append(t.Problems, audit.Problem{Err: fmt.Sprintf("%d stored conversations could not be read; the first: %v", r.bad, r.firstBad)})
	}
	order := make([]*audit.Conversation, 0, len(r.at))
	for _, c := range r.at {
		order = append(order, c)
	}
	slices.SortFunc(order, (*audit.Conversation).Compare)
	t.Conversations = make([]audit.Conversation, len(order))
	for i, c := range order {
		t.Conversations[i] = *c
	}
}
