package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segproof/segproof/audit"
	"k8s.io/client-go/rest"
)

// A happening is what watches of a path tell of.
type happening struct {
	version int
	path    string
	kind    string // ADDED, MODIFIED, DELETED
	object  any
}

// watch tells what happened since the version that is asked for, and what
// happens; of a version that is forgotten it says so. The lock is held when it
// is called, and when it returns.
func (s *server) watch(w http.ResponseWriter, r *http.Request) {
	from, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	for {
		var out []any
		forgotten := from < s.oldest || s.objects[r.URL.Path] == nil
		for _, h := range s.log {
			if h.version > from && h.path == r.URL.Path {
				out = append(out, map[string]any{"type": h.kind, "object": h.object})
			}
		}
		from = s.version
		if forgotten {
			out = []any{map[string]any{"type": "ERROR", "object": map[string]any{
				"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "Expired", "code": http.StatusGone,
			}}}
		}
		news := s.news
		s.mu.Unlock()
		for _, e := range out {
			_ = json.NewEncoder(w).Encode(e)
		}
		w.(http.Flusher).Flush()
		if !forgotten {
			select {
			case <-news:
			case <-r.Context().Done():
				forgotten = true
			}
		}
		s.mu.Lock()
		if forgotten {
			return
		}
	}
}

// set changes the server, and wakes its watches.
func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.news)
	s.news = make(chan struct{})
}

// apply stores an object, in place of one of that name.
func (s *server) apply(t *testing.T, text string) {
	t.Helper()
	v, err := ours(text)
	if err != nil {
		t.Fatal(err)
	}
	u := v.(map[string]any)
	path, _ := s.place(u)
	s.set(func() {
		s.version++
		u["metadata"].(map[string]any)["resourceVersion"] = strconv.Itoa(s.version)
		kind := "ADDED"
		if i := s.index(path, u); i >= 0 {
			kind = "MODIFIED"
			s.objects[path] = slices.Delete(slices.Clone(s.objects[path]), i, i+1)
		}
		s.objects[path] = append(slices.Clone(s.objects[path]), u)
		s.log = append(s.log, happening{s.version, path, kind, u})
	})
}

// remove deletes the object of that name.
func (s *server) remove(t *testing.T, text string) {
	t.Helper()
	v, err := ours(text)
	if err != nil {
		t.Fatal(err)
	}
	u := v.(map[string]any)
	path, _ := s.place(u)
	s.set(func() {
		i := s.index(path, u)
		if i < 0 {
			t.Fatalf("no such object: %s", text)
		}
		s.version++
		s.objects[path] = slices.Delete(slices.Clone(s.objects[path]), i, i+1)
		u["metadata"].(map[string]any)["resourceVersion"] = strconv.Itoa(s.version)
		s.log = append(s.log, happening{s.version, path, "DELETED", u})
	})
}

// place finds where an object is listed.
func (s *server) place(u map[string]any) (string, Kind) {
	gv, kind := u["apiVersion"].(string), u["kind"].(string)
	for _, k := range kinds {
		if at := listPath(gv, k.Resource); k.Kind == kind && s.objects[at] != nil {
			return at, k
		}
	}
	return "", Kind{}
}

func (s *server) index(path string, u map[string]any) int {
	name := func(v any) [2]any {
		m := v.(map[string]any)["metadata"].(map[string]any)
		return [2]any{m["namespace"], m["name"]}
	}
	return slices.IndexFunc(s.objects[path], func(v any) bool { return name(v) == name(u) })
}

// forget ends all watches: what happened is no longer told.
func (s *server) forget() {
	s.set(func() {
		s.version++
		s.log, s.oldest = nil, s.version
	})
}

// A wire leads to the server in memory, so that time may be that of a bubble.
type wire struct {
	conns  chan net.Conn
	closed chan struct{}
	mu     sync.Mutex
	open   []net.Conn
	cut    bool
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error {
	select {
	case <-w.closed:
	default:
		close(w.closed)
	}
	return nil
}

func (w *wire) Addr() net.Addr { return &net.UnixAddr{Name: "wire", Net: "memory"} }

func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return nil, errors.New("connection refused")
	}
	near, far := net.Pipe()
	w.open = append(w.open, near)
	select {
	case w.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// down cuts all connections; no other is made until it is mended.
func (w *wire) down(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	for _, c := range w.open {
		c.Close()
	}
	w.open = nil
}

// A rig is a follower, the server that it follows, and the wire between.
type rig struct {
	*testing.T
	f      *Follower
	server *server
	wire   *wire
	rings  int
	cuts   []audit.Cut
}

// following runs a test with a follower that has read the server, which may
// have been changed before. Within the test it takes no time to wait.
func following(t *testing.T, prepare func(*server), test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, server: newServer(), wire: &wire{conns: make(chan net.Conn), closed: make(chan struct{})}}
		if prepare != nil {
			prepare(r.server)
		}
		h := &http.Server{Handler: r.server}
		var running sync.WaitGroup
		running.Go(func() { _ = h.Serve(r.wire) })
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		r.f = Follow(Options{
			Config: &rest.Config{Host: "http://cluster.test", Dial: r.wire.dial}, Name: "lab",
			OnChange: func() { mu.Lock(); defer mu.Unlock(); r.rings++ },
			OnCut:    func(c audit.Cut) { mu.Lock(); defer mu.Unlock(); r.cuts = append(r.cuts, c) },
		})
		running.Go(func() {
			if err := r.f.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		defer func() {
			cancel()
			_ = h.Close()
			r.wire.down(true)
			running.Wait()
		}()
		r.inventory()
		r.later(5 * time.Second) // until all watches are open
		test(r)
	})
}

// inventory is what is followed, once all has arrived that is on its way.
func (r *rig) inventory() *audit.Inventory {
	r.Helper()
	synctest.Wait()
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Minute)
	defer cancel()
	inv, err := r.f.Inventory(ctx)
	if err != nil {
		r.Fatal(err)
	}
	return inv
}

// later lets time pass.
func (r *rig) later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// why is the reason for which a kind is unreadable; "" if it is not.
func why(inv *audit.Inventory, kind string) string {
	for _, u := range inv.Unreadable {
		if u.Kind == kind {
			return u.Reason
		}
	}
	return ""
}
