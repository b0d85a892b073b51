package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/segproof/segproof/audit/flows"
	"github.com/segproof/segproof/audit/store"
)

// collectFlags are what differs from one collector to the next.
type collectFlags struct {
	inputs                      inputFlags
	store, node, listen, config string
	longest                     duration
	verbose                     bool
}

func newCollect(s streams) *cobra.Command {
	var f collectFlags
	c := &cobra.Command{
		Use:   "collect",
		Short: "Follow one node's Hubble, and write its conversations to a shared store",
		Long: `Collect runs on every node, as a DaemonSet. It follows the Hubble of its own node,
merges flows into conversations, and writes those to a store that auditors read:
'segproof watch' or 'segproof audit' with the same --store, and without --hubble.

It asks nothing of the API server. Of changes of policy it learns from a daemon
that watches the same cluster, through the store; where none runs, no
conversation lasts longer than --longest, so that a change spoils no more than that.

While the store is away everything is kept in memory, up to a bound, and what had
no room is counted. It runs until it is told to end (SIGTERM), and stores what it
has by then. At --listen it serves /healthz, /readyz and /metrics.`,
		Example: `  # as the DaemonSet in deploy/chart does
  segproof collect --hubble unix:///var/run/cilium/hubble.sock --node "$NODE_NAME" \
      --store 'postgres://segproof@db.segproof.svc:5432/segproof?sslmode=verify-full&passfile=/etc/segproof/pgpass'

  # and the audit of what all collectors saw in the last two hours
  segproof audit --store 'postgres://segproof@db.segproof.svc:5432/segproof?sslmode=verify-full' --since 2h`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w, err := wireCollect(s, &f)
			if err != nil {
				return err
			}
			return w.run(c.Context())
		},
	}
	fs := c.Flags()
	f.inputs.addHubble(fs)
	fs.StringVar(&f.store, "store", "", "where conversations go: postgres://… , or sqlite:PATH for one node alone (`URL`)")
	fs.StringVar(&f.node, "node", "", "`NAME` of this node, by which the store tells collectors apart (default: the host's)")
	fs.Var(&f.longest, "longest", "how long a conversation lasts at most, such as 1h or 24h: more costs fewer rows, and what a change spoils that no daemon announced (default 1h)")
	fs.StringVar(&f.listen, "listen", "", "`ADDR` of health and metrics, such as localhost:8080 (default from the configuration)")
	fs.StringVar(&f.config, "config", "", "configuration `FILE`: its sections hubble, store and watch.listen")
	fs.BoolVar(&f.verbose, "verbose", false, "log what is done in detail")
	return c
}

// A collecting is the daemon of one node.
type collecting struct {
	log      *slog.Logger
	flows    *flows.Follower
	store    *lateStore
	site     *site
	listener net.Listener
}

// Of one who learns of changes through the store.
const (
	collectGrid      = time.Hour
	collectHoldBack  = 30 * time.Second
	collectHeartbeat = time.Minute
)

// wireCollect builds the collector. What the operator can mend is found here; a
// store that can't be reached is waited for.
func wireCollect(s streams, f *collectFlags) (*collecting, error) {
	cfg, err := loadConfig(f.config)
	if err != nil {
		return nil, err
	}
	address := cmp.Or(f.inputs.hubble, cfg.Hubble.Address)
	if address == "" {
		return nil, usage("no Hubble is given\nadd --hubble, such as --hubble unix:///var/run/cilium/hubble.sock")
	}
	url := cmp.Or(f.store, cfg.Store.URL)
	if url == "" {
		return nil, usage("no store is given\nadd --store, such as --store postgres://segproof@db:5432/segproof")
	}
	if err := checkStore(url); err != nil {
		return nil, err
	}
	if f.node == "" {
		if f.node, err = os.Hostname(); err != nil {
			return nil, usage("find the name of this host: %w\nadd --node", err)
		}
	}
	c := &collecting{log: watchLog(s, f.verbose).With("node", f.node)}
	limitMemory(c.log)
	c.store = &lateStore{open: func(ctx context.Context) (*store.Store, error) { return store.Open(ctx, url, store.Options{}) }}
	c.flows = &flows.Follower{
		Address: address, TLS: f.inputs.tls(cfg.Hubble.TLS), Since: cmp.Or(time.Duration(f.inputs.since), firstSince), Log: c.log,
		Keeper: c.store, Writer: f.node, Await: true, Cuts: c.store.announced,
		Grid: cmp.Or(time.Duration(f.longest), collectGrid), HoldBack: collectHoldBack, Heartbeat: collectHeartbeat,
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(processMetrics(c.flows.Stats)...)
	c.site = &site{
		ready:   []func() error{c.store.ready, c.flows.Ready},
		metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}),
	}
	if c.listener, err = listen(cmp.Or(f.listen, cfg.Watch.Listen)); err != nil {
		return nil, err
	}
	return c, nil
}

// run runs until ctx ends, and then until everything received is stored.
func (c *collecting) run(ctx context.Context) error {
	defer c.store.close()
	c.log.Info("collecting", "listen", c.listener.Addr().String(), "hubble", c.flows.Address)
	group, within := errgroup.WithContext(ctx)
	group.Go(func() error { return c.flows.Run(within) })
	group.Go(func() error { return c.site.run(within, c.listener) })
	if err := group.Wait(); err != nil && ctx.Err() == nil {
		return &exitError{exitFailed, fmt.Errorf("collect: %w", err)}
	}
	c.log.Info("ended")
	return nil
}
