package store

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSQLiteIsAStore(t *testing.T) {
	suite(t, func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "store.db") })
}

func TestADamagedFileIsSetAsideAndTheReportSaysSo(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"no database": func([]byte) []byte { return []byte(strings.Repeat("no database at all\n", 1000)) },
		"zeroes":      func(b []byte) []byte { clear(b[4096:]); return b },
		"cut short":   func(b []byte) []byte { return b[:len(b)/2] },
		"other bytes": func(b []byte) []byte { copy(b[4096*3:], strings.Repeat("\xa5", 4096*4)); return b },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store.db")
			s := open(t, "sqlite:"+path, Options{})
			keep(t, s, batch("a", 200, noon()))
			s.Close() // puts everything into the one file
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			s = open(t, "sqlite:"+path, Options{})
			aside, _ := filepath.Glob(path + ".corrupt-*")
			if len(s.Notes()) != 1 || len(aside) != 1 || !strings.Contains(s.Notes()[0], aside[0]) {
				t.Fatalf("notes %q, and set aside are %q", s.Notes(), aside)
			}
			now := batch("b", 3, noon())
			keep(t, s, now)
			got := kept(t, s, time.Time{})
			same(t, now.Conversations, got.Conversations)
			if len(got.Problems) != 1 || got.Problems[0].Err != s.Notes()[0] {
				t.Errorf("problems are %v, want the note %v", got.Problems, s.Notes())
			}
			s.Close()
			if s = open(t, "sqlite:"+path, Options{}); len(s.Notes()) != 1 || !strings.Contains(s.Notes()[0], "is new: what was seen before") {
				t.Errorf("of the new file is told %q", s.Notes())
			}
		})
	}
}

func TestAFileThatWasDeletedIsSaidToBeNewForADayAlsoAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	reopened := func(s *Store) *Store {
		if s != nil {
			s.Close()
		}
		return open(t, "sqlite:"+path, Options{})
	}
	age := func(s *Store, d time.Duration) *Store {
		at := time.Now().Add(-d).UTC().Format(time.RFC3339)
		if err := s.Remember(t.Context(), bornKey, []byte(at)); err != nil {
			t.Fatal(err)
		}
		return reopened(s)
	}
	isNew := func(s *Store, want int) {
		t.Helper()
		notes := s.Notes()
		if len(notes) != want || want == 1 && !strings.HasPrefix(notes[0], "the store "+path+" is new: what was seen before ") {
			t.Fatalf("notes are %q, want %d", notes, want)
		}
	}
	s := reopened(nil)
	isNew(s, 1)
	s = reopened(s)
	isNew(s, 1)
	s = age(s, young-time.Minute)
	isNew(s, 1)
	s = age(s, young+time.Minute)
	isNew(s, 0)
	s.Close()
	for _, end := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(path + end)
	}
	s = reopened(nil)
	isNew(s, 1)
	keep(t, s, batch("a", 3, noon()))
	if got := kept(t, s, time.Time{}); len(got.Problems) != 0 {
		t.Errorf("what is new is no problem of traffic: %v", got.Problems)
	}
}

func TestTheFileOfAnotherProgramIsRefusedAndLeftAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE bookmarks (url TEXT)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	_, err = Open(t.Context(), "sqlite:"+path, Options{})
	if err == nil || !strings.HasSuffix(err.Error(), "is a database of another program\nname a file that does not exist yet") {
		t.Errorf("error is %v", err)
	}
	if all, _ := filepath.Glob(path + ".*"); len(all) != 0 {
		t.Errorf("it was set aside: %v", all)
	}
}

func TestAnAddressThatCannotBeOpenedIsRefusedWithTheReason(t *testing.T) {
	dir := t.TempDir()
	for url, want := range map[string]string{
		"":                                "not an address of a store\nexpected sqlite:PATH or postgres://user@host/database",
		"sqlite:":                         "expected sqlite:PATH",
		"mysql://x":                       "expected sqlite:PATH",
		"sqlite:" + dir + "/none/s.db":    "no such file or directory\nits folder must exist and be writable",
		"sqlite:" + dir:                   "is a directory\nits folder must exist and be writable",
		"postgres://u:geheim@h:99999/d":   "not an address of PostgreSQL\nexpected postgres://user@host:5432/database",
		"postgres://u:geheim@127.0.0.1:1": "the server must be reachable, and let this user in",
	} {
		_, err := Open(t.Context(), url, Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "open store: ") {
			t.Errorf("%s: error is %v, want %s", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: the error tells the password", url)
		}
	}
}

func TestAPathIsTakenAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c%41#d&_pragma=query_only(true).db")
	keep(t, open(t, "sqlite:"+path, Options{}), batch("a", 1, noon()))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v: others can read what was carried", info.Mode())
	}
}

func TestAFullFileLosesNothingAndTakesTheBatchLater(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db"), Options{})
	before := batch("a", 50, noon())
	keep(t, s, before)
	limit := func(pages string) {
		if _, err := s.db.(*sqliteFile).writer.Exec("PRAGMA max_page_count = " + pages); err != nil {
			t.Fatal(err)
		}
	}
	limit("60")
	big := batch("a", 2000, noon())
	err := s.Keep(t.Context(), big)
	if err == nil || !strings.Contains(err.Error(), "full") || !strings.Contains(err.Error(), "\nmake room on the disk") {
		t.Fatalf("error is %v", err)
	}
	same(t, before.Conversations, kept(t, s, time.Time{}).Conversations)
	limit("1000000")
	keep(t, s, big)
	same(t, big.Conversations, kept(t, s, time.Time{}).Conversations)
}

func TestRoomIsGivenBackWhenDaysAreDropped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, "sqlite:"+path, Options{})
	keep(t, s, batch("a", 3000, noon().Add(-72*time.Hour)), batch("a", 10, noon()))
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	if err := s.Expire(t.Context(), noon().Add(-30*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	full := size()
	if err := s.Expire(t.Context(), noon()); err != nil {
		t.Fatal(err)
	}
	if now := size(); now > full/5 {
		t.Errorf("of %d bytes %d are left", full, now)
	}
}
