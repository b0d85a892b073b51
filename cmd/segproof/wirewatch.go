package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/cluster"
	"github.com/segproof/segproof/audit/flows"
	"github.com/segproof/segproof/audit/policy"
	"github.com/segproof/segproof/audit/store"
	"github.com/segproof/segproof/audit/trigger"
	"github.com/segproof/segproof/config"
	"github.com/segproof/segproof/reporters"
	"github.com/segproof/segproof/reporters/html"
	"github.com/segproof/segproof/reporters/record"
)

// This file is wire.go's part for the daemon.

// defaultStore is where watch keeps what it knows unless told otherwise.
const defaultStore = "sqlite:segproof.db"

// wireWatch builds the daemon. What the operator can mend is found here, before
// anything runs.
func wireWatch(ctx context.Context, s streams, f *watchFlags) (_ *watcher, err error) {
	cfg, err := loadConfig(f.config)
	if err != nil {
		return nil, err
	}
	w := &watcher{log: watchLog(s, f.verbose), bell: trigger.NewBell(), retention: cfg.Watch.Retention}
	limitMemory(w.log)
	if w.schedule, err = trigger.NewSchedule(cmp.Or(f.schedule, cfg.Watch.Schedule), cfg.Watch.TimeZone, w.bell); err != nil {
		return nil, usage("%w", err)
	}
	w.settle = trigger.NewSettle(cfg.Watch.Quiet, cfg.Watch.Limit, w.bell)
	w.urgent = newUrgent(cfg.Settle, w.bell.Ring)
	w.auditor = newAuditor(cfg)
	w.auditor.Log = w.log
	if f.inputs.cluster != "" {
		w.auditor.Name, w.auditor.Options.ClusterName = f.inputs.cluster, f.inputs.cluster
	}
	compiler := &policy.Compiler{}
	w.auditor.Compile = func(i *audit.Inventory) audit.Engine { return w.urgent.compiled(compiler.Compile(i)) }
	url := cmp.Or(f.store, cfg.Store.URL, defaultStore)
	if w.store, err = openStore(ctx, url); err != nil {
		return nil, err
	}
	w.shared = isShared(url)
	w.announcer = newAnnouncer(cfg.Settle, w.log)
	if w.shared {
		w.announcer.shared = w.store.Announce
	}
	w.auditor.Notes = w.store.Notes
	if err = w.follow(cfg, f); err == nil {
		err = w.tell(s, cfg, f)
	}
	if err == nil {
		w.listener, err = listen(cmp.Or(f.listen, cfg.Watch.Listen))
	}
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, closed(w.store))
	}
	return w, nil
}

// closed closes the store of a daemon that will not run.
func closed(s *store.Store) string {
	if err := s.Close(); err != nil {
		return "\nclose the store: " + err.Error()
	}
	return ""
}

// checkStore refuses what is no address of a store.
func checkStore(url string) error {
	if !strings.HasPrefix(url, "sqlite:") && !isShared(url) {
		return usage("--store: expected sqlite:PATH or postgres://…")
	}
	return nil
}

// isShared tells whether others may write to a store too.
func isShared(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

func openStore(ctx context.Context, url string) (*store.Store, error) {
	if err := checkStore(url); err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return nil, &exitError{exitFailed, fmt.Errorf("open the store: %w", err)}
	}
	return s, nil
}

// follow wires the two followers, and the lease.
func (w *watcher) follow(cfg *config.Config, f *watchFlags) error {
	rest, name, err := cluster.ClientConfig(f.inputs.kubeconfig, f.inputs.context)
	if err != nil {
		return usage("%w", err)
	}
	w.cluster = cluster.Follow(cluster.Options{
		Config: rest, Name: name, History: cfg.Watch.Window, OnChange: w.settle.Changed, OnCut: w.announcer.tell, Log: w.log.With("component", "cluster"),
	})
	w.auditor.Cluster = w.cluster
	leads := func() bool { return true }
	if e := cfg.Watch.LeaderElection; e.Enabled {
		name, err := replica()
		if err != nil {
			return err
		}
		w.lease = &cluster.Lease{Config: rest, Namespace: cmp.Or(e.Namespace, cluster.OwnNamespace(), "default"), Name: e.Name, Identity: name, Log: w.log}
		leads = w.lease.Leads
	}
	address := cmp.Or(f.inputs.hubble, cfg.Hubble.Address)
	if address == "" && w.shared {
		w.log.Info("what collectors store is audited")
		w.auditor.Network = &flows.Stored{Keeper: w.store, Window: cfg.Watch.Window}
		w.metrics = newMetrics(nil, leads)
		return nil
	}
	if address == "" {
		w.log.Warn("no Hubble is given: only what is declared is audited", "hint", "--hubble ADDR, or hubble.address in the configuration")
		w.metrics = newMetrics(nil, leads)
		return nil
	}
	w.flows = &flows.Follower{
		Address: address, TLS: f.inputs.tls(cfg.Hubble.TLS), Since: cmp.Or(time.Duration(f.inputs.since), firstSince), Log: w.log.With("component", "flows"),
		Window: cfg.Watch.Window, Keeper: w.store, OnNew: w.urgent.see,
	}
	w.announcer.here = w.flows.Cut
	w.auditor.Network = network{w.flows, firstFlows}
	w.metrics = newMetrics(w.flows.Stats, leads)
	return nil
}

// replica is the name under which this process wants to lead: two on one host,
// such as a laptop, are two.
func replica() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("leader election: find this replica's name: %w", err)
	}
	return host + "_" + rand.Text(), nil
}

// firstSince is how far back a daemon asks whose store knows nothing yet: one
// that died before it first stored something loses nothing that Hubble still has.
const firstSince = 10 * time.Minute

// firstFlows is how long an audit waits for a stream that is not there yet.
const firstFlows = 10 * time.Second

// tell wires the reporters, each with a memory of what it was last told.
func (w *watcher) tell(s streams, cfg *config.Config, f *watchFlags) error {
	newest := &latest{}
	var to []audit.Reporter
	add := func(name string, r audit.Reporter) {
		to = append(to, counting{&reporters.SinceLast{Name: name, Memory: w.store, Reporter: r}, name, w.metrics})
	}
	add("page", newest)
	if err := w.files(s, f, add); err != nil {
		return err
	}
	doc, err := newSarif(s, cfg, true)
	if err != nil {
		return err
	}
	doc.Log = w.log
	if f.sarif != "" {
		of := doc
		of.Path = f.sarif
		add("sarif", &of)
	}
	uploads, err := wireUploads(s, cfg)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(uploads)) {
		add(name, uploads[name])
	}
	if err := w.chat(s, cfg, add); err != nil {
		return err
	}
	if cfg.Openreports.Enabled {
		r, err := openReports(&f.inputs)
		if err != nil {
			return err
		}
		add("openreports", r)
	}
	shown, err := w.metrics.collected()
	if err != nil {
		return err
	}
	to = append(to, shown)
	w.auditor.Reporter = reporters.All(to...)
	w.site = &site{
		latest: newest, ready: w.ready(), metrics: w.metrics.handler(),
		documents: []document{
			{"/{$}", "text/html; charset=utf-8", func(b *bytes.Buffer) audit.Reporter { return &html.Reporter{W: b, Live: true} }},
			{"/report.json", "application/json", func(b *bytes.Buffer) audit.Reporter { return record.Reporter{W: b} }},
			{"/report.sarif", "application/sarif+json", func(b *bytes.Buffer) audit.Reporter {
				of := doc
				of.Path, of.W, of.EvidenceDir = "-", b, ""
				return &of
			}},
		},
	}
	return nil
}

// files wires the files in formats that need no configuration.
func (w *watcher) files(s streams, f *watchFlags, add func(string, audit.Reporter)) error {
	asked := outputFlags{json: f.json, sarif: f.sarif, formats: f.formats}
	if _, err := asked.taken(); err != nil {
		return err
	}
	if f.json != "" {
		add("json", recordFile(f.json, s.out))
	}
	formats := f.formats.wire(s, true)
	for _, name := range slices.Sorted(maps.Keys(formats)) {
		// The file and the objects in the cluster are told apart.
		add(name+"-file", formats[name])
	}
	return nil
}

// chat wires Slack, its buttons, and what was accepted there.
func (w *watcher) chat(s streams, cfg *config.Config, add func(string, audit.Reporter)) error {
	if !cfg.Slack.Enabled() {
		return nil
	}
	r, err := wireSlack(s, cfg, false, w.store)
	if err != nil {
		return err
	}
	add("slack", r)
	w.auditor.Accepted = func(ctx context.Context) ([]audit.Exception, error) { return reporters.Accepted(ctx, w.store) }
	// Who accepts wants to see it: an audit at once shows the finding as accepted.
	accepter := rung{&reporters.Acceptances{Memory: w.store}, func() { w.bell.Ring(audit.Manual) }}
	w.buttons, err = wireListener(cfg, r, accepter, w.log.With("component", "slack"))
	return err
}

// watchLog is a line for each run, and whatever was lost.
func watchLog(s streams, verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))
}
