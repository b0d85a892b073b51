package flows

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cilium/cilium/api/v1/flow"
	"github.com/cilium/cilium/api/v1/observer"

	"github.com/segproof/segproof/audit"
)

// Hubble asks Hubble Relay, or the agent of one node. It is an audit.Network.
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
	d, err := h.dialer()
	if err != nil {
		return nil, err
	}
	conn, err := d.client()
	if err != nil {
		return nil, fmt.Errorf("hubble %s: %w", h.Address, err)
	}
	defer conn.Close()
	l := &listener{
		client: observer.NewObserverClient(conn), dialer: d, log: h.Log,
		in: newIntake(h.Options, hints, remember(h.filled().Remembered)),
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	asked := time.Now()
	if err := l.greet(ctx); err != nil {
		return nil, err
	}
	if err := l.listen(ctx, h.request(asked), h.For); err != nil {
		return nil, err
	}
	t := l.in.traffic()
	t.Problems = append(t.Problems, l.problems...)
	if h.Since > 0 {
		t.Asked = asked.Add(-h.Since).UTC()
	} else if h.For > 0 {
		t.Asked = asked.UTC()
	}
	return t, nil
}

// request asks for the events that can prove something. Traces at other points
// are taken before any decision.
func (h *Hubble) request(now time.Time) *observer.GetFlowsRequest {
	r := &observer.GetFlowsRequest{Follow: h.For > 0}
	if h.Since > 0 {
		r.Since = timestamppb.New(now.Add(-h.Since))
	}
	var types []*flow.EventTypeFilter
	for _, kind := range []int32{kindVerdict, kindDrop, kindL7} {
		types = append(types, &flow.EventTypeFilter{Type: kind})
	}
	for _, p := range []point{0, toHost, toStack, toOverlay, toNetwork, toCrypto} {
		types = append(types, &flow.EventTypeFilter{Type: kindTrace, MatchSubType: true, SubType: int32(p)})
	}
	r.Whitelist = []*flow.FlowFilter{{EventType: types}}
	return r
}

// A listener talks to one server.
type listener struct {
	client   observer.ObserverClient
	dialer   *dialer
	log      *slog.Logger
	in       *intake
	problems []audit.Problem
}

// greet asks how the server and its nodes are. A server that answers with a
// refusal may still serve flows; one that can't be reached is an error.
func (l *listener) greet(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	s, err := l.client.ServerStatus(within, &observer.ServerStatusRequest{})
	switch status.Code(err) {
	case codes.OK:
		l.server(s)
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return l.dialer.explain(ctx, err)
	default:
		l.log.Debug("hubble does not tell its status", "err", err)
	}
	ns, err := l.client.GetNodes(within, &observer.GetNodesRequest{})
	if err != nil { // an agent serves no nodes
		l.log.Debug("hubble does not tell its nodes", "err", err)
		return nil
	}
	for _, n := range ns.GetNodes() {
		l.in.nodes.named(n.GetName()).told(before(newState(n.GetState())))
	}
	return nil
}

// before is what was said of a node before the stream began: all that the
// stream says of it is newer.
func before(s state) standing { return standing{at: ever + 1, state: s} }

func (l *listener) server(s *observer.ServerStatusResponse) {
	l.log.Debug("connected to hubble", "flows", s.GetSeenFlows())
	named := s.GetUnavailableNodes()
	for _, n := range named {
		l.in.nodes.named(n).told(before(unavailable))
	}
	if all := int(s.GetNumUnavailableNodes().GetValue()); all > len(named) {
		l.problem(fmt.Sprintf("%d nodes are unavailable, and only %d of them are named", all, len(named)))
	}
}

func (l *listener) problem(text string) {
	l.problems = append(l.problems, audit.Problem{File: "hubble " + l.dialer.address, Err: text})
}

// overlap is how much before the last flow a broken stream is asked again:
// Relay sends the flows of several nodes in order of time only roughly. What
// comes twice is recognised.
const overlap = 10 * time.Second

var (
	// errOver ends a stream that has been listened to for long enough.
	errOver = errors.New("time is over")
	// errEnded is the end of a stream that should go on: Relay ends it when no
	// node is left.
	errEnded = errors.New("the server ended the stream")
)

func (l *listener) listen(ctx context.Context, r *observer.GetFlowsRequest, long time.Duration) error {
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if long > 0 {
		// No deadline: gRPC would tell it to the server, which may be quicker to
		// hang up than we are to notice that it is ours.
		defer time.AfterFunc(long, func() { cancel(errOver) }).Stop()
	}
	for again := false; ; again = true {
		err := l.stream(within, r)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil, errors.Is(context.Cause(within), errOver):
			return nil
		case again && l.answered():
			l.problem(fmt.Sprintf("the stream broke again, flows after %s are missing: %s", l.last(), reason(err)))
			return nil
		case again && errors.Is(err, errEnded):
			l.problem("no flow came: " + err.Error())
			return nil
		case again:
			return l.dialer.explain(ctx, err)
		case l.answered():
			l.problem(fmt.Sprintf("the stream broke at %s and was asked again: %s", l.last(), reason(err)))
			r.Since = timestamppb.New(moment(l.in.last).Add(-overlap))
		}
		l.log.Warn("hubble's stream broke, asking again", "flows", l.in.flows, "err", err)
	}
}

// answered tells whether anything came at all.
func (l *listener) answered() bool { return l.in.last != ever }

func (l *listener) last() string { return moment(l.in.last).Format(time.RFC3339) }

// stream takes all that one request gives. Its end is an error only if it was
// to go on.
func (l *listener) stream(ctx context.Context, r *observer.GetFlowsRequest) error {
	ctx, cancel := context.WithCancel(ctx) // frees the stream where it is left early
	defer cancel()
	s, err := l.client.GetFlows(ctx, r)
	if err != nil {
		return err
	}
	for {
		m, err := s.Recv()
		switch {
		case err == nil:
			l.take(m)
		case !errors.Is(err, io.EOF):
			return err
		case r.GetFollow():
			return errEnded
		default:
			return nil
		}
	}
}

func (l *listener) take(m *observer.GetFlowsResponse) {
	e := envelope{m.GetNodeName(), m.GetTime()}
	switch r := m.GetResponseTypes().(type) {
	case *observer.GetFlowsResponse_Flow:
		if err := l.in.takeFlow(r.Flow, e); err != nil {
			l.in.refuse(placed{0, audit.Problem{File: "hubble " + l.dialer.address, Err: err.Error()}})
		}
	case *observer.GetFlowsResponse_NodeStatus:
		l.in.takeStatus(r.NodeStatus, e)
	case *observer.GetFlowsResponse_LostEvents:
		l.in.takeLost(r.LostEvents, e)
	}
}
