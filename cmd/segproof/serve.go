package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/segproof/segproof/audit"
)

// A latest keeps the newest report, to be served. It is an audit.Reporter.
type latest struct {
	mu     sync.Mutex
	report *audit.Report
	cached map[string][]byte // by format, of this report
}

func (l *latest) Report(_ context.Context, r *audit.Report) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report, l.cached = r, map[string][]byte{}
	return nil
}

// render writes the newest report in a format, once for all who ask; nil if
// there is no report yet.
func (l *latest) render(ctx context.Context, format string, to func(*bytes.Buffer) audit.Reporter) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.report == nil || l.cached[format] != nil {
		return l.cached[format], nil
	}
	var b bytes.Buffer
	if err := to(&b).Report(ctx, l.report); err != nil {
		return nil, err
	}
	l.cached[format] = b.Bytes()
	return b.Bytes(), nil
}

// A document is one form in which the newest report is served.
type document struct {
	path, contentType string
	reporter          func(*bytes.Buffer) audit.Reporter
}

// A site serves health, metrics and the newest report. It only reads, and tells
// no secret; who may reach it is a matter of network policy.
type site struct {
	latest    *latest
	documents []document
	ready     []func() error // each nil once its part is ready
	metrics   http.Handler
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", s.metrics)
	for _, d := range s.documents {
		mux.HandleFunc("GET "+d.path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, d) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		mux.ServeHTTP(w, r)
	})
}

func (s *site) readyz(w http.ResponseWriter, _ *http.Request) {
	var lacks []error
	for _, ready := range s.ready {
		if err := ready(); err != nil {
			lacks = append(lacks, err)
		}
	}
	if err := errors.Join(lacks...); err != nil {
		http.Error(w, clean(err.Error()), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (s *site) serve(w http.ResponseWriter, r *http.Request, d document) {
	b, err := s.latest.render(r.Context(), d.path, d.reporter)
	switch {
	case err != nil:
		http.Error(w, "the report could not be rendered: "+clean(err.Error()), http.StatusInternalServerError)
	case b == nil:
		w.Header().Set("Retry-After", "30")
		http.Error(w, "no audit has been made yet; the first begins once the cluster and the flows are read, see /readyz", http.StatusServiceUnavailable)
	default:
		w.Header().Set("Content-Type", d.contentType)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	}
}

// run serves until ctx ends, and then lets answers under way finish.
func (s *site) run(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(within) // what takes longer is cut off
	})
	err := server.Serve(l)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
