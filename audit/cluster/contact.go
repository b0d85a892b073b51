package cluster

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// grace is how long a kind may be out of touch before what is known of it
// counts as stale. Servers end watches all the time, and restart in less.
const grace = 2 * time.Minute

// contacts listens to what the API server answers to lists and watches. Informers
// hide it: they say when a list is refused, and never when it is answered again.
type contacts struct {
	lost  func(*contact) // called when a kind is not found, or the server can't be reached
	mu    sync.Mutex
	paths map[string]*contact
}

// A contact is the touch with one kind. While a watch is open, or if a list was
// answered just now, what is known of the kind is what there is.
type contact struct {
	mu      sync.Mutex
	watches int       // that are open
	heard   time.Time // when a list was last answered, or a watch ended
	refused error     // why a list was refused since it was last answered
	since   time.Time
	last    error     // why the last request failed
	gap     time.Time // from when on nothing was heard before the touch was last regained
	resumed time.Time // when that was
}

func (c *contacts) of(gvr schema.GroupVersionResource) *contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	path := strings.TrimPrefix(gvr.Group+"/"+gvr.Version+"/"+gvr.Resource, "/")
	if c.paths[path] == nil {
		c.paths[path] = &contact{}
	}
	return c.paths[path]
}

// find finds the kind of a request; nil if it is about something else.
func (c *contacts) find(path string) *contact {
	for _, root := range []string{"/apis/", "/api/"} {
		if i := strings.LastIndex(path, root); i >= 0 {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.paths[path[i+len(root):]]
		}
	}
	return nil
}

// A listener is the transport of one client.
type listener struct {
	*contacts
	next http.RoundTripper
}

// RoundTrip passes a request on, and notes the answer.
func (c *listener) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := c.next.RoundTrip(r)
	k := c.find(r.URL.Path)
	if k == nil || r.Context().Err() != nil {
		return answer, err
	}
	watch := r.URL.Query().Get("watch") != ""
	switch {
	case err != nil:
		k.fails(err)
		c.lost(k)
	case answer.StatusCode == http.StatusOK && watch:
		k.opens()
		answer.Body = &watched{ReadCloser: answer.Body, contact: k}
	case answer.StatusCode == http.StatusOK:
		k.lists()
	default:
		k.refuses(answer.StatusCode, watch)
		if answer.StatusCode == http.StatusNotFound {
			c.lost(k)
		}
	}
	return answer, err
}

// WrappedRoundTripper lets client-go find the transport below.
func (c *listener) WrappedRoundTripper() http.RoundTripper { return c.next }

// watched is the body of a watch. Its end is the end of the watch.
type watched struct {
	io.ReadCloser
	contact *contact
	once    sync.Once
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if err != nil {
		w.once.Do(w.contact.ends)
	}
	return n, err
}

func (w *watched) Close() error {
	w.once.Do(w.contact.ends)
	return w.ReadCloser.Close()
}

func (k *contact) opens() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.regained()
	k.watches++
	k.refused, k.last = nil, nil
}

func (k *contact) ends() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.watches--
	k.heard = time.Now()
}

func (k *contact) lists() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.regained()
	k.refused, k.last = nil, nil
}

func (k *contact) regained() {
	now := time.Now()
	if k.watches == 0 && !k.heard.IsZero() && now.Sub(k.heard) > time.Second {
		k.gap, k.resumed = k.heard, now
	}
	k.heard = now
}

func (k *contact) fails(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last = err
}

// refuses notes a refusal. That of a list is meant for good; whoever may only
// list is served by listing again and again.
func (k *contact) refuses(status int, watch bool) {
	err := errors.New(http.StatusText(status))
	if status == http.StatusForbidden || status == http.StatusUnauthorized {
		err = &apierrors.StatusError{ErrStatus: metav1.Status{Reason: map[int]metav1.StatusReason{
			http.StatusForbidden: metav1.StatusReasonForbidden, http.StatusUnauthorized: metav1.StatusReasonUnauthorized,
		}[status]}}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last = err
	if !watch && k.refused == nil && final(err) {
		k.refused, k.since = err, k.heard
	}
}

// stale says why what was once read of a kind may no longer be so; "" if it is.
func (k *contact) stale(kind Kind, now time.Time) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	const rest = "what was read before is used, and may be stale"
	switch {
	case k.watches > 0:
		return ""
	case k.refused != nil:
		return fmt.Sprintf("%s since %s; %s; check: kubectl auth can-i list %s --all-namespaces",
			short(k.refused), clock(k.since), rest, kind)
	case now.Sub(k.heard) <= grace:
		return ""
	case k.last != nil:
		return fmt.Sprintf("not followed since %s (%s); %s", clock(k.heard), short(k.last), rest)
	}
	return fmt.Sprintf("not followed since %s; %s", clock(k.heard), rest)
}

// unsure is from when on nothing was heard, if a change that arrives now is
// likely to be one of those missed then; else zero.
func (k *contact) unsure(now time.Time) time.Time {
	const backlog = 10 * time.Second // what was missed arrives at once
	k.mu.Lock()
	defer k.mu.Unlock()
	if now.Sub(k.resumed) > backlog {
		return time.Time{}
	}
	return k.gap
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }
