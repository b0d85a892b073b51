package defectdojo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/segproof/segproof/audit"
)

const token = "0123-not-a-real-key"

// A fake is DefectDojo with one product. It refuses what DefectDojo refuses.
type fake struct {
	mu     sync.Mutex
	before []http.HandlerFunc // answers instead, to the first requests
	calls  int
	fields map[string]string // of the last form that was taken
	file   string
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case f.calls <= len(f.before):
		f.before[f.calls-1](w, r)
	case r.URL.Path != "/dojo/api/v2/reimport-scan/":
		http.NotFound(w, r)
	case r.Header.Get("Authorization") != "Token "+token:
		say(w, http.StatusForbidden, map[string]any{"detail": "Invalid token."})
	case r.Method != http.MethodPost:
		say(w, http.StatusMethodNotAllowed, map[string]any{"detail": "Method not allowed."})
	case kind != "multipart/form-data":
		say(w, http.StatusUnsupportedMediaType, map[string]any{"detail": "Unsupported media type."})
	default:
		f.reimport(w, r)
	}
}

func say(w http.ResponseWriter, code int, what map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	b, _ := json.Marshal(what)
	w.Write(b)
}

func (f *fake) reimport(w http.ResponseWriter, r *http.Request) {
	wrong := map[string]any{}
	fields := map[string]string{}
	if err := r.ParseMultipartForm(1 << 20); err != nil {
		say(w, http.StatusBadRequest, map[string]any{"detail": err.Error()})
		return
	}
	for k, v := range r.MultipartForm.Value {
		fields[k] = v[0]
	}
	if fields["scan_type"] != "SARIF" {
		wrong["scan_type"] = []string{fmt.Sprintf("%q is not a valid choice.", fields["scan_type"])}
	}
	for _, k := range []string{"active", "verified", "auto_create_context", "close_old_findings", "do_not_reactivate"} {
		if v, ok := fields[k]; ok && !slices.Contains([]string{"true", "false"}, v) {
			wrong[k] = []string{"Must be a valid boolean."}
		}
	}
	if v, ok := fields["scan_date"]; ok {
		if _, err := time.Parse(time.DateOnly, v); err != nil {
			wrong["scan_date"] = []string{"Date has wrong format."}
		}
	}
	for _, k := range []string{"product_name", "engagement_name"} {
		if fields[k] == "" {
			wrong[k] = []string{k + " parameter missing"}
		}
	}
	if fields["product_name"] != "" && fields["product_name"] != "platform" {
		wrong["message"] = "Product Type name is required when the product does not exist"
	}
	file, _, err := r.FormFile("file")
	if err != nil {
		wrong["file"] = []string{"No file was submitted."}
	}
	if len(wrong) > 0 {
		say(w, http.StatusBadRequest, wrong)
		return
	}
	b, _ := io.ReadAll(file)
	f.fields, f.file = fields, string(b)
	say(w, http.StatusCreated, map[string]any{"test": 7, "test_id": 7, "scan_type": "SARIF"})
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
func options(to http.RoundTripper) Options {
	return Options{
		URL: "http://dojo.test/dojo/", Product: "platform", Engagement: "network policy", Token: token, Transport: to,
		Document: func(*audit.Report) io.WriterTo { return text("the document") },
	}
}

func (l listener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }
