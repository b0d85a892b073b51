package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/segproof/segproof/audit"
)

// A Daemon is a running segproof watch or collect.
type Daemon struct {
	*Process
	URL string
}

// Watch starts segproof watch, and waits until it serves. It ends with the test.
func Watch(t testing.TB, args ...string) *Daemon {
	t.Helper()
	return daemon(t, "watch", args)
}

// Collect starts segproof collect, and waits until it serves. It ends with the
// test.
func Collect(t testing.TB, args ...string) *Daemon {
	t.Helper()
	return daemon(t, "collect", args)
}

func daemon(t testing.TB, command string, args []string) *Daemon {
	t.Helper()
	binary := segproof(t)
	run := func(args []string) *exec.Cmd { return exec.Command(binary, append([]string{command}, args...)...) }
	return startDaemon(t, "segproof-"+command, run, args)
}

// WatchOn is [Watch] on a host of that name, as a pod is: replicas tell
// themselves apart by it.
func WatchOn(t testing.TB, host string, args ...string) *Daemon {
	t.Helper()
	alone := []string{"--uts"}
	if os.Geteuid() != 0 {
		alone = append(alone, "--map-root-user")
	}
	alone = append(alone, "sh", "-c", `echo "$0" >/proc/sys/kernel/hostname && exec "$@"`, host, segproof(t), "watch")
	return startDaemon(t, host, func(args []string) *exec.Cmd { return exec.Command("unshare", append(alone, args...)...) }, args)
}

func startDaemon(t testing.TB, name string, command func([]string) *exec.Cmd, args []string) *Daemon {
	t.Helper()
	address := local(freePorts(t, 1)[0])
	args = append([]string{"--listen", address}, args...)
	d := &Daemon{URL: "http://" + address}
	d.Process = Start(t, Server{name, func() *exec.Cmd { return command(args) }, answers(nil, d.URL+"/healthz")})
	return d
}

// Ready is why the daemon does not follow everything that it should; nil if it
// does.
func (d *Daemon) Ready(ctx context.Context) error { return answers(nil, d.URL+"/readyz")(ctx) }

// Report is the latest report, nil while there is none.
func (d *Daemon) Report(ctx context.Context) (*audit.Report, error) {
	body, err := d.get(ctx, "/report.json")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return audit.Decode(body)
}

func (d *Daemon) get(ctx context.Context, path string) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		text, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return nil, errors.Join(fmt.Errorf("GET %s: %s: %s", path, resp.Status, text), err)
	}
	return resp.Body, nil
}

// Metric is the sum of all series of that name which have all of the labels,
// written as label="value"; 0 if there is none.
func (d *Daemon) Metric(ctx context.Context, name string, labels ...string) (float64, error) {
	body, err := d.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	defer body.Close()
	sum, lines := 0.0, bufio.NewScanner(body)
	for lines.Scan() {
		series, text, _ := strings.Cut(lines.Text(), " ")
		if of, _, _ := strings.Cut(series, "{"); of != name || !containsAll(series, labels) {
			continue
		}
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, fmt.Errorf("read metric %s: %w", name, err)
		}
		sum += value
	}
	return sum, lines.Err()
}

func containsAll(s string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}
