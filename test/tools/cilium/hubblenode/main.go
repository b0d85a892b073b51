// Hubblenode is Hubble's own observer and peer service, as an agent runs them,
// without an agent and without a datapath. It is fed either with recorded flows,
// or with events made up here and read by Hubble's own parser.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	v1 "github.com/cilium/cilium/pkg/hubble/api/v1"
	"github.com/cilium/cilium/pkg/hubble/container"
	"github.com/cilium/cilium/pkg/hubble/observer"
	"github.com/cilium/cilium/pkg/hubble/observer/namespace"
	"github.com/cilium/cilium/pkg/hubble/observer/observeroption"
	observerTypes "github.com/cilium/cilium/pkg/hubble/observer/types"
	"github.com/cilium/cilium/pkg/hubble/parser"
	"github.com/cilium/cilium/pkg/hubble/testutils"
	nodeTypes "github.com/cilium/cilium/pkg/node/types"

	flowpb "github.com/cilium/cilium/api/v1/flow"
)

// options are what differs from one node to the next.
type options struct {
	listen, name, cluster string
	peers                 string // name=ip,name=ip
	cert, key, ca         string
	ring                  int
	feed                  feed
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:4244", "address to serve on")
	flag.StringVar(&o.name, "name", "node-1", "name of this node")
	flag.StringVar(&o.cluster, "cluster", "default", "name of the cluster")
	flag.StringVar(&o.peers, "peers", "", "all nodes, as name=ip,name=ip, for Relay; all listen on the same port")
	flag.StringVar(&o.cert, "tls-cert", "", "certificate; without one there is no TLS")
	flag.StringVar(&o.key, "tls-key", "", "its key")
	flag.StringVar(&o.ca, "tls-ca", "", "authority that clients must be signed by")
	flag.IntVar(&o.ring, "ring", 4095, "flows kept: a power of two less one, at most 65535")
	flag.StringVar(&o.feed.file, "file", "", "recorded flows, JSON lines; made up ones without it")
	flag.IntVar(&o.feed.rate, "rate", 0, "events a second; 0 as fast as they are taken")
	flag.Int64Var(&o.feed.trickle, "trickle", 0, "how many of -count come last, ten a second")
	flag.DurationVar(&o.feed.skew, "skew", 0, "how far the clock of this node goes ahead of ours")
	flag.BoolVar(&o.feed.paused, "paused", false, "feed nothing until SIGUSR1 comes")
	flag.Int64Var(&o.feed.count, "count", 0, "stop feeding after so many; 0 never, and -1 after the file was fed once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, &o); err != nil {
		fmt.Fprintln(os.Stderr, "hubblenode:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) error {
	nodeTypes.SetName(o.name)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	w := newWorld()
	next, err := o.feed.source(w)
	if err != nil {
		return err
	}
	obs, err := newObserver(log, w, o.ring)
	if err != nil {
		return err
	}
	go obs.Start()
	srv, err := newServer(log, obs, o)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve() }()
	go func() {
		began := time.Now()
		n := o.feed.pump(ctx, obs, o.cluster+"/"+o.name, next)
		log.Info("fed", "events", n, "took", time.Since(began))
	}()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		srv.Stop()
		return nil
	}
}

func newObserver(log *slog.Logger, w *world, ring int) (*observer.LocalObserverServer, error) {
	real, err := parser.New(log, w, w, &testutils.NoopDNSGetter, w, w, &testutils.NoopLinkGetter, &testutils.NoopPodMetadataGetter)
	if err != nil {
		return nil, err
	}
	capacity, err := container.NewCapacity(ring)
	if err != nil {
		return nil, err
	}
	const buffered = 8192
	return observer.NewLocalServer(decoder{real}, namespace.NewManager(), log,
		observeroption.WithMaxFlows(capacity),
		observeroption.WithMonitorBuffer(buffered),
		observeroption.WithLostEventSendInterval(time.Second))
}

// A decoder is Hubble's parser; flows that were parsed before they were recorded
// pass through it untouched.
type decoder struct{ real parser.Decoder }

func (d decoder) Decode(e *observerTypes.MonitorEvent) (*v1.Event, error) {
	if f, ok := e.Payload.(*flowpb.Flow); ok {
		return &v1.Event{Timestamp: f.GetTime(), Event: f}, nil
	}
	return d.real.Decode(e)
}

// nodesOf reads the nodes that the peer service tells Relay of, and the port
// that all of them listen on.
func nodesOf(o *options) ([]nodeTypes.Node, int, error) {
	host, portText, err := net.SplitHostPort(o.listen)
	if err != nil {
		return nil, 0, err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, 0, err
	}
	peers := o.peers
	if peers == "" {
		peers = o.name + "=" + host
	}
	var out []nodeTypes.Node
	for pair := range strings.SplitSeq(peers, ",") {
		name, ip, _ := strings.Cut(pair, "=")
		out = append(out, node(name, o.cluster, net.ParseIP(ip)))
	}
	return out, port, nil
}
