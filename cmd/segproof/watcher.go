package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/cluster"
	"github.com/segproof/segproof/audit/flows"
	"github.com/segproof/segproof/audit/store"
	"github.com/segproof/segproof/audit/trigger"
	"github.com/segproof/segproof/reporters/slack"
)

// A watcher is the daemon: what it follows, what makes it audit, and whom it
// tells.
type watcher struct {
	log       *slog.Logger
	cluster   *cluster.Follower
	flows     *flows.Follower // nil without Hubble
	store     *store.Store
	shared    bool // others may write to the store too
	announcer *announcer
	retention time.Duration
	auditor   *audit.Auditor
	bell      *trigger.Bell
	settle    *trigger.Settle
	schedule  *trigger.Schedule
	urgent    *urgent
	lease     *cluster.Lease // nil if it need not be elected
	site      *site
	listener  net.Listener
	metrics   *metrics
	buttons   *slack.Listener // nil without Slack's buttons
}

// run runs until ctx ends, and then until everything received is stored. Each
// part ends with ctx, or with the first part that fails for good.
func (w *watcher) run(ctx context.Context) error {
	defer w.store.Close()
	w.log.Info("watching", "listen", w.listener.Addr().String(), "next", w.schedule.Next(time.Now()))
	group, within := errgroup.WithContext(ctx)
	parts := []func(context.Context) error{
		w.cluster.Run, w.settle.Run, w.schedule.Run, w.urgent.run, w.audits, w.expire, w.announcer.run,
		func(ctx context.Context) error { return w.site.run(ctx, w.listener) },
	}
	if w.flows != nil && !w.ledFlows() {
		parts = append(parts, w.flows.Run)
	}
	if w.buttons != nil {
		parts = append(parts, w.buttons.Run)
	}
	for _, run := range parts {
		group.Go(func() error { return run(within) })
	}
	w.settle.Changed() // the first audit
	if err := group.Wait(); err != nil && ctx.Err() == nil {
		return &exitError{exitFailed, err}
	}
	w.log.Info("ended")
	return nil
}

// audits runs the auditor, where several replicas run only while this one leads.
func (w *watcher) audits(ctx context.Context) error {
	done := givingBack(w.metrics.audited)
	lead := func(ctx context.Context) error { return w.auditor.Watch(ctx, w.bell.C(), done) }
	if w.lease == nil {
		return lead(ctx)
	}
	return w.lease.Run(ctx, func(ctx context.Context) error {
		w.settle.Changed() // what the former leader last told may be old
		if !w.ledFlows() {
			return lead(ctx)
		}
		group, within := errgroup.WithContext(ctx)
		group.Go(func() error { return w.flows.Run(within) })
		group.Go(func() error { return lead(within) })
		return group.Wait()
	})
}

// ledFlows tells whether only who leads follows flows: several who store the
// same flows in one store would make them count twice.
func (w *watcher) ledFlows() bool { return w.flows != nil && w.lease != nil && w.shared }

// expireEvery is how often old days are dropped from the store.
const expireEvery = time.Hour

func (w *watcher) expire(ctx context.Context) error {
	for {
		err := w.store.Expire(ctx, time.Now().Add(-w.retention))
		if err != nil && ctx.Err() == nil {
			w.log.Warn("old days are still in the store", "err", err)
		}
		if !wait(ctx, expireEvery) {
			return nil
		}
	}
}

// ready tells what is not followed yet.
func (w *watcher) ready() []func() error {
	parts := []func() error{w.cluster.Ready}
	if w.flows != nil {
		parts = append(parts, func() error {
			if w.ledFlows() && !w.lease.Leads() {
				return nil
			}
			return w.flows.Ready()
		})
	}
	return parts
}

// network is what was carried, with a lead of its own over the first audit: it
// is no failure that nobody was heard in the first seconds.
type network struct {
	*flows.Follower
	patience time.Duration
}

// Traffic waits for the first connection, for a while.
func (n network) Traffic(ctx context.Context, h audit.Hints) (*audit.Traffic, error) {
	for began := time.Now(); ; {
		t, err := n.Follower.Traffic(ctx, h)
		if err == nil || time.Since(began) > n.patience {
			return t, err
		}
		if !wait(ctx, time.Second) {
			return nil, errors.Join(err, context.Cause(ctx))
		}
	}
}

// listen opens the port of the site.
func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, usage("listen on %s: %w\nchoose another address with --listen, such as localhost:8081", address, err)
	}
	return l, nil
}

// counting tells the metrics of what a reporter did.
type counting struct {
	audit.Reporter
	name    string
	metrics *metrics
}

func (c counting) Report(ctx context.Context, r *audit.Report) error {
	err := c.Reporter.Report(ctx, r)
	c.metrics.told(c.name, err)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}
