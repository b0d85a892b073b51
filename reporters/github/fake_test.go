package github

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/segproof/segproof/audit"
)

const (
	token = "ghs_not-a-real-token"
	sha   = "0123456789abcdef0123456789abcdef01234567"
)

// A fake is code scanning of the repository o/r. It refuses what GitHub refuses.
type fake struct {
	mu      sync.Mutex
	before  []http.HandlerFunc // answers instead, to the first requests
	calls   int
	pending int               // how often a document is still being read
	failed  []string          // what it has against every document
	taken   map[string]string // documents by category
	asked   map[string]int
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.calls <= len(f.before) {
		f.before[f.calls-1](w, r)
		return
	}
	const path = "/api/v3/repos/o/r/code-scanning/sarifs"
	id, isStatus := strings.CutPrefix(r.URL.Path, path+"/")
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		say(w, http.StatusUnauthorized, "Bad credentials")
	case r.Method == http.MethodPost && r.URL.Path == path:
		f.upload(w, r)
	case r.Method == http.MethodGet && isStatus:
		f.status(w, id)
	default:
		say(w, http.StatusNotFound, "Not Found")
	}
}

func say(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	b, _ := json.Marshal(map[string]string{"message": message, "documentation_url": "https://docs.github.com/rest"})
	w.Write(b)
}

func (f *fake) upload(w http.ResponseWriter, r *http.Request) {
	var body map[string]string
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		say(w, http.StatusBadRequest, "Problems parsing JSON")
		return
	}
	doc, err := unpack(body["sarif"])
	switch {
	case !regexp.MustCompile(`^[0-9a-fA-F]{40}$`).MatchString(body["commit_sha"]):
		say(w, http.StatusUnprocessableEntity, "commit_sha is not a full commit")
	case !regexp.MustCompile(`^refs/(heads|tags)/.+$|^refs/pull/\d+/(merge|head)$`).MatchString(body["ref"]):
		say(w, http.StatusUnprocessableEntity, "ref does not match")
	case err != nil:
		say(w, http.StatusBadRequest, err.Error())
	default:
		if f.taken == nil {
			f.taken, f.asked = map[string]string{}, map[string]int{}
		}
		f.taken[string(doc)] = body["ref"]
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, `{"id":"47177e22-%d","url":"https://api.github.com/x"}`, len(f.taken))
	}
}

func unpack(s string) ([]byte, error) {
	packed, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("sarif is not base64: %w", err)
	}
	if len(packed) > 10<<20 {
		return nil, fmt.Errorf("sarif is too large")
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("sarif is not gzip: %w", err)
	}
	return io.ReadAll(z)
}

func (f *fake) status(w http.ResponseWriter, id string) {
	f.asked[id]++
	switch {
	case f.asked[id] == 1:
		say(w, http.StatusNotFound, "Not Found") // it is not known at once
	case f.asked[id] <= 1+f.pending:
		fmt.Fprint(w, `{"processing_status":"pending"}`)
	case f.failed != nil:
		b, _ := json.Marshal(map[string]any{"processing_status": "failed", "errors": f.failed})
		w.Write(b)
	default:
		fmt.Fprint(w, `{"processing_status":"complete","analyses_url":"https://api.github.com/y"}`)
	}
}

// serve runs a server in memory, without a real network, so that it can also
// run in a bubble of synctest. Every name leads to it.
func serve(t *testing.T, h http.Handler) http.RoundTripper {
	l := listener{conns: make(chan net.Conn)}
	l.ctx, l.end = context.WithCancel(context.Background())
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		select {
		case l.conns <- theirs:
			return ours, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	server.Start()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	})
	return transport
}

type listener struct {
	conns chan net.Conn
	ctx   context.Context
	end   context.CancelFunc
}

func (l listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (l listener) Close() error {
	l.end()
	return nil
}

// text is a document.
type text string

func (d text) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, string(d))
	return int64(n), err
}

// options lead to the server that the transport leads to.
func options(to http.RoundTripper, docs ...io.WriterTo) Options {
	return Options{
		Repository: "o/r", Ref: "refs/heads/main", Commit: sha, Token: token, API: "http://github.test/api/v3/", Transport: to,
		Documents: func(*audit.Report) []io.WriterTo { return docs },
	}
}

func (l listener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }
