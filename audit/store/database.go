package store

import (
	"context"
	"strconv"
	"strings"
)

// A database runs transactions. Statements have a ? for each argument.
type database interface {
	// write commits what f did if it returns nil, and undoes all of it if not.
	write(ctx context.Context, f func(session) error) error
	// read gives f one view of the data, which does not change meanwhile.
	read(ctx context.Context, f func(session) error) error
	close() error
}

// A calendar makes room for days, and drops them.
type calendar interface {
	// prepare is called before rows of these days are written.
	prepare(ctx context.Context, days []int64) error
	// expire drops the conversations of all days before this one.
	expire(ctx context.Context, before int64) error
}

// A session is a transaction that goes on.
type session interface {
	exec(ctx context.Context, sql string, args ...any) error
	// many runs a statement once for each list of arguments, and tells how many
	// rows each changed.
	many(ctx context.Context, sql string, rows [][]any) ([]int64, error)
	query(ctx context.Context, q query, row func(scan) error) error
}

// A query is a statement that returns rows.
type query struct {
	sql  string
	args []any
}

// scan copies the columns of a row. A []byte is only lent.
type scan func(columns ...any) error

// numbered replaces each ? by $1, $2 and so on, as PostgreSQL wants it.
func numbered(sql string) string {
	var b strings.Builder
	for i := 1; ; i++ {
		before, after, found := strings.Cut(sql, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(i))
		sql = after
	}
}
