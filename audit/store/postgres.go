package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A server is a PostgreSQL database. Its conversations are partitioned by day.
type server struct{ pool *pgxpool.Pool }

const (
	pipelined = 1000 // statements sent before an answer is awaited
	dayTable  = "conversations_"
	dayFormat = "20060102"
	// lockDays keeps those who add and drop days out of each other's way, and
	// those who migrate.
	lockDays = "SELECT pg_advisory_xact_lock(7306374170834690156)"
	// dropping a day waits for those who read; others would wait behind it.
	lockTimeout = "SET LOCAL lock_timeout = '5s'"
)

func openServer(ctx context.Context, url, passwordFile string) (*server, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx repeats the address, and hides a password only where it finds one.
		return nil, errors.New("not an address of PostgreSQL\nexpected postgres://user@host:5432/database?sslmode=verify-full")
	}
	if passwordFile != "" {
		c.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
			secret, err := os.ReadFile(passwordFile)
			if err != nil {
				return fmt.Errorf("read the store's password: %w", err)
			}
			c.Password = strings.TrimRight(string(secret), "\r\n")
			return nil
		}
	}
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = 10 * time.Second
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("%w\nthe server must be reachable, and let this user in", err)
	}
	return &server{pool}, nil
}

func (s *server) write(ctx context.Context, do func(session) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return do(serverSession{tx}) })
}

func (s *server) read(ctx context.Context, do func(session) error) error {
	o := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, s.pool, o, func(tx pgx.Tx) error { return do(serverSession{tx}) })
}

func (s *server) close() error {
	s.pool.Close()
	return nil
}

// prepare adds the partitions that are missing. Attaching does not block those
// who read and write, as creating one in place would.
func (s *server) prepare(ctx context.Context, days []int64) error {
	missing, err := s.missing(ctx, days)
	if err != nil || len(missing) == 0 {
		return err
	}
	return s.write(ctx, func(tx session) error {
		if err := tx.exec(ctx, lockDays); err != nil {
			return err
		}
		// Somebody else may have been faster.
		there, err := partitions(ctx, tx)
		if err != nil {
			return err
		}
		for _, day := range missing {
			if there[day] {
				continue
			}
			name := dayName(day)
			if err := tx.exec(ctx, "CREATE TABLE "+name+" (LIKE conversations INCLUDING ALL)"); err != nil {
				return fmt.Errorf("add a day: %w", err)
			}
			attach := fmt.Sprintf("ALTER TABLE conversations ATTACH PARTITION %s FOR VALUES FROM (%d) TO (%d)", name, day, day+1)
			if err := tx.exec(ctx, attach); err != nil {
				return fmt.Errorf("add a day: %w", err)
			}
		}
		return nil
	})
}

func (s *server) missing(ctx context.Context, days []int64) (missing []int64, err error) {
	err = s.read(ctx, func(tx session) error {
		there, err := partitions(ctx, tx)
		missing = slices.DeleteFunc(slices.Clone(days), func(d int64) bool { return there[d] })
		return err
	})
	return missing, err
}

// expire drops one day after another, so that no lock is held for long.
func (s *server) expire(ctx context.Context, before int64) error {
	var there map[int64]bool
	err := s.read(ctx, func(tx session) (err error) { there, err = partitions(ctx, tx); return err })
	for _, day := range slices.Sorted(maps.Keys(there)) {
		if err == nil && day < before {
			err = s.drop(ctx, day)
		}
	}
	return err
}

func (s *server) drop(ctx context.Context, day int64) error {
	return s.write(ctx, func(tx session) error {
		for _, sql := range []string{lockTimeout, lockDays, "DROP TABLE IF EXISTS " + dayName(day)} {
			if err := tx.exec(ctx, sql); err != nil {
				return fmt.Errorf("drop a day: %w", err)
			}
		}
		return nil
	})
}

// partitions tells which days there are.
func partitions(ctx context.Context, s session) (map[int64]bool, error) {
	out := map[int64]bool{}
	var name string
	err := s.query(ctx, query{sql: "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid " +
		"WHERE i.inhparent = 'conversations'::regclass"}, func(row scan) error {
		if err := row(&name); err != nil {
			return err
		}
		if t, err := time.Parse(dayFormat, strings.TrimPrefix(name, dayTable)); err == nil {
			out[dayOf(t)] = true
		}
		return nil
	})
	return out, err
}

func dayName(day int64) string { return dayTable + startOf(day).Format(dayFormat) }

type serverSession struct{ tx pgx.Tx }

func (s serverSession) exec(ctx context.Context, sql string, args ...any) error {
	_, err := s.tx.Exec(ctx, numbered(sql), args...)
	return err
}

// many sends statements together, and reads their answers afterwards.
func (s serverSession) many(ctx context.Context, sql string, rows [][]any) ([]int64, error) {
	sql = numbered(sql)
	changed := make([]int64, 0, len(rows))
	for part := range slices.Chunk(rows, pipelined) {
		var b pgx.Batch
		for _, args := range part {
			b.Queue(sql, args...).Exec(func(tag pgconn.CommandTag) error {
				changed = append(changed, tag.RowsAffected())
				return nil
			})
		}
		if err := s.tx.SendBatch(ctx, &b).Close(); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

func (s serverSession) query(ctx context.Context, q query, row func(scan) error) error {
	rows, err := s.tx.Query(ctx, numbered(q.sql), q.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
