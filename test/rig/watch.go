package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"testing"

	"github.com/segproof/segproof/audit"
)

// A Daemon is a running segproof watch.
type Daemon struct {
	*Process
	URL string
}

// Watch starts segproof watch, and waits until it serves. It ends with the test.
func Watch(t testing.TB, args ...string) *Daemon {
	t.Helper()
	binary := segproof(t)
	address := local(freePorts(t, 1)[0])
	args = append([]string{"watch", "--listen", address}, args...)
	d := &Daemon{URL: "http://" + address}
	d.Process = Start(t, Server{"segproof-watch", func() *exec.Cmd { return exec.Command(binary, args...) }, answers(nil, d.URL+"/healthz")})
	return d
}

// Ready is why the daemon does not follow everything that it should; nil if it
// does.
func (d *Daemon) Ready(ctx context.Context) error { return answers(nil, d.URL+"/readyz")(ctx) }

// Report is the latest report, nil while there is none.
func (d *Daemon) Report(ctx context.Context) (*audit.Report, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL+"/report.json", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return nil, errors.Join(fmt.Errorf("no report: %s: %s", resp.Status, text), err)
	}
	return audit.Decode(resp.Body)
}
