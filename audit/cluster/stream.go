package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segproof/segproof/audit"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// A stream follows one kind in one version.
type stream struct {
	kind     Kind
	version  string
	sharing  *sharing
	informer cache.SharedIndexInformer
	synced   <-chan struct{} // closed once all objects were read and seen
	contact  *contact        // nil if nobody listens to what the server answers
	began    time.Time
	stop     context.CancelFunc

	missing int     // how often in a row the server did not tell of the kind
	next    *stream // that of a newer version, until it is read
	dropped bool    // its events no longer count

	mu      sync.Mutex
	refused chan struct{} // closed once the first list was refused for good
	refusal error         // why
	last    error         // the latest failure of a list that may pass
}

// newStream makes the informer of a kind, and does not run it.
func newStream(c *clients, k Kind, version string, sh *sharing) (*stream, error) {
	s := &stream{kind: k, version: version, sharing: sh, began: time.Now(), refused: make(chan struct{}), stop: func() {}}
	gvr := schema.GroupVersionResource{Group: k.Group, Version: version, Resource: k.Resource}
	if k.builtin() {
		options := []informers.SharedInformerOption{}
		if k.role == asSlice {
			options = append(options, informers.WithTweakListOptions(withoutSelected))
		}
		i, err := informers.NewSharedInformerFactoryWithOptions(c.typed, 0, options...).ForResource(gvr)
		if err != nil {
			return nil, err
		}
		s.informer = i.Informer()
	} else {
		s.informer = dynamicinformer.NewDynamicSharedInformerFactory(c.dynamic, 0).ForResource(gvr).Informer()
	}
	if c.contacts != nil {
		s.contact = c.contacts.of(gvr)
	}
	if err := s.informer.SetTransform(s.hold); err != nil {
		return nil, err
	}
	return s, s.informer.SetWatchErrorHandlerWithContext(func(_ context.Context, r *cache.Reflector, err error) {
		if r.LastSyncResourceVersion() == "" { // else the list came, and only what follows is refused
			s.failed(err)
		}
	})
}

// failed notes why a list was not answered. An informer tries again for ever,
// which is right for a busy server, and for one that says no until the right is
// granted.
func (s *stream) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = err
	if !final(err) {
		return
	}
	if s.refusal == nil {
		close(s.refused)
	}
	s.refusal = err
}

func final(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err) ||
		apierrors.IsMethodNotSupported(err) || apierrors.IsBadRequest(err) || apierrors.IsNotAcceptable(err)
}

// wait returns once the kind was read whole, was refused, or time is up.
func (s *stream) wait(ctx context.Context) {
	select {
	case <-s.synced:
	case <-s.refused:
	case <-ctx.Done():
	}
}

// read tells whether the kind was read whole.
func (s *stream) read() bool {
	select {
	case <-s.synced:
		return true
	default:
		return false
	}
}

var errTime = errors.New("not answered in time")

// trouble is why the kind was not read; nil if it was.
func (s *stream) trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.read():
		return nil
	case s.refusal != nil && final(s.last):
		return s.refusal
	case s.last != nil:
		return fmt.Errorf("%w: %w", errTime, s.last)
	}
	return errTime
}

// unreadable says why what is known of the kind is not what there is; nil if it is.
func (s *stream) unreadable(now time.Time) *audit.Unreadable {
	why := ""
	if err := s.trouble(); err != nil {
		why = s.reason(err, now.Sub(s.began))
	} else if s.contact != nil {
		why = s.contact.stale(s.kind, now)
	}
	if why == "" {
		return nil
	}
	return &audit.Unreadable{Kind: s.kind.String(), Reason: why}
}
