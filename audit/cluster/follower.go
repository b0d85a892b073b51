package cluster

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/segproof/segproof/audit"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// Options say how an API server is read.
type Options struct {
	Config   *rest.Config
	Name     string        // what to call the cluster if Cilium's settings don't name it
	Timeout  time.Duration // for the first reading of each kind; 60 seconds if zero
	History  time.Duration // how far back former policies and pods are remembered; 24 hours if zero
	Coalesce time.Duration // changes of policy closer together are one; a second if zero
	OnChange func()        // rings when something changed that an audit may say otherwise of; must return at once
	// OnCut is told at once of every instant at which what is declared changes,
	// once it was read for the first time. It must return at once, and ask nothing
	// of the follower. May be nil.
	OnCut func(audit.Cut)
	Log   *slog.Logger // may be nil
}

// A Follower follows what is declared in an API server, and remembers what was.
// Its Inventory is at hand at once.
//
// What can't be followed is unreadable, as if it had never been read, and what
// is known of it is in the inventory all the same. Kinds may appear, vanish or
// change their version, and rights may come and go, while it runs.
type Follower struct {
	Options
	sharing *sharing
	poke    chan struct{} // of capacity one: look again at which kinds are served
	ready   chan struct{} // closed once every kind was read, refused or given up on
	running sync.WaitGroup

	mu       sync.Mutex
	streams  map[schema.GroupResource]*stream
	others   map[schema.GroupResource]*audit.Unreadable // kinds that are not followed, and why
	built    map[part]*audit.Inventory                  // until one of its kinds changes
	named    map[audit.Ref]*named
	history  *history
	memory   memory
	away     time.Time // since when the API server can't be reached; zero if it can
	awayErr  error
	troubles []audit.Unreadable // when last looked
}

// Follow makes a Follower. It does nothing until it runs.
func Follow(o Options) *Follower {
	o.Timeout = cmp.Or(o.Timeout, time.Minute)
	o.History = cmp.Or(o.History, 24*time.Hour)
	o.Coalesce = cmp.Or(o.Coalesce, time.Second)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.OnChange == nil {
		o.OnChange = func() {}
	}
	if o.OnCut == nil {
		o.OnCut = func(audit.Cut) {}
	}
	return &Follower{
		Options: o, sharing: newSharing(),
		poke: make(chan struct{}, 1), ready: make(chan struct{}),
		streams: map[schema.GroupResource]*stream{}, others: map[schema.GroupResource]*audit.Unreadable{},
		built: map[part]*audit.Inventory{}, named: map[audit.Ref]*named{},
		history: newHistory(o.History, o.Coalesce, time.Now()), memory: memory{window: o.History},
	}
}

// Run follows until ctx ends, and returns nil then. It runs once.
func (f *Follower) Run(ctx context.Context) error {
	c, err := f.connect()
	if err != nil {
		return fmt.Errorf("connect to the API server: %w", err)
	}
	f.run(ctx, c)
	return nil
}

// How often the API server is asked which kinds it serves: at random in between,
// so that not everybody asks at once; sooner if there is a reason to.
const (
	seldom = 60 * time.Second
	often  = 30 * time.Second
	soon   = 5 * time.Second
)

func (f *Follower) run(ctx context.Context, c *clients) {
	ctx, cancel := context.WithCancel(quietly(ctx))
	defer f.running.Wait()
	defer cancel()
	first := true
	for tries := 0; ctx.Err() == nil; tries++ {
		again, err := f.refresh(ctx, c)
		wait := often + rand.N(seldom-often)
		switch {
		case err != nil:
			wait = min(time.Second<<min(tries, 5), often)
			wait += rand.N(wait)
		case again:
			wait = soon
		}
		if err == nil {
			tries = 0
			if first {
				first = false
				f.running.Go(func() { f.settle(ctx) })
			}
		}
		f.pause(ctx, wait, err != nil)
	}
}

// pause waits, at most until it is poked, and then a moment, since what pokes
// mostly pokes often. While the API server is away everything does, and it waits.
func (f *Follower) pause(ctx context.Context, d time.Duration, away bool) {
	poke := f.poke
	if away {
		poke = nil
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(d):
		return
	case <-poke:
	}
	select {
	case <-ctx.Done():
	case <-time.After(min(d, time.Second)):
	}
}

func (f *Follower) again() {
	select {
	case f.poke <- struct{}{}:
	default:
	}
}

// quietly keeps client-go from logging: what it would log is told as unreadable.
func quietly(ctx context.Context) context.Context {
	return klog.NewContext(ctx, logr.Discard())
}

// settle waits until every kind was read or refused, for the first time.
func (f *Follower) settle(ctx context.Context) {
	deadline, stop := context.WithTimeout(ctx, f.Timeout)
	defer stop()
	for _, s := range f.following() {
		s.wait(deadline)
	}
	if ctx.Err() == nil {
		f.changedTrouble()
		close(f.ready)
		f.Log.Debug("cluster read", "unreadable", len(f.unreadable(time.Now())))
		f.OnChange()
	}
}

// following lists the streams, in order.
func (f *Follower) following() []*stream {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ordered()
}

func (f *Follower) ordered() []*stream {
	var out []*stream
	for _, k := range kinds {
		if s := f.streams[k.resource()]; s != nil {
			out = append(out, s)
		}
	}
	return out
}

// Ready returns nil once every kind was read or refused, or time for it was up.
func (f *Follower) Ready() error {
	select {
	case <-f.ready:
		return nil
	default:
	}
	var unread []string
	for _, s := range f.following() {
		select {
		case <-s.refused:
		default:
			if !s.read() {
				unread = append(unread, s.kind.String())
			}
		}
	}
	if len(unread) == 0 {
		return fmt.Errorf("read the API server: not asked yet")
	}
	return fmt.Errorf("read the API server: not read yet: %s", strings.Join(unread[:min(5, len(unread))], ", "))
}

// Inventory returns what is followed, as it is now. It waits only until
// everything was read for the first time. What it returns is never changed, and
// shares what has not changed with what it returned before.
func (f *Follower) Inventory(ctx context.Context) (*audit.Inventory, error) {
	select {
	case <-f.ready:
	case <-ctx.Done():
		return nil, fmt.Errorf("read the API server: %w", context.Cause(ctx))
	}
	return f.snapshot(time.Now()), nil
}

// unreadable lists the kinds of which not all is known, in order.
func (f *Follower) unreadable(now time.Time) []audit.Unreadable {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []audit.Unreadable
	for _, u := range f.others {
		out = append(out, *u)
	}
	for _, s := range f.streams {
		if u := s.unreadable(now); u != nil {
			out = append(out, *u)
		}
	}
	for _, n := range f.named {
		if n.trouble != nil {
			out = append(out, *n.trouble)
		}
	}
	slices.SortFunc(out, func(a, b audit.Unreadable) int { return cmp.Compare(a.Kind, b.Kind) })
	return out
}
