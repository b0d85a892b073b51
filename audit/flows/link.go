package flows

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cilium/cilium/api/v1/flow"
	"github.com/cilium/cilium/api/v1/observer"
)

// A link talks to one server.
type link struct {
	conn   *grpc.ClientConn
	client observer.ObserverClient
	dialer *dialer
	log    *slog.Logger
}

func (d *dialer) link(log *slog.Logger) (*link, error) {
	conn, err := d.client()
	if err != nil {
		return nil, fmt.Errorf("hubble %s: %w", d.address, err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &link{conn, observer.NewObserverClient(conn), d, log}, nil
}

// A greeting is how a server says that it and its nodes are.
type greeting struct {
	nodes   []greeted
	unnamed string // the problem with nodes that are unavailable, but not named; "" if there is none
}

type greeted struct {
	name  string
	state state
}

// into tells the nodes of an intake; at is when it was said.
func (g *greeting) into(in *intake, at int64) {
	for _, n := range g.nodes {
		in.nodes.named(n.name).told(standing{at: at, state: n.state})
	}
}

// greet asks how the server and its nodes are. A server that answers with a
// refusal may still serve flows; one that can't be reached is an error.
func (l *link) greet(ctx context.Context) (*greeting, error) {
	within, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	g := &greeting{}
	s, err := l.client.ServerStatus(within, &observer.ServerStatusRequest{})
	switch status.Code(err) {
	case codes.OK:
		g.server(s)
		l.log.Debug("connected to hubble", "flows", s.GetSeenFlows())
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, l.dialer.explain(ctx, err)
	default:
		l.log.Debug("hubble does not tell its status", "err", err)
	}
	ns, err := l.client.GetNodes(within, &observer.GetNodesRequest{})
	if err != nil { // an agent serves no nodes
		l.log.Debug("hubble does not tell its nodes", "err", err)
		return g, nil
	}
	for _, n := range ns.GetNodes() {
		g.nodes = append(g.nodes, greeted{n.GetName(), newState(n.GetState())})
	}
	return g, nil
}

func (g *greeting) server(s *observer.ServerStatusResponse) {
	named := s.GetUnavailableNodes()
	for _, n := range named {
		g.nodes = append(g.nodes, greeted{n, unavailable})
	}
	if all := int(s.GetNumUnavailableNodes().GetValue()); all > len(named) {
		g.unnamed = fmt.Sprintf("%d nodes are unavailable, and only %d of them are named", all, len(named))
	}
}

// errEnded is the end of a stream that should go on: Relay ends it when no node
// is left.
var errEnded = errors.New("the server ended the stream")

// stream hands over all that one request gives. Its end is an error only if it
// was to go on.
func (l *link) stream(ctx context.Context, r *observer.GetFlowsRequest, take func(frame) error) error {
	ctx, cancel := context.WithCancel(ctx) // frees the stream where it is left early
	defer cancel()
	s, err := l.client.GetFlows(ctx, r, grpc.ForceCodecV2(newCodec()))
	if err != nil {
		return err
	}
	var f frame
	for {
		err := s.RecvMsg(&f)
		switch {
		case err == nil:
			if err := take(f); err != nil {
				return err
			}
		case !errors.Is(err, io.EOF):
			return err
		case r.GetFollow():
			return errEnded
		default:
			return nil
		}
	}
}

// A wish is what flows are asked for.
type wish struct {
	since  time.Time // zero for all there are, or with follow for what comes
	follow bool
	mask   bool // only the fields that are read
}

// request asks for the events that can prove something. Traces at other points
// are taken before any decision.
func (w wish) request() *observer.GetFlowsRequest {
	r := &observer.GetFlowsRequest{Follow: w.follow}
	if !w.since.IsZero() {
		r.Since = timestamppb.New(w.since)
	}
	if w.mask {
		r.FieldMask = &fieldmaskpb.FieldMask{Paths: []string{
			"time", "uuid", "verdict", "drop_reason", "IP", "l4", "source", "destination", "node_name",
			"source_names", "destination_names", "reply", "event_type", "traffic_direction", "policy_match_type",
			"trace_observation_point", "trace_reason", "drop_reason_desc", "is_reply", "Summary",
			"egress_allowed_by", "ingress_allowed_by", "egress_denied_by", "ingress_denied_by",
		}}
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
