package cluster

import (
	"context"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

func (k Kind) resource() schema.GroupResource {
	return schema.GroupResource{Group: k.Group, Resource: k.Resource}
}

// refresh asks which kinds are served and follows them. Again says that it
// should be asked again soon.
func (f *Follower) refresh(ctx context.Context, c *clients) (again bool, err error) {
	asked, stop := context.WithTimeout(ctx, f.Timeout)
	defer stop()
	what, err := discover(asked, c.typed.Discovery())
	if ctx.Err() != nil {
		return false, nil
	}
	f.reached(err)
	if err != nil {
		return false, err
	}
	again = f.reconcile(ctx, c, what)
	changed := f.readNamed(ctx, c, what)
	if f.changedTrouble() || changed {
		f.ring()
	}
	return again, nil
}

// reached notes whether the API server could be asked.
func (f *Follower) reached(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err == nil && !f.away.IsZero():
		f.Log.Info("api server is back", "away", time.Since(f.away).Round(time.Second))
		f.away, f.awayErr = time.Time{}, nil
	case err != nil && f.away.IsZero():
		f.Log.Warn("api server is away", "err", f.unreachable(context.Background(), err))
		f.away, f.awayErr = time.Now(), err
	}
}

// changedTrouble tells whether other kinds are unreadable than when last asked.
func (f *Follower) changedTrouble() bool {
	now := f.unreadable(time.Now())
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.troubles
	f.troubles = now
	return !slices.EqualFunc(was, now, func(a, b audit.Unreadable) bool { return a.Kind == b.Kind && a.Absent == b.Absent })
}

// reconcile follows the kinds that are served, each in the newest version that
// is known, and drops those that are not. Again says that something is in the
// making.
func (f *Follower) reconcile(ctx context.Context, c *clients, what *served) (again bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range kinds {
		at := k.resource()
		version, why := what.version(k)
		s := f.streams[at]
		switch {
		case s == nil && why != nil:
			f.others[at] = why
		case s == nil:
			f.start(ctx, c, k, version)
		case why != nil:
			again = f.miss(s, why) || again
		default:
			s.missing = 0
			again = f.renew(ctx, c, s, version) || again
		}
	}
	return again
}

// miss notes that a kind that is followed is not served. A server that is
// starting does not tell of all its kinds at once; so only what is missing twice
// is gone. Where the server can't tell, what is known stays.
func (f *Follower) miss(s *stream, why *audit.Unreadable) (again bool) {
	if !why.Absent {
		return false
	}
	if s.missing++; s.missing < 2 {
		return true
	}
	f.Log.Info("kind is no longer served", "kind", s.kind.String())
	f.end(s)
	if s.next != nil {
		f.end(s.next)
	}
	delete(f.streams, s.kind.resource())
	f.others[s.kind.resource()] = why
	f.forget(s, nil)
	return false
}

// start follows a kind. One that can't be followed is unreadable.
func (f *Follower) start(ctx context.Context, c *clients, k Kind, version string) {
	s, err := f.stream(ctx, c, k, version)
	if err != nil {
		f.others[k.resource()] = &audit.Unreadable{Kind: k.String(), Reason: err.Error()}
		return
	}
	delete(f.others, k.resource())
	f.streams[k.resource()] = s
}

// renew changes to another version of a kind, if there is a better one: the old
// one is followed until the new one is read whole, so that nothing seems to
// vanish in between.
func (f *Follower) renew(ctx context.Context, c *clients, s *stream, version string) (again bool) {
	switch {
	case s.version == version:
		if s.next != nil {
			f.end(s.next)
			s.next = nil
		}
		return false
	case s.next == nil || s.next.version != version:
		if s.next != nil {
			f.end(s.next)
		}
		next, err := f.stream(ctx, c, s.kind, version)
		if err != nil {
			f.Log.Warn("can't change to another version", "kind", s.kind.String(), "err", err)
			return false
		}
		s.next = next
		return true
	case !s.next.read():
		return true
	}
	f.end(s)
	f.streams[s.kind.resource()] = s.next
	f.forget(s, s.next)
	return false
}

// forget drops the objects of a stream that ended, except those that its
// successor has.
func (f *Follower) forget(s, successor *stream) {
	delete(f.built, s.part())
	if s.kind.role != asPolicy {
		return
	}
	now := time.Now()
	for _, obj := range s.informer.GetStore().List() {
		h, ok := obj.(*held)
		if !ok {
			continue
		}
		if successor != nil {
			if _, stays, _ := successor.informer.GetStore().Get(obj); stays {
				continue
			}
		}
		f.history.apply(change{ref: h.ref(s.kind), at: now})
	}
}

func (f *Follower) end(s *stream) {
	s.dropped = true
	s.stop()
}

// stream runs an informer.
func (f *Follower) stream(ctx context.Context, c *clients, k Kind, version string) (*stream, error) {
	s, err := newStream(c, k, version, f.sharing)
	if err != nil {
		return nil, err
	}
	seen, err := s.informer.AddEventHandler(cache.ResourceEventHandlerDetailedFuncs{
		AddFunc:    func(obj any, initial bool) { f.event(s, nil, obj, initial) },
		UpdateFunc: func(old, obj any) { f.event(s, old, obj, false) },
		DeleteFunc: func(old any) { f.event(s, old, nil, false) },
	})
	if err != nil {
		return nil, err
	}
	s.synced = seen.HasSyncedChecker().Done()
	ctx, s.stop = context.WithCancel(ctx)
	f.running.Go(func() { s.informer.RunWithContext(ctx) })
	return s, nil
}
