package store

import (
	"context"
	"fmt"
	"strings"
)

// A dialect is what differs between the databases in the schema. SQLite takes
// the type names of PostgreSQL.
type dialect struct {
	lock    string // keeps others from migrating at the same time; "" if every transaction does
	tables  string // tells how many tables there are in a database of our own; "" if it may be shared
	byDay   string // how the conversations lie
	exists  string // tells whether the table schema_versions exists
	address string // where the store is, for people
}

// migrations leads from an empty database to the present schema, one version
// after another. What has been released is never changed, only added to.
var migrations = [...]string{
	`
CREATE TABLE labels (
	hash   BYTEA  NOT NULL PRIMARY KEY,
	seen   BIGINT NOT NULL, -- the last day whose rows refer to it
	labels BYTEA  NOT NULL
);
CREATE TABLE coverage (
	day    BIGINT NOT NULL,
	writer BIGINT NOT NULL, -- hash of its name
	body   BYTEA  NOT NULL, -- all since the writer began
	PRIMARY KEY (writer, day)
);
CREATE TABLE conversations (
	day      BIGINT NOT NULL, -- of the last flow, since 1970 in UTC
	writer   BIGINT NOT NULL,
	identity BYTEA  NOT NULL,
	last     BIGINT NOT NULL, -- nanoseconds since 1970
	body     BYTEA  NOT NULL,
	PRIMARY KEY (day, writer, identity)
) {byDay};
CREATE TABLE memory (
	name  BYTEA NOT NULL PRIMARY KEY,
	value BYTEA NOT NULL
);
`,
	`
CREATE TABLE cuts (
	at        BIGINT NOT NULL, -- nanoseconds since 1970
	namespace BYTEA  NOT NULL,
	PRIMARY KEY (at, namespace)
);
`,
}

// migrate brings the schema up to date. It refuses one that is newer than this
// version knows, and a database that is somebody else's.
func migrate(ctx context.Context, db database, d dialect) error {
	version, err := 0, error(nil)
	if err = db.read(ctx, func(s session) error { version, err = d.version(ctx, s); return err }); err != nil {
		return err
	}
	if version == len(migrations) {
		return nil
	}
	return db.write(ctx, func(s session) error {
		if d.lock != "" {
			if err := s.exec(ctx, d.lock); err != nil {
				return err
			}
		}
		return d.migrate(ctx, s)
	})
}

func (d dialect) migrate(ctx context.Context, s session) error {
	// Somebody else may have been faster.
	version, err := d.version(ctx, s)
	if err != nil {
		return err
	}
	if version == 0 {
		if err := s.exec(ctx, "CREATE TABLE schema_versions (version BIGINT NOT NULL PRIMARY KEY)"); err != nil {
			return err
		}
	}
	for v := version; v < len(migrations); v++ {
		for statement := range strings.SplitSeq(migrations[v], ";\n") {
			if statement = strings.TrimSpace(strings.ReplaceAll(statement, "{byDay}", d.byDay)); statement == "" {
				continue
			}
			if err := s.exec(ctx, statement); err != nil {
				return fmt.Errorf("migrate schema to version %d: %w", v+1, err)
			}
		}
		if err := s.exec(ctx, "INSERT INTO schema_versions (version) VALUES (?)", int64(v+1)); err != nil {
			return err
		}
	}
	return nil
}

// version is that of the schema; 0 in an empty database.
func (d dialect) version(ctx context.Context, s session) (int, error) {
	exists, err := number(ctx, s, d.exists)
	if err != nil {
		return 0, err
	}
	if exists == 0 {
		return 0, d.empty(ctx, s)
	}
	version, err := number(ctx, s, "SELECT COALESCE(MAX(version), 0) FROM schema_versions")
	if err == nil && int(version) > len(migrations) {
		return 0, fmt.Errorf("schema has version %d, this segproof knows versions up to %d\n"+
			"use a newer segproof, or an empty store", version, len(migrations))
	}
	return int(version), err
}

// empty refuses a file that another program made.
func (d dialect) empty(ctx context.Context, s session) error {
	if d.tables == "" {
		return nil
	}
	n, err := number(ctx, s, d.tables)
	if err == nil && n > 0 {
		return fmt.Errorf("%s is a database of another program\nname a file that does not exist yet", d.address)
	}
	return err
}

// number asks for a single number.
func number(ctx context.Context, s session, sql string, args ...any) (n int64, err error) {
	err = s.query(ctx, query{sql, args}, func(row scan) error { return row(&n) })
	return n, err
}
