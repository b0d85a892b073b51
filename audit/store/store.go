package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/segproof/segproof/audit"
)

// Options bound what is read, and say what no address should hold. The zero
// value of each means the default.
type Options struct {
	// PasswordFile holds the password for PostgreSQL. It is read for each new
	// connection, so that it may be replaced.
	PasswordFile string
	// Conversations is how many are read at most; the flows of others are
	// counted in Traffic.Folded. Default 1,000,000.
	Conversations int
}

// A Store keeps conversations and small things. It is safe for concurrent use,
// also by several processes.
type Store struct {
	db       database
	calendar calendar
	options  Options
	path     string    // of a file
	born     time.Time // when that file was made; zero if nobody knows
	notes    []string
	lost     []audit.Problem // what every reader must know of

	mu     sync.Mutex
	stored map[labelsHash]int64 // label sets known to be stored, and up to which day
}

// maxStored is how many label sets are known to be stored. Beyond it all are
// forgotten, and stored once more.
const maxStored = 200_000

var (
	_ audit.Keeper = (*Store)(nil)
	_ audit.Memory = (*Store)(nil)
)

// Open opens sqlite:PATH, which it makes if need be, or the database that an
// address postgres://... names. It brings the schema up to date, and refuses
// one that is newer than it knows.
//
// An SQLite file that is damaged is set aside and made anew: see [Store.Notes].
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	o.Conversations = cmp.Or(o.Conversations, 1_000_000)
	s := &Store{options: o, stored: map[labelsHash]int64{}}
	var err error
	switch scheme, rest, _ := strings.Cut(url, ":"); {
	case scheme == "sqlite" && rest != "":
		err = s.openFile(ctx, rest)
	case scheme == "postgres" || scheme == "postgresql":
		err = s.openServer(ctx, url)
	default:
		return nil, errors.New("open store: not an address of a store\nexpected sqlite:PATH or postgres://user@host/database")
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

func (s *Store) openServer(ctx context.Context, url string) error {
	db, err := openServer(ctx, url, s.options.PasswordFile)
	if err != nil {
		return err
	}
	s.db, s.calendar = db, db
	return s.closedUnless(migrate(ctx, db, dialect{
		lock:   lockDays,
		byDay:  "PARTITION BY RANGE (day)",
		exists: "SELECT COUNT(to_regclass('schema_versions'))",
	}))
}

// openFile opens a file; one that is damaged is set aside, once.
func (s *Store) openFile(ctx context.Context, path string) error {
	err := s.tryFile(ctx, path)
	if !isUnsound(err) {
		return err
	}
	at := time.Now()
	aside, failed := setAside(path, at)
	if failed != nil {
		return failed
	}
	note := fmt.Sprintf("the store was damaged (%s); it was set aside as %s and made anew: what was kept before %s is not in this report",
		oneLine(err), aside, at.UTC().Format(time.RFC3339))
	s.notes = append(s.notes, note)
	s.lost = append(s.lost, audit.Problem{File: path, Err: note})
	return s.tryFile(ctx, path)
}

func (s *Store) tryFile(ctx context.Context, path string) error {
	made := isMissing(path)
	db, err := openSQLite(path)
	if err != nil {
		return err
	}
	s.db, s.calendar = db, db
	if err := db.check(ctx); err != nil {
		return s.closedUnless(err)
	}
	err = migrate(ctx, db, dialect{
		byDay:   "WITHOUT ROWID",
		tables:  "SELECT COUNT(*) FROM sqlite_schema",
		exists:  "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'schema_versions'",
		address: path,
	})
	if err == nil {
		s.path = path
		err = s.dateBirth(ctx, made)
	}
	return s.closedUnless(err)
}

const (
	bornKey = "store/born"
	// young is for how long readers are told that a file is new: as far back as
	// most reports look.
	young = 24 * time.Hour
)

// dateBirth remembers when a file was made, or recalls it. One that was lost or
// deleted looks like the first one ever, so of both the same is said.
func (s *Store) dateBirth(ctx context.Context, made bool) error {
	if made {
		s.born = time.Now().UTC().Truncate(time.Second)
		return s.Remember(ctx, bornKey, []byte(s.born.Format(time.RFC3339)))
	}
	b, err := s.Recall(ctx, bornKey)
	if err != nil || b == nil {
		return err
	}
	if s.born, err = time.Parse(time.RFC3339, string(b)); err != nil {
		s.notes = append(s.notes, "it is not known when the store was made: "+oneLine(err))
	}
	return nil
}

func (s *Store) closedUnless(err error) error {
	if err != nil {
		return errors.Join(err, s.db.close())
	}
	return nil
}

// Close ends all connections. Nothing is stored by it: what was acknowledged is
// stored already.
func (s *Store) Close() error { return s.db.close() }

// Notes says, one line each, what is not as it was when the store was last
// used. What readers must know of is a problem in their traffic as well.
//
// For its first day a file is said to be new: it may be there because another
// was lost, and what that one held is missed in what is told until then.
func (s *Store) Notes() []string {
	if age := time.Since(s.born); len(s.lost) > 0 || s.born.IsZero() || age >= young {
		return s.notes
	}
	return append(slices.Clip(s.notes), fmt.Sprintf("the store %s is new: what was seen before %s is not in this report",
		audit.Clean(s.path), s.born.Format(time.RFC3339)))
}

// Expire drops the conversations whose last flow was before the day of that
// time, and all that only they needed.
func (s *Store) Expire(ctx context.Context, before time.Time) error {
	day := dayOf(before)
	if err := s.calendar.expire(ctx, day); err != nil {
		return fmt.Errorf("expire: %w", err)
	}
	s.mu.Lock()
	clear(s.stored)
	s.mu.Unlock()
	err := s.db.write(ctx, func(tx session) error {
		if err := tx.exec(ctx, "DELETE FROM labels WHERE seen < ?", day); err != nil {
			return err
		}
		if err := tx.exec(ctx, "DELETE FROM cuts WHERE at < ?", nanoseconds(startOf(day))); err != nil {
			return err
		}
		return expireCoverage(ctx, tx, day)
	})
	if err != nil {
		return fmt.Errorf("expire: %w", err)
	}
	return nil
}

// missingLabels leaves in the book only what is not known to be stored.
func (s *Store) missingLabels(l *labelBook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.known(s.stored)
}

// storedLabels notes what has been stored.
func (s *Store) storedLabels(l *labelBook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.stored)+len(l.seen) > maxStored {
		clear(s.stored)
	}
	maps.Copy(s.stored, l.seen)
}

func oneLine(err error) string {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return first
}
