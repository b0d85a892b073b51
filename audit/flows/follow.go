package flows

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"
)

// Pauses before a stream that broke is asked again: at first, and at most.
const (
	firstPause = time.Second
	lastPause  = 30 * time.Second
)

// follow asks again and again, until ctx ends.
func (f *Follower) follow(ctx context.Context, q *queue) {
	l := f.ledger()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		before := l.count()
		err := f.ask(ctx, q)
		if ctx.Err() != nil {
			return
		}
		l.broke(err, time.Now())
		if l.count() > before {
			pause = firstPause
		}
		wait := pause/2 + rand.N(pause/2) // not all at once, if many ask
		f.log().Warn("hubble's stream broke, asking again", "after", wait, "err", firstLine(err.Error()))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// ask takes all that one stream gives. It ends with an error, or with ctx.
func (f *Follower) ask(ctx context.Context, q *queue) error {
	d, err := newDialer(f.Address, f.TLS)
	if err != nil {
		return err
	}
	server, err := d.link(f.log())
	if err != nil {
		return err
	}
	defer server.conn.Close()
	g, err := server.greet(ctx)
	if err != nil {
		return err
	}
	l := f.ledger()
	since := l.greeted(g, time.Now())
	f.log().Info("following hubble", "since", since)
	w := wish{since: since, follow: true, mask: f.Mask}
	return server.stream(ctx, w.request(), func(m frame) error { return q.put(ctx, m, &l.blocked) })
}

// count is how much has come.
func (l *ledger) count() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flows + l.lost
}

func (l *ledger) broke(err error, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up || l.broken == nil {
		l.downSince = now
	}
	l.up, l.broken = false, err
}

// greeted notes that the stream is up, and says since when to ask.
func (l *ledger) greeted(g *greeting, now time.Time) (since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ever {
		l.stats.Reconnects++
	}
	l.up, l.ever, l.broken = true, true, nil
	g.into(l.intake, now.UnixNano())
	l.unnamed = g.unnamed
	switch at := l.resumed(); {
	case l.last != ever:
		// A wrong clock must not make us ask for what comes in a year.
		since = moment(min(l.last, l.now)).Add(-overlap)
	case at != never:
		since = moment(at).Add(-overlap)
	case l.follower.Since > 0:
		return moment(l.began).Add(-l.follower.Since)
	default:
		return time.Time{}
	}
	for _, n := range l.nodes {
		n.broke(since.UnixNano())
	}
	return since
}

// resumed is the earliest time up to which an earlier start stored the flows of
// a node, within the window; never if there is none.
func (l *ledger) resumed() int64 {
	at := never
	for _, n := range l.nodes {
		if n.before != ever && n.before > l.began-int64(l.follower.window()) {
			at = min(at, n.before)
		}
	}
	return at
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
