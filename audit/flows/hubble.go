package flows

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cilium/cilium/api/v1/observer"

	"github.com/segproof/segproof/audit"
)

// Hubble asks Hubble Relay, or the agent of one node, once. It is an
// audit.Network. [Follower] goes on asking.
type Hubble struct {
	Address string        // host:port, unix:///path, or tls://host:port
	TLS     TLSOptions    // plaintext if nothing is set
	Since   time.Duration // how far back to ask; 0 for all there is, or with For for what comes
	For     time.Duration // how long to listen for what comes; 0 not to
	Log     *slog.Logger  // may be nil
	Options
}

// Traffic asks for flows. A stream that breaks is asked again once; what was
// received counts in any case, and the traffic tells of it. It is an error if
// there was no answer at all.
func (h *Hubble) Traffic(ctx context.Context, hints audit.Hints) (*audit.Traffic, error) {
	d, err := newDialer(h.Address, h.TLS)
	if err != nil {
		return nil, err
	}
	server, err := d.link(h.Log)
	if err != nil {
		return nil, err
	}
	defer server.conn.Close()
	l := &listener{link: server, run: newRun(h.Options, hints, remember(h.filled().Remembered))}
	asked := time.Now()
	g, err := server.greet(ctx)
	if err != nil {
		return nil, err
	}
	g.into(l.intake, ever+1) // all that the stream says of a node is newer
	if g.unnamed != "" {
		l.problem(g.unnamed)
	}
	w := wish{follow: h.For > 0}
	if h.Since > 0 {
		w.since = asked.Add(-h.Since)
	}
	if err := l.listen(ctx, w.request(), h.For); err != nil {
		return nil, err
	}
	t := l.run.traffic()
	t.Gaps = l.gaps.told(l.nodes, t.Nodes)
	t.Problems = append(t.Problems, l.problems...)
	if h.Since > 0 {
		t.Asked = asked.Add(-h.Since).UTC()
	} else if h.For > 0 {
		t.Asked = asked.UTC()
	}
	return t, nil
}

// A listener takes in what one server says.
type listener struct {
	*link
	*run
	problems []audit.Problem
}

func (l *listener) problem(text string) {
	l.problems = append(l.problems, audit.Problem{File: "hubble " + l.dialer.address, Err: text})
}

// overlap is how much before the last flow a broken stream is asked again:
// Relay sends the flows of several nodes in order of time only roughly. What
// comes twice is recognised.
const overlap = 10 * time.Second

// errOver ends a stream that has been listened to for long enough.
var errOver = errors.New("time is over")

func (l *listener) listen(ctx context.Context, r *observer.GetFlowsRequest, long time.Duration) error {
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if long > 0 {
		// No deadline: gRPC would tell it to the server, which may be quicker to
		// hang up than we are to notice that it is ours.
		defer time.AfterFunc(long, func() { cancel(errOver) }).Stop()
	}
	for again := false; ; again = true {
		err := l.stream(within, r, l.take)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil, errors.Is(context.Cause(within), errOver):
			return nil
		case again && l.answered():
			l.problem(fmt.Sprintf("the stream broke again, flows after %s are missing: %s", l.until(), reason(err)))
			return nil
		case again && errors.Is(err, errEnded):
			l.problem("no flow came: " + err.Error())
			return nil
		case again:
			return l.dialer.explain(ctx, err)
		case l.answered():
			l.problem(fmt.Sprintf("the stream broke at %s and was asked again: %s", l.until(), reason(err)))
			since := moment(l.last).Add(-overlap)
			r.Since = timestamppb.New(since)
			for _, n := range l.nodes {
				n.broke(since.UnixNano())
			}
		}
		l.log.Warn("hubble's stream broke, asking again", "flows", l.flows, "err", err)
	}
}

// take takes one message.
func (l *listener) take(f frame) error {
	if err := l.takeBytes(f.ReadOnlyData()); err != nil {
		l.refuse(placed{0, audit.Problem{File: "hubble " + l.dialer.address, Err: err.Error()}})
	}
	f.Free()
	return nil
}

// answered tells whether anything came at all.
func (l *listener) answered() bool { return l.last != ever }

func (l *listener) until() string { return moment(l.last).Format(time.RFC3339) }
