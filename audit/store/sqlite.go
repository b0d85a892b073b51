package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"modernc.org/sqlite"
)

// An sqliteFile is a database in a file, with one connection that writes and
// some that read meanwhile.
type sqliteFile struct {
	writer, reader *sql.DB
}

// Primary result codes of SQLite that something is done about.
const (
	sqliteReadOnly = 8
	sqliteIOError  = 10
	sqliteCorrupt  = 11
	sqliteFull     = 13
	sqliteCantOpen = 14
	sqliteNoDB     = 26
)

// Bounds on one step of what would block others otherwise.
const (
	expireRows  = 5_000
	vacuumPages = 2_000
)

// sqliteURL is how the driver wants a path and settings. Each writer waits for
// another process for as long as busy_timeout says.
func sqliteURL(path string, pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{
		"busy_timeout(10000)",
		"auto_vacuum(incremental)", // before there is a table, or it has no effect
		"journal_mode(wal)",
		"synchronous(full)",
		"journal_size_limit(67108864)",
	}, pragmas...)}
	q.Set("_txlock", "immediate")
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

func openSQLite(path string) (*sqliteFile, error) {
	// What was carried between whom is nobody else's business.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w\nits folder must exist and be writable", err)
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	w, err := sql.Open("sqlite", sqliteURL(path))
	if err != nil {
		return nil, err
	}
	w.SetMaxOpenConns(1)
	r, err := sql.Open("sqlite", sqliteURL(path, "query_only(true)"))
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	r.SetMaxOpenConns(4)
	return &sqliteFile{w, r}, nil
}

// isMissing tells whether there is no database yet: no file, or an empty one.
func isMissing(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	return info.Mode().IsRegular() && info.Size() == 0
}

// check reads the whole file, and tells whether it is sound.
func (f *sqliteFile) check(ctx context.Context) error {
	var told string
	if err := f.writer.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&told); err != nil {
		return err
	}
	if told != "ok" {
		return &unsoundError{told}
	}
	return nil
}

// unsoundError is what SQLite says of a file that it can open.
type unsoundError struct{ told string }

func (e *unsoundError) Error() string { return e.told }

// isUnsound tells whether an error says that the file is damaged, or no
// database at all.
func isUnsound(err error) bool {
	if _, ok := errors.AsType[*unsoundError](err); ok {
		return true
	}
	code := sqliteCode(err)
	return code == sqliteCorrupt || code == sqliteNoDB
}

// sqliteCode is the primary result code; 0 if SQLite did not say so.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// hinted adds to an error of SQLite what a person can do about it.
func hinted(err error) error {
	hints := map[int]string{
		sqliteFull:     "make room on the disk that holds the store; it is tried again",
		sqliteIOError:  "look at the disk that holds the store; it is tried again",
		sqliteReadOnly: "the store's file and folder must be writable",
		sqliteCantOpen: "the store's file and folder must be writable",
		sqliteCorrupt:  "the store is damaged; at the next start it is set aside and made anew",
		sqliteNoDB:     "the store is damaged; at the next start it is set aside and made anew",
	}
	if h, ok := hints[sqliteCode(err)]; ok {
		return fmt.Errorf("%w\n%s", err, h)
	}
	return err
}

func (f *sqliteFile) write(ctx context.Context, do func(session) error) error {
	return transact(ctx, f.writer, nil, do)
}

func (f *sqliteFile) read(ctx context.Context, do func(session) error) error {
	return transact(ctx, f.reader, &sql.TxOptions{ReadOnly: true}, do)
}

func transact(ctx context.Context, db *sql.DB, o *sql.TxOptions, do func(session) error) error {
	tx, err := db.BeginTx(ctx, o)
	if err != nil {
		return hinted(err)
	}
	if err := do(sqliteSession{tx}); err != nil {
		// A rollback that fails has been made by SQLite itself.
		_ = tx.Rollback()
		return hinted(err)
	}
	return hinted(tx.Commit())
}

func (f *sqliteFile) close() error { return errors.Join(f.reader.Close(), f.writer.Close()) }

// prepare has nothing to do: all days are in one table.
func (f *sqliteFile) prepare(context.Context, []int64) error { return nil }

// expire deletes in small steps, so that writers need not wait for long, and
// then gives the room back to the file system.
func (f *sqliteFile) expire(ctx context.Context, before int64) error {
	for deleted := int64(1); deleted > 0; {
		err := f.write(ctx, func(s session) error {
			n, err := s.many(ctx, "DELETE FROM conversations WHERE (day, writer, identity) IN "+
				"(SELECT day, writer, identity FROM conversations WHERE day < ? LIMIT ?)", [][]any{{before, int64(expireRows)}})
			if err == nil {
				deleted = n[0]
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return f.vacuum(ctx)
}

func (f *sqliteFile) vacuum(ctx context.Context) error {
	for free := int64(-1); ; {
		var now int64
		if err := f.writer.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&now); err != nil {
			return hinted(err)
		}
		if now == 0 || now == free {
			break
		}
		free = now
		if _, err := f.writer.ExecContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", vacuumPages)); err != nil {
			return hinted(err)
		}
	}
	_, err := f.writer.ExecContext(ctx, "PRAGMA wal_checkpoint(truncate)")
	return hinted(err)
}

// setAside moves a damaged file, and what belongs to it, out of the way. Its
// new name says when.
func setAside(path string, at time.Time) (string, error) {
	to := path + ".corrupt-" + at.UTC().Format("20060102T150405Z")
	for _, end := range []string{"-wal", "-shm", ""} {
		err := os.Rename(path+end, to+end)
		if err != nil && !(end != "" && errors.Is(err, os.ErrNotExist)) {
			return "", fmt.Errorf("set aside a damaged store: %w", err)
		}
	}
	return to, nil
}

type sqliteSession struct{ tx *sql.Tx }

func (s sqliteSession) exec(ctx context.Context, sql string, args ...any) error {
	_, err := s.tx.ExecContext(ctx, sql, args...)
	return err
}

func (s sqliteSession) many(ctx context.Context, sql string, rows [][]any) ([]int64, error) {
	p, err := s.tx.PrepareContext(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	changed := make([]int64, len(rows))
	for i, args := range rows {
		r, err := p.ExecContext(ctx, args...)
		if err != nil {
			return nil, err
		}
		if changed[i], err = r.RowsAffected(); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

func (s sqliteSession) query(ctx context.Context, q query, row func(scan) error) error {
	rows, err := s.tx.QueryContext(ctx, q.sql, q.args...)
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
