package flows

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cilium/cilium/api/v1/flow"
	"github.com/cilium/cilium/api/v1/observer"
	relaypb "github.com/cilium/cilium/api/v1/relay"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/segproof/segproof/audit"
)

func ask(t *testing.T, h *Hubble) *audit.Traffic {
	t.Helper()
	tr, err := h.Traffic(t.Context(), audit.Hints{})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// deliveries is some deliveries, a second apart.
func deliveries(n int) (out []*flow.Flow) {
	for i := range n {
		out = append(out, with(delivery(), func(f *flow.Flow) {
			f.Uuid, f.Time = fmt.Sprint("u", i), timestamppb.New(noon().Add(time.Duration(i)*time.Second))
		}))
	}
	return out
}

func TestWhatRelayTellsIsInTheTraffic(t *testing.T) {
	r := &fake{
		status: &observer.ServerStatusResponse{
			NumUnavailableNodes: wrapperspb.UInt32(3), UnavailableNodes: []string{"lab/n3", "lab/n4"},
		},
		nodes: &observer.GetNodesResponse{Nodes: []*observer.Node{
			{Name: "lab/n1", State: relaypb.NodeState_NODE_CONNECTED},
			{Name: "lab/n2", State: relaypb.NodeState_NODE_CONNECTED},
			{Name: "lab/n5", State: relaypb.NodeState_NODE_ERROR},
		}},
		answer: func(_ int, s grpc.ServerStreamingServer[observer.GetFlowsResponse]) error {
			for _, m := range []*observer.GetFlowsResponse{
				{Time: timestamppb.New(noon()), ResponseTypes: &observer.GetFlowsResponse_NodeStatus{
					NodeStatus: &relaypb.NodeStatusEvent{StateChange: relaypb.NodeState_NODE_CONNECTED, NodeNames: []string{"lab/n4"}},
				}},
				response(delivery()),
				response(&flow.Flow{}),
				{NodeName: "lab/n1", Time: timestamppb.New(noon().Add(time.Second)), ResponseTypes: &observer.GetFlowsResponse_LostEvents{
					LostEvents: &flow.LostEvent{Source: flow.LostEventSource_HUBBLE_RING_BUFFER, NumEventsLost: 9},
				}},
			} {
				if err := s.Send(m); err != nil {
					return err
				}
			}
			return nil
		},
	}
	address := serve(t, "tcp", "127.0.0.1:0", r)
	tr := ask(t, &Hubble{Address: address, Since: time.Hour})
	if only(t, tr).Event != audit.Delivered || tr.Flows != 1 || tr.Lost != 9 || tr.BadRecords != 1 {
		t.Errorf("%d flows, %d lost, %d bad", tr.Flows, tr.Lost, tr.BadRecords)
	}
	diff(t, []string{"lab/n3", "lab/n5"}, tr.SilentNodes)
	diff(t, []audit.NodeCoverage{
		{Name: "lab/n1", Flows: 1, Lost: 9, From: noon(), To: noon()},
		{Name: "lab/n2"}, {Name: "lab/n3", Note: "unavailable"}, {Name: "lab/n4"}, {Name: "lab/n5", Note: "error"},
	}, tr.Nodes)
	diff(t, []audit.Problem{
		{File: "hubble " + address, Err: "no time in it"},
		{File: "hubble " + address, Err: "3 nodes are unavailable, and only 2 of them are named"},
	}, tr.Problems)
	if ago := time.Since(tr.Asked); ago < time.Hour || ago > time.Hour+time.Minute {
		t.Errorf("asked from %s on, want an hour ago", tr.Asked)
	}
}

func TestOnlyEventsThatProveSomethingAreAskedFor(t *testing.T) {
	r := &fake{answer: sends()}
	ask(t, &Hubble{Address: serve(t, "tcp", "127.0.0.1:0", r), Since: time.Minute})
	q := r.asked()[0]
	if q.GetFollow() || q.GetSince() == nil || len(q.GetWhitelist()) != 1 {
		t.Fatalf("asked %v", q)
	}
	var got []string
	for _, e := range q.GetWhitelist()[0].GetEventType() {
		got = append(got, fmt.Sprintf("%d/%v/%d", e.GetType(), e.GetMatchSubType(), e.GetSubType()))
	}
	diff(t, []string{
		"5/false/0", "1/false/0", "129/false/0",
		"4/true/0", "4/true/2", "4/true/3", "4/true/4", "4/true/11", "4/true/13",
	}, got)
}

func TestAnAgentsSocketIsAsked(t *testing.T) {
	r := &fake{answer: sends(deliveries(3)...)}
	path := serve(t, "unix", filepath.Join(t.TempDir(), "hubble.sock"), r)
	tr := ask(t, &Hubble{Address: "unix://" + path})
	if tr.Flows != 3 || !tr.Asked.IsZero() || r.asked()[0].GetSince() != nil {
		t.Errorf("%d flows, asked from %s on", tr.Flows, tr.Asked)
	}
}

func TestListeningEndsAfterItsTime(t *testing.T) {
	r := &fake{answer: func(_ int, s grpc.ServerStreamingServer[observer.GetFlowsResponse]) error {
		if err := sends(deliveries(2)...)(0, s); err != nil {
			return err
		}
		<-s.Context().Done()
		return s.Context().Err()
	}}
	tr := ask(t, &Hubble{Address: serve(t, "tcp", "127.0.0.1:0", r), For: 300 * time.Millisecond})
	if tr.Flows != 2 || len(tr.Problems) != 0 || !r.asked()[0].GetFollow() || len(r.asked()) != 1 {
		t.Errorf("%d flows, problems %v, asked %v", tr.Flows, tr.Problems, r.asked())
	}
}

func TestAStreamThatBreaksIsAskedAgainOnceAndToldOf(t *testing.T) {
	all := deliveries(20)
	broken := status.Error(codes.Unavailable, "relay is going away")
	r := &fake{answer: func(n int, s grpc.ServerStreamingServer[observer.GetFlowsResponse]) error {
		if n == 1 {
			return errors.Join(sends(all[:15]...)(0, s), broken)
		}
		return sends(all[5:]...)(0, s)
	}}
	address := serve(t, "tcp", "127.0.0.1:0", r)
	tr := ask(t, &Hubble{Address: address})
	if c := only(t, tr); tr.Flows != 20 || c.Flows != 20 {
		t.Errorf("%d flows, want 20, each once", tr.Flows)
	}
	if since := r.asked()[1].GetSince().AsTime(); !since.Equal(noon().Add(4 * time.Second)) {
		t.Errorf("asked again from %s on, want 10 s before the last flow", since)
	}
	if len(tr.Problems) != 1 || !strings.Contains(tr.Problems[0].Err, "the stream broke at 2026-11-22T12:00:14Z and was asked again") {
		t.Errorf("problems %v", tr.Problems)
	}

	r.answer = func(_ int, s grpc.ServerStreamingServer[observer.GetFlowsResponse]) error {
		return errors.Join(sends(all[:15]...)(0, s), broken)
	}
	tr = ask(t, &Hubble{Address: address})
	if tr.Flows != 15 || len(tr.Problems) != 2 || !strings.Contains(tr.Problems[1].Err, "flows after 2026-11-22T12:00:14Z are missing") {
		t.Errorf("%d flows, problems %v", tr.Flows, tr.Problems)
	}
}

func TestAStreamThatEndsBeforeItsTimeIsToldOf(t *testing.T) {
	r := &fake{answer: sends(deliveries(2)...)}
	tr := ask(t, &Hubble{Address: serve(t, "tcp", "127.0.0.1:0", r), For: time.Hour})
	if tr.Flows != 2 || len(r.asked()) != 2 || len(tr.Problems) != 2 ||
		!strings.Contains(tr.Problems[1].Err, "flows after 2026-11-22T12:00:01Z are missing: the server ended the stream") {
		t.Errorf("%d flows, problems %v", tr.Flows, tr.Problems)
	}
	r = &fake{answer: sends()}
	tr = ask(t, &Hubble{Address: serve(t, "tcp", "127.0.0.1:0", r), For: time.Hour})
	if tr.Flows != 0 || len(tr.Problems) != 1 || !strings.Contains(tr.Problems[0].Err, "no flow came") {
		t.Errorf("%d flows, problems %v", tr.Flows, tr.Problems)
	}
}

func TestARefusalIsAnError(t *testing.T) {
	r := &fake{answer: func(int, grpc.ServerStreamingServer[observer.GetFlowsResponse]) error {
		return status.Error(codes.PermissionDenied, "not you")
	}}
	address := serve(t, "tcp", "127.0.0.1:0", r)
	_, err := (&Hubble{Address: address}).Traffic(t.Context(), audit.Hints{})
	if want := "connect to hubble " + address + ": not you"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestACancelledRunIsAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := &fake{answer: func(_ int, s grpc.ServerStreamingServer[observer.GetFlowsResponse]) error {
		cancel()
		<-s.Context().Done()
		return nil
	}}
	_, err := (&Hubble{Address: serve(t, "tcp", "127.0.0.1:0", r), For: time.Hour}).Traffic(ctx, audit.Hints{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestWhyThereIsNoAnswer(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	expired := time.Now().Add(-24 * time.Hour)
	later := time.Now().Add(time.Hour)
	at := func(o ...grpc.ServerOption) string {
		return serve(t, "tcp", "127.0.0.1:0", &fake{answer: sends(deliveries(1)...)}, o...)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	clientCert, clientKey := ours.issue("client", later)
	strangerCert, strangerKey := theirs.issue("client", later)
	oldCert, oldKey := ours.issue("old", expired)
	named := TLSOptions{CA: ours.ca, ServerName: "relay.test"}
	mutual := TLSOptions{CA: ours.ca, ServerName: "relay.test", Cert: clientCert, Key: clientKey}
	stranger := TLSOptions{CA: ours.ca, ServerName: "relay.test", Cert: strangerCert, Key: strangerKey}

	for name, tc := range map[string]struct {
		address string
		tls     TLSOptions
		want    []string // parts of the error; none if there is an answer
	}{
		"plaintext":       {at(), TLSOptions{}, nil},
		"TLS":             {at(ours.server(later, false)), named, nil},
		"tls scheme":      {"tls://" + at(ours.server(later, false)), named, nil},
		"mutual TLS":      {at(ours.server(later, true)), mutual, nil},
		"refused":         {closed.Addr().String(), TLSOptions{}, []string{closed.Addr().String() + ": connection refused", "port-forward service/hubble-relay 4245:80"}},
		"no socket":       {"unix:///nowhere/hubble.sock", TLSOptions{}, []string{"no such socket", "/var/run/cilium/hubble.sock"}},
		"expired":         {at(ours.server(expired, false)), named, []string{"has expired on " + expired.UTC().Format(time.RFC3339), "renew"}},
		"unknown CA":      {at(theirs.server(later, false)), named, []string{"signed by an unknown authority", "--hubble-tls-ca"}},
		"another name":    {at(ours.server(later, false)), TLSOptions{CA: ours.ca}, []string{"another name", "--hubble-tls-server-name"}},
		"plain to TLS":    {at(ours.server(later, false)), TLSOptions{}, []string{"the server speaks TLS, the client does not", "--hubble-tls-ca"}},
		"TLS to plain":    {at(), named, []string{"the server does not speak TLS, the client does"}},
		"no certificate":  {at(ours.server(later, true)), named, []string{"demands a client certificate", "--hubble-tls-cert"}},
		"not ours":        {at(ours.server(later, true)), stranger, []string{"refuses the client's certificate"}},
		"own is expired":  {at(ours.server(later, true)), TLSOptions{CA: ours.ca, Cert: oldCert, Key: oldKey}, []string{oldCert + " has expired on"}},
		"key without":     {"x:1", TLSOptions{Key: clientKey}, []string{"only one was given"}},
		"no CA in file":   {"x:1", TLSOptions{CA: clientKey}, []string{clientKey + ": no PEM certificate in it"}},
		"missing CA":      {"x:1", TLSOptions{CA: "/nowhere/ca.crt"}, []string{"read CA certificate: open /nowhere/ca.crt"}},
		"key of another":  {"x:1", TLSOptions{Cert: clientCert, Key: strangerKey}, []string{clientCert + " and its key"}},
		"no port":         {"relay", TLSOptions{}, []string{`hubble "relay": expected host:port`, "localhost:4245"}},
		"nothing but tls": {"tls://", TLSOptions{}, []string{"expected host:port"}},
	} {
		t.Run(name, func(t *testing.T) {
			tr, err := (&Hubble{Address: tc.address, TLS: tc.tls}).Traffic(t.Context(), audit.Hints{})
			if tc.want == nil {
				if err != nil || tr.Flows != 1 {
					t.Fatalf("no answer: %v", err)
				}
				return
			}
			if err == nil {
				t.Fatalf("an answer, want %q", tc.want)
			}
			for _, part := range append(tc.want, tc.address) {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want %q in it", err, part)
				}
			}
		})
	}
}

func TestWhyADialFails(t *testing.T) {
	later := time.Date(2999, 1, 2, 3, 4, 5, 0, time.UTC)
	for want, err := range map[string]error{
		"no such host: relay":              &net.OpError{Err: &net.DNSError{Name: "relay", IsNotFound: true}},
		"timeout: no connection within 5s": &net.OpError{Err: &net.DNSError{IsTimeout: true}},
		"permission denied":                fs.ErrPermission,
		"is not valid before 2999-01-02T03:04:05Z": x509.CertificateInvalidError{
			Reason: x509.Expired, Cert: &x509.Certificate{NotBefore: later, NotAfter: later},
		},
		"the server's certificate is not accepted: x509: certificate specifies an incompatible key usage": &tls.CertificateVerificationError{
			Err: x509.CertificateInvalidError{Reason: x509.IncompatibleUsage},
		},
	} {
		d := &dialer{address: "relay:4245", network: "tcp", err: err}
		got := d.explain(t.Context(), status.Error(codes.Unavailable, "gRPC's own text")).Error()
		if !strings.HasPrefix(got, "connect to hubble relay:4245: ") || !strings.Contains(got, want) || !strings.Contains(got, "\n") {
			t.Errorf("got %s, want %s and a hint", got, want)
		}
	}
}

func TestAServerThatNeverAnswersTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &dialer{address: "relay:4245", network: "tcp", target: "relay:4245"}
		ours, theirs := net.Pipe()
		defer ours.Close()
		defer theirs.Close()
		conn, err := grpc.NewClient("passthrough:///x", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return ours, nil }))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		l := &link{client: observer.NewObserverClient(conn), dialer: d, log: slog.New(slog.DiscardHandler)}
		began := time.Now()
		_, err = l.greet(t.Context())
		if err == nil || !strings.Contains(err.Error(), "connect to hubble relay:4245: timeout: no answer within 10s") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != answerTimeout {
			t.Errorf("took %s, want %s", took, answerTimeout)
		}
	})
}
