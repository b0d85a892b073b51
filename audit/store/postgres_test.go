package store

import (
	"context"
	"crypto/rand"
	"math"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// serverURL is an empty schema of its own on the server that the environment
// names.
func serverURL(t testing.TB) string {
	t.Helper()
	address := os.Getenv("SEGPROOF_TEST_POSTGRES")
	if address == "" {
		t.Skip("SEGPROOF_TEST_POSTGRES names no server")
	}
	name := "segproof_" + strings.ToLower(rand.Text())
	runSQL(t, address, "CREATE SCHEMA "+name)
	t.Cleanup(func() { runSQL(t, address, "DROP SCHEMA "+name+" CASCADE") })
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

func runSQL(t testing.TB, address, statement string) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestPostgreSQLIsAStore(t *testing.T) {
	suite(t, func(t *testing.T) string { return serverURL(t) })
}

// A relay passes bytes on to a server, and breaks every connection once it has
// passed on so many.
type relay struct {
	net.Listener
	to   string
	left atomic.Int64
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, to: to}
	r.left.Store(math.MaxInt64)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { r.pass(c) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return r
}

func (r *relay) pass(client net.Conn) {
	server, err := net.Dial("tcp", r.to)
	if err != nil {
		client.Close()
		return
	}
	var wg sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		wg.Go(func() {
			defer client.Close()
			defer server.Close()
			b := make([]byte, 512)
			for {
				n, err := way[0].Read(b)
				if err != nil || r.left.Add(-int64(n)) < 0 {
					return
				}
				if _, err := way[1].Write(b[:n]); err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestALostConnectionLosesNothingWhereverItBreaks(t *testing.T) {
	direct, err := url.Parse(serverURL(t))
	if err != nil {
		t.Fatal(err)
	}
	r := newRelay(t, direct.Host)
	through := *direct
	through.Host = r.Addr().String()
	s, check := open(t, through.String(), Options{}), open(t, direct.String(), Options{})
	keep(t, s, batch("w", 100, noon()))
	broken, before := 0, uint64(0)
	for bytes := int64(1 << 7); bytes < 1<<18; bytes = bytes*3/2 + 1 {
		b := batch("w", 100, noon())
		for i := range b.Conversations {
			b.Conversations[i].Flows = uint64(bytes)
		}
		r.left.Store(bytes)
		err := s.Keep(t.Context(), b)
		if err != nil {
			broken++
		}
		for _, c := range kept(t, check, time.Time{}).Conversations {
			if before > 0 && c.Flows != before && c.Flows != uint64(bytes) || err == nil && c.Flows != uint64(bytes) {
				t.Fatalf("broken after %d bytes (%v): a row is of batch %d, before it was %d", bytes, err, c.Flows, before)
			}
		}
		r.left.Store(math.MaxInt64)
		for tries := 0; s.Keep(t.Context(), b) != nil; tries++ {
			if tries == 20 { // each finds one more connection of the pool broken
				t.Fatal("the pool does not recover")
			}
		}
		same(t, b.Conversations, kept(t, check, time.Time{}).Conversations)
		before = uint64(bytes)
	}
	if broken < 5 {
		t.Errorf("only %d batches were broken off: the test shows nothing", broken)
	}
}

func TestAPasswordComesFromItsFileEachTime(t *testing.T) {
	address := serverURL(t)
	file := filepath.Join(t.TempDir(), "password")
	if _, err := Open(t.Context(), address, Options{PasswordFile: file}); err == nil || !strings.Contains(err.Error(), "read the store's password: ") {
		t.Errorf("without its file the error is %v", err)
	}
	if err := os.WriteFile(file, []byte("geheim\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, address, Options{PasswordFile: file})
	c, err := s.db.(*server).pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if got := c.Conn().Config().Password; got != "geheim" {
		t.Errorf("password is %q", got)
	}
}

func TestADayIsATableThatIsDroppedWhole(t *testing.T) {
	s := open(t, serverURL(t), Options{})
	keep(t, s, batch("a", 3, noon().AddDate(0, 0, -9)), batch("a", 3, noon()))
	const days = "SELECT COUNT(*) FROM pg_inherits WHERE inhparent = 'conversations'::regclass"
	if n := count(t, s, days); n != 2 {
		t.Errorf("%d tables, want one for each day", n)
	}
	if err := s.Expire(t.Context(), noon()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, days); n != 1 {
		t.Errorf("%d tables are left, want one", n)
	}
	const plan = "SELECT COUNT(*) FROM pg_class WHERE relname LIKE 'conversations_2%' AND relkind = 'r' AND relnamespace = current_schema()::regnamespace"
	if n := count(t, s, plan); n != 1 {
		t.Errorf("%d tables are left in the schema: one was only taken off", n)
	}
}
