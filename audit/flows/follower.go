package flows

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/segproof/segproof/audit"
)

// A Follower follows Hubble Relay, or the agent of one node, for as long as it
// runs, and tells at any time what was carried so far. It is an audit.Network.
// The zero value of each field but Address means the default.
type Follower struct {
	Address string        // host:port, unix:///path, or tls://host:port
	TLS     TLSOptions    // plaintext if nothing is set; the files are read again at every connection
	Since   time.Duration // how far back to ask at first, where no keeper knows better; 0 not at all
	Mask    bool          // ask only for the fields that are read: less to carry, but the node pays for it
	Log     *slog.Logger  // may be nil

	// Window is how long conversations are remembered after their last flow.
	// Default 24 h.
	Window time.Duration
	// HoldBack is how long a flow waits for news of the policies that were in
	// force when it happened. Default 20 s.
	HoldBack time.Duration
	// SilentAfter is how long a node may say nothing until it counts as silent.
	// Default 10 min.
	SilentAfter time.Duration

	Keeper     audit.Keeper  // may be nil
	FlushEvery time.Duration // default 10 s
	Writer     string        // names this process to the keeper; the host if empty. Every start gets a name of its own

	// What follows is for one who follows a single node, and knows nothing of the
	// cluster: a collector.

	// Grid, if not zero, is how long a conversation lasts at most, where no cut
	// divides it: news of a change that comes too late spoils no more than that.
	Grid time.Duration
	// Cuts, if not nil, tells of the changes at a time and later. It is asked before
	// each batch.
	Cuts func(context.Context, time.Time) ([]audit.Cut, error)
	// Heartbeat, if not zero, is how often the keeper is told at least that the node
	// is listened to, though it says nothing.
	Heartbeat time.Duration
	// Await waits for the keeper at the start, however long that takes, rather than
	// follow without knowing what is kept.
	Await bool

	// OnNew, if not nil, is told every second of conversations that were not
	// there before, each with its first flow, and again in every interval
	// between cuts. It must not take long.
	OnNew func([]audit.Conversation)

	Options

	mu  sync.Mutex
	led *ledger
	ran bool
}

// ledger is made at first use.
func (f *Follower) ledger() *ledger {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.led == nil {
		f.led = newLedger(f)
	}
	return f.led
}

// begin is the ledger of a run. One that ran before begins anew: the keeper has
// what it knew.
func (f *Follower) begin() *ledger {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.led == nil || f.ran {
		f.led = newLedger(f)
	}
	f.ran = true
	return f.led
}

func (f *Follower) silentAfter() time.Duration { return cmp.Or(f.SilentAfter, 10*time.Minute) }

func (f *Follower) window() time.Duration { return cmp.Or(f.Window, 24*time.Hour) }

func (f *Follower) log() *slog.Logger {
	if f.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return f.Log
}

// Run follows until ctx ends, and returns nil then: whatever befalls the stream
// or the keeper is tried again. Everything that was received is merged and kept
// before it returns. It is an error if the address or the files for TLS are wrong.
// It may run again afterwards, and then goes on from what the keeper has.
func (f *Follower) Run(ctx context.Context) error {
	if _, err := newDialer(f.Address, f.TLS); err != nil {
		return err
	}
	l, q := f.begin(), newQueue()
	l.start(time.Now())
	f.recall(ctx)
	var group errgroup.Group
	group.Go(func() error {
		defer close(q.frames)
		f.follow(ctx, q)
		return nil
	})
	group.Go(func() error {
		l.merge(q)
		return nil
	})
	group.Go(func() error {
		f.tick(ctx)
		return nil
	})
	group.Go(func() error {
		f.keep(ctx)
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	f.last(ctx)
	return nil
}

// lastTimeout is how long the keeper may take when everything ends.
const lastTimeout = 10 * time.Second

// last merges and keeps what is left.
func (f *Follower) last(ctx context.Context) {
	l := f.ledger()
	l.end()
	if f.Keeper == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTimeout)
	defer cancel()
	if err := f.flush(ctx); err != nil {
		f.log().Error("the last conversations are not kept", "err", err)
	}
}

// tick does every second what time demands.
func (f *Follower) tick(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			if news := f.ledger().pass(now); len(news) > 0 && f.OnNew != nil {
				f.OnNew(news)
			}
		}
	}
}

// Cut tells of a change, so that no conversation will span it. Flows that are
// held back heed it even if they came before.
func (f *Follower) Cut(c audit.Cut) {
	l := f.ledger()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cuts.add(c)
}

var errNotFollowed = errors.New("not connected yet")

// Traffic tells what was carried up to now. It does not wait: what is still to
// come is in the next one. It is an error if nothing could be heard so far.
func (f *Follower) Traffic(_ context.Context, h audit.Hints) (*audit.Traffic, error) {
	l := f.ledger()
	t, b, kept := l.freeze(h, time.Now())
	if b == nil {
		return nil, f.Ready()
	}
	var folded uint64
	t.Conversations, folded = b.conversations(nil)
	t.Folded += folded
	kept.into(t)
	return t, nil
}

// Ready tells whether flows are coming in: nil if the stream is up.
func (f *Follower) Ready() error {
	l := f.ledger()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.up:
		return nil
	case l.broken != nil:
		return fmt.Errorf("hubble %s: no flows since %s: %w", f.Address, l.downSince.UTC().Format(time.RFC3339), l.broken)
	}
	return fmt.Errorf("hubble %s: %w", f.Address, errNotFollowed)
}

// Stats are counts since the start.
type Stats struct {
	Flows         map[string]uint64 // by node; of nodes that are too many under one name
	Lost          map[string]uint64 // by who lost them
	Bad           int               // records that could not be read
	Nodes         map[string]int    // how many are in which state
	Reconnects    uint64
	Gaps          int
	Conversations int    // in memory
	Held          int    // flows held back
	Early         uint64 // flows that were not held back as long as they should, for want of room
	Expired       uint64 // conversations older than the window
	Folded        uint64 // flows for which there was no room
	Unannounced   uint64 // new conversations that OnNew was not told of, for want of room
	Unkept        uint64 // times that the keeper failed
	Blocked       time.Duration
}

// Stats tells the counts.
func (f *Follower) Stats() Stats {
	l := f.ledger()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Flows, s.Lost, s.Nodes = map[string]uint64{}, maps.Clone(l.lostBy), map[string]int{}
	for name, n := range l.nodes {
		s.Flows[name] = n.flows
		s.Nodes[cmp.Or(n.standing.state.String(), "heard")]++
	}
	s.Bad, s.Gaps, s.Conversations, s.Held = l.bad, len(l.gaps), l.book.tallies, l.held.count
	s.Folded = l.book.folded
	s.Blocked = time.Duration(l.blocked.Load())
	return s
}
