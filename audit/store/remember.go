package store

import (
	"context"
	"fmt"
)

// Recall returns what is remembered under the key, or nil.
func (s *Store) Recall(ctx context.Context, key string) (value []byte, err error) {
	err = s.db.read(ctx, func(tx session) error {
		q := query{"SELECT value FROM memory WHERE name = ?", []any{[]byte(key)}}
		return tx.query(ctx, q, func(row scan) error { return row(&value) })
	})
	if err != nil {
		return nil, fmt.Errorf("recall: %w", err)
	}
	return value, nil
}

// Remember replaces what is remembered under the key; nil forgets.
func (s *Store) Remember(ctx context.Context, key string, value []byte) error {
	err := s.db.write(ctx, func(tx session) error {
		if value == nil {
			return tx.exec(ctx, "DELETE FROM memory WHERE name = ?", []byte(key))
		}
		return tx.exec(ctx, "INSERT INTO memory (name, value) VALUES (?, ?) "+
			"ON CONFLICT (name) DO UPDATE SET value = excluded.value", []byte(key), value)
	})
	if err != nil {
		return fmt.Errorf("remember: %w", err)
	}
	return nil
}
