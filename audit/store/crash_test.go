package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What a child process is to do, and with which file.
const (
	childTask = "SEGPROOF_TEST_CHILD"
	childFile = "SEGPROOF_TEST_FILE"
)

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(childTask) {
	case "write":
		err = writeForEver(os.Getenv(childFile))
	case "full":
		err = writeWithoutRoom(os.Getenv(childFile))
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(t *testing.T, task, file string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), childTask+"="+task, childFile+"="+file)
	c.Stderr = os.Stderr
	return c
}

// writeForEver writes batches in which every row has the same count, and says
// which count was acknowledged.
func writeForEver(file string) error {
	s, err := Open(context.Background(), "sqlite:"+file, Options{})
	if err != nil {
		return err
	}
	first, err := s.Recall(context.Background(), "count")
	if err != nil {
		return err
	}
	start, _ := strconv.Atoi(string(first))
	for n := uint64(start + 1); ; n++ {
		b := batch("w", 300, noon())
		for i := range b.Conversations {
			b.Conversations[i].Flows = n
		}
		b.Coverage.Flows = n
		if err := s.Keep(context.Background(), b); err != nil {
			return err
		}
		if err := s.Remember(context.Background(), "count", []byte(strconv.FormatUint(n, 10))); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func TestWhatWasAcknowledgedOutlivesAKillAndNothingIsHalf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "store.db")
	for round := range 5 {
		c := child(t, "write", file)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		told := uint64(0)
		lines := bufio.NewScanner(out)
		for n := 0; n < 3+2*round && lines.Scan(); n++ {
			told, _ = strconv.ParseUint(lines.Text(), 10, 64)
		}
		// It goes on writing: the kill comes at any point of the next batches.
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(out)
		if f := strings.Fields(lines.Text() + "\n" + string(rest)); len(f) > 0 {
			last, _ := strconv.ParseUint(f[len(f)-1], 10, 64)
			told = max(told, last)
		}
		_ = c.Wait() // killed, as it should be
		checkWhole(t, file, told)
	}
}

func checkWhole(t *testing.T, file string, told uint64) {
	t.Helper()
	s := open(t, "sqlite:"+file, Options{})
	defer s.Close()
	got := kept(t, s, time.Time{})
	if told == 0 || got.Flows < told || len(got.Conversations) != 300 || len(s.lost) > 0 {
		t.Fatalf("acknowledged were %d, stored are %d and %d conversations; notes %v", told, got.Flows, len(got.Conversations), s.Notes())
	}
	for i := range got.Conversations {
		if n := got.Conversations[i].Flows; n != got.Flows {
			t.Fatalf("half a batch: one row is of batch %d, the coverage of batch %d", n, got.Flows)
		}
	}
}

// writeWithoutRoom lets the system refuse to write any further, as a full disk
// does.
func writeWithoutRoom(file string) error {
	ctx := context.Background()
	s, err := Open(ctx, "sqlite:"+file, Options{})
	if err != nil {
		return err
	}
	if err := s.Keep(ctx, batch("a", 50, noon())); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := limitFiles(256 << 10); err != nil {
		return err
	}
	for range 3 {
		if err := s.Keep(ctx, batch("a", 5000, noon())); err == nil {
			return errors.New("a batch that found no room was acknowledged")
		}
		if got, err := s.Kept(ctx, time.Time{}); err != nil || len(got.Conversations) != 50 {
			return fmt.Errorf("after the failure: %v, %w", got, err)
		}
	}
	if err := limitFiles(1 << 30); err != nil {
		return err
	}
	if err := s.Keep(ctx, batch("a", 5000, noon())); err != nil {
		return err
	}
	return s.Close()
}

func limitFiles(size uint64) error {
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: 1 << 40})
}

func TestAFullDiskLosesNothingAndTakesTheBatchLater(t *testing.T) {
	file := filepath.Join(t.TempDir(), "store.db")
	if err := child(t, "full", file).Run(); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, open(t, "sqlite:"+file, Options{}), time.Time{}); len(got.Conversations) != 5000 {
		t.Errorf("%d conversations, want 5000", len(got.Conversations))
	}
}
