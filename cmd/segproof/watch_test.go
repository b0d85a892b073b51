package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segproof/segproof/audit"
)

// The recordings are of a day in 2026: the window reaches back to it.
const patient = `apiVersion: segproof.dev/v1
kind: Config
cluster: lab
watch:
  quiet: 1s
  limit: 5s
  window: 876000h
  retention: 876000h
`

// A daemon is a watch that runs until the test, or the test's own stop, ends it.
type daemon struct {
	url  string
	log  *safeBuffer
	stop context.CancelFunc
	done chan int
}

// safeBuffer is what a daemon writes to while a test reads it.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func watchWith(t *testing.T, args ...string) *daemon {
	t.Helper()
	return watchConfigured(t, patient, args...)
}

func watchConfigured(t *testing.T, text string, args ...string) *daemon {
	t.Helper()
	config := filepath.Join(t.TempDir(), "segproof.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	address := freeAddress(t)
	d := &daemon{url: "http://" + address, log: &safeBuffer{}, stop: stop, done: make(chan int, 1)}
	args = append([]string{"watch", "--config", config, "--listen", address}, args...)
	go func() { d.done <- run(ctx, args, streams{strings.NewReader(""), io.Discard, d.log}) }()
	t.Cleanup(func() { d.end(t) })
	return d
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// end stops the daemon as SIGTERM does, and waits.
func (d *daemon) end(t *testing.T) {
	t.Helper()
	d.stop()
	select {
	case code := <-d.done:
		d.done <- code
		if code != 0 {
			t.Errorf("exit %d\n%s", code, d.log)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("it does not end\n%s", d.log)
	}
}

// until asks again until the answer is good, for half a minute.
func (d *daemon) until(t *testing.T, path string, good func(int, []byte) bool) []byte {
	t.Helper()
	var last string
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < 30*time.Second; <-tick.C {
		r, err := http.Get(d.url + path)
		if err != nil {
			last = err.Error()
			continue
		}
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err == nil && good(r.StatusCode, b) {
			return b
		}
		last = fmt.Sprintf("%d %.2000s", r.StatusCode, b)
	}
	t.Fatalf("GET %s: %s\n%s", path, last, d.log)
	return nil
}

// report is the first one that is good.
func (d *daemon) report(t *testing.T, good func(*audit.Report) bool) *audit.Report {
	t.Helper()
	var found *audit.Report
	d.until(t, "/report.json", func(code int, b []byte) bool {
		if code != http.StatusOK {
			return false
		}
		r, err := audit.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		found = r
		return good(r)
	})
	return found
}

// proven are the findings that tell of the network, not of how well it was seen.
func proven(r *audit.Report) []string {
	return slices.DeleteFunc(keys(r), func(k string) bool { return strings.Contains(k, " evidence-") })
}

func TestWatchFindsWhatASingleAuditOfTheSameFinds(t *testing.T) {
	want := proven(auditFiles(t, lay(t, "not-enforced", false)))
	kubeconfig, hubble := serveObjects(t, "not-enforced", ""), serveFlows(t, "not-enforced")
	store := "sqlite:" + filepath.Join(t.TempDir(), "segproof.db")

	record := filepath.Join(t.TempDir(), "report.json")
	d := watchWith(t, "--kubeconfig", kubeconfig, "--hubble", hubble, "--since", "2000d", "--store", store, "--json", record)
	d.until(t, "/healthz", func(code int, _ []byte) bool { return code == http.StatusOK })
	d.until(t, "/readyz", func(code int, _ []byte) bool { return code == http.StatusOK })
	first := d.report(t, func(r *audit.Report) bool { return slices.Equal(proven(r), want) })
	if first.Run.Trigger != audit.Change && first.Run.Trigger != audit.Urgent {
		t.Errorf("trigger %q", first.Run.Trigger)
	}
	sarif := d.until(t, "/report.sarif", func(code int, _ []byte) bool { return code == http.StatusOK })
	if !bytes.Contains(sarif, []byte(`"enforce-deny-forwarded"`)) {
		t.Errorf("the SARIF served says nothing of the contradiction: %.500s", sarif)
	}
	metrics := string(d.until(t, "/metrics", func(code int, _ []byte) bool { return code == http.StatusOK }))
	for _, m := range []string{"segproof_audits_total{", "segproof_flows_received_total{node=", "segproof_last_success_timestamp_seconds", "segproof_leader 1"} {
		if !strings.Contains(metrics, m) {
			t.Errorf("no metric %s", m)
		}
	}
	d.until(t, "/metrics", func(int, []byte) bool {
		// Who is told after the page was told of what the page serves.
		b, err := os.ReadFile(record)
		if err != nil {
			return false
		}
		told, err := audit.Decode(bytes.NewReader(b))
		return err == nil && !told.Run.Ended.Before(first.Run.Ended)
	})
	d.end(t)

	// Nothing is carried any more, and all is known still.
	again := watchWith(t, "--kubeconfig", kubeconfig, "--hubble", serveFlows(t, ""), "--store", store)
	known := again.report(t, func(r *audit.Report) bool { return slices.Equal(proven(r), want) })
	for _, f := range known.Findings {
		if !strings.HasPrefix(f.Rule, "evidence-") && f.State != audit.Unchanged {
			t.Errorf("%s %s is served as %q, and was served before", f.Rule, f.Fingerprint, f.State)
		}
	}
}

func TestWatchWritesEveryFormatAndOpenReportsIntoTheCluster(t *testing.T) {
	dir := t.TempDir()
	kubeconfig, api := serveAPI(t, "not-enforced", "")
	args := []string{"--kubeconfig", kubeconfig, "--hubble", serveFlows(t, "not-enforced"), "--since", "2000d", "--store", "sqlite:" + filepath.Join(dir, "s.db")}
	formats := map[string]string{
		"html": "<!DOCTYPE html>", "junit": "<testsuites", "markdown": "Segproof", "openreports": "kind: Report", "prometheus": "segproof_findings",
	}
	for name := range formats {
		args = append(args, "--"+name, filepath.Join(dir, "report-"+name+".prom"))
	}
	d := watchConfigured(t, patient+"openreports: {enabled: true}\n", args...)
	d.until(t, "/metrics", func(_ int, b []byte) bool {
		return bytes.Contains(b, []byte(`segproof_target_send_total{status="ok",target="openreports"}`))
	})
	if got := api.written(); len(got) == 0 || !strings.HasPrefix(got[0], "/apis/openreports.io/") {
		t.Errorf("reports written into the cluster are %q", got)
	}
	for name, want := range formats {
		b, err := os.ReadFile(filepath.Join(dir, "report-"+name+".prom"))
		if err != nil || !strings.Contains(strings.ToLower(string(b)), strings.ToLower(want)) {
			t.Errorf("%s: %v, %.300s", name, err, b)
		}
	}
}

func TestTwoReplicasOnOneHostAreTwo(t *testing.T) {
	a, err := replica()
	if err != nil {
		t.Fatal(err)
	}
	b, err := replica()
	if host, _ := os.Hostname(); err != nil || a == b || !strings.HasPrefix(a, host+"_") {
		t.Errorf("%q and %q, error is %v", a, b, err)
	}
}

func TestWatchIsNotReadyAndSaysWhyWhileHubbleIsAway(t *testing.T) {
	d := watchWith(t, "--kubeconfig", serveObjects(t, "enforced", ""), "--hubble", freeAddress(t), "--store", "sqlite:"+filepath.Join(t.TempDir(), "s.db"))
	b := d.until(t, "/readyz", func(code int, b []byte) bool {
		return code == http.StatusServiceUnavailable && bytes.Contains(b, []byte("no flows since"))
	})
	if bytes.Contains(b, []byte("\x1b")) {
		t.Errorf("%q", b)
	}
	r := d.report(t, func(*audit.Report) bool { return true })
	if len(r.Coverage.Problems) == 0 || !strings.Contains(strings.Join(r.Coverage.Problems, "\n"), "no flows since") {
		t.Errorf("the report does not say that no flows were read: %q", r.Coverage.Problems)
	}
}

func TestWhatCanNotWorkIsRefusedBeforeAnythingRuns(t *testing.T) {
	kubeconfig := serveObjects(t, "enforced", "")
	for want, args := range map[string][]string{
		"schedule \"at noon\"":                {"--schedule", "at noon"},
		"expected sqlite:PATH or postgres://": {"--store", "mysql://x"},
		"open the store":                      {"--store", "sqlite:/dev/null/s.db"},
		"listen on 256.0.0.1:1":               {"--listen", "256.0.0.1:1"},
		"unknown flag: --manifests":           {"--manifests", "x"},
		"no such file":                        {"--kubeconfig", "/nowhere"},
	} {
		var errs bytes.Buffer
		args = append([]string{"watch", "--kubeconfig", kubeconfig, "--listen", "127.0.0.1:0", "--store", "sqlite:" + filepath.Join(t.TempDir(), "s.db")}, args...)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		code := run(ctx, args, streams{strings.NewReader(""), io.Discard, &errs})
		cancel()
		if code == 0 || !strings.Contains(errs.String(), want) {
			t.Errorf("%q: exit %d, %q, want %q", args, code, errs.String(), want)
		}
	}
}
