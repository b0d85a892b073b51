package store

import (
	"context"
	"fmt"
	"time"

	"github.com/segproof/segproof/audit"
)

// Announce tells those who follow flows of instants that no conversation may
// span. The same instant again changes nothing.
func (s *Store) Announce(ctx context.Context, cuts []audit.Cut) error {
	rows := make([][]any, len(cuts))
	for i, c := range cuts {
		rows[i] = []any{nanoseconds(c.At), []byte(c.Namespace)}
	}
	err := s.db.write(ctx, func(tx session) error {
		_, err := tx.many(ctx, "INSERT INTO cuts (at, namespace) VALUES (?, ?) ON CONFLICT (at, namespace) DO NOTHING", rows)
		return err
	})
	if err != nil {
		return fmt.Errorf("announce changes: %w", err)
	}
	return nil
}

// Announced returns the instants at that time and later, in order.
func (s *Store) Announced(ctx context.Context, since time.Time) (cuts []audit.Cut, err error) {
	var at int64
	var namespace []byte
	err = s.db.read(ctx, func(tx session) error {
		q := query{"SELECT at, namespace FROM cuts WHERE at >= ? ORDER BY at, namespace", []any{nanoseconds(since)}}
		return tx.query(ctx, q, func(row scan) error {
			if err := row(&at, &namespace); err != nil {
				return err
			}
			cuts = append(cuts, audit.Cut{At: time.Unix(0, at).UTC(), Namespace: string(namespace)})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	return cuts, nil
}
