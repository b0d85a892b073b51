package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/segproof/segproof/audit"
)

// labelsHash stands for a set of labels in every database and version.
type labelsHash [16]byte

// A labelBook collects the sets of labels that rows refer to.
type labelBook struct {
	byPlace map[place]labelsHash
	sets    map[labelsHash][]byte
	seen    map[labelsHash]int64 // the last day of a row that refers to it
}

// place tells sets apart without looking at them: see [audit.Labels].
type place struct {
	first *string
	n     int
}

func newLabelBook() *labelBook {
	return &labelBook{byPlace: map[place]labelsHash{}, sets: map[labelsHash][]byte{}, seen: map[labelsHash]int64{}}
}

func (l *labelBook) hash(ls audit.Labels) labelsHash {
	if len(ls) == 0 {
		return labelsHash{}
	}
	p := place{&ls[0], len(ls)}
	if h, ok := l.byPlace[p]; ok {
		return h
	}
	var b []byte
	for _, s := range ls {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	sum := sha256.Sum256(b)
	h := labelsHash(sum[:16])
	l.byPlace[p], l.sets[h] = h, b
	return h
}

// refer notes that a row of that day refers to the labels.
func (l *labelBook) refer(ls audit.Labels, day int64) {
	if h := l.hash(ls); len(ls) > 0 {
		l.seen[h] = max(l.seen[h], day)
	}
}

// known forgets the sets that are stored already for that day or a later one.
func (l *labelBook) known(stored map[labelsHash]int64) {
	maps.DeleteFunc(l.seen, func(h labelsHash, day int64) bool { at, ok := stored[h]; return ok && at >= day })
}

// save stores the sets in the order of their hashes, so that two writers can't
// wait for each other.
func (l *labelBook) save(ctx context.Context, s session) error {
	rows := make([][]any, 0, len(l.seen))
	order := slices.SortedFunc(maps.Keys(l.seen), func(a, b labelsHash) int { return slices.Compare(a[:], b[:]) })
	for _, h := range order {
		rows = append(rows, []any{h[:], l.seen[h], l.sets[h]})
	}
	_, err := s.many(ctx, "INSERT INTO labels (hash, seen, labels) VALUES (?, ?, ?) "+
		"ON CONFLICT (hash) DO UPDATE SET seen = excluded.seen WHERE labels.seen < excluded.seen", rows)
	return err
}

// readLabels returns every set that rows of that day and later ones refer to.
func readLabels(ctx context.Context, s session, day int64) (map[labelsHash]audit.Labels, error) {
	out := map[labelsHash]audit.Labels{{}: nil}
	shared := map[string]string{}
	var hash, set []byte
	err := s.query(ctx, query{"SELECT hash, labels FROM labels WHERE seen >= ?", []any{day}}, func(row scan) error {
		if err := row(&hash, &set); err != nil {
			return err
		}
		if ls, ok := splitLabels(set, shared); ok && len(hash) == len(labelsHash{}) {
			out[labelsHash(hash)] = ls
		}
		return nil
	})
	return out, err
}

// splitLabels reads a set. One that can't be read is left out: the rows that
// refer to it are counted as bad.
func splitLabels(b []byte, shared map[string]string) (ls audit.Labels, ok bool) {
	for len(b) > 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return nil, false
		}
		text := b[size : size+int(n)]
		b = b[size+int(n):]
		s, known := shared[string(text)]
		if !known {
			s = string(text)
			shared[s] = s
		}
		ls = append(ls, s)
	}
	return slices.Clip(ls), true
}
