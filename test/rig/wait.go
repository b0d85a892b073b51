package rig

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"
)

// patience is how long a real server may take to come to a state. Most take
// seconds; a machine that builds something else beside takes its time.
const patience = 4 * time.Minute

// Until waits for real servers to come to a state: it asks again and again, and
// fails the test with the last answer when the time is over.
func Until(t testing.TB, within time.Duration, what string, ask func() error) {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			t.Logf("%s: after %.1f s", what, time.Since(began).Seconds())
			return
		}
		if time.Since(began) > within {
			t.Fatalf("%s: not within %s: %v", what, within, err)
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, t.Context().Err())
		}
	}
}

// Pause lets real time pass, where a rule wants evidence over a length of time.
func Pause(t testing.TB, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// freePorts are ports of 127.0.0.1 that nobody listens on at this moment.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var out []int
	for range n {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // after all are found: no port is given twice
		out = append(out, l.Addr().(*net.TCPAddr).Port)
	}
	return out
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// runDir is a folder with a short path: those of sockets are limited.
func runDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rig")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
