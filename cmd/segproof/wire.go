package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/cluster"
	"github.com/segproof/segproof/audit/flows"
	"github.com/segproof/segproof/audit/policy"
	"github.com/segproof/segproof/audit/rules"
	"github.com/segproof/segproof/audit/suggest"
	"github.com/segproof/segproof/config"
	"github.com/segproof/segproof/reporters"
	"github.com/segproof/segproof/reporters/slack"
	"github.com/segproof/segproof/reporters/text"
)

// This file is the only place where flags and configuration become objects.

func loadConfig(path string) (*config.Config, error) {
	cfg, err := config.Load(path)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return cfg, ruleNames(cfg)
}

// ruleNames checks the names of rules in a configuration against the rules
// there are.
func ruleNames(cfg *config.Config) error {
	names := slices.Concat(cfg.Rules.Off, cfg.Rules.On)
	for _, e := range cfg.Exceptions {
		if e.Rule != "" && e.Rule != "*" {
			names = append(names, config.Name{Value: e.Rule, Line: e.Line})
		}
	}
	for _, n := range names {
		if _, err := choose([]string{n.Value}); err != nil {
			return usage("%s: %w", cfg.At(n.Line), errors.Unwrap(err))
		}
	}
	return nil
}

// chosenRules are those that the configuration leaves on.
func chosenRules(cfg *config.Config) []*audit.Rule {
	has := func(ns []config.Name, r *audit.Rule) bool {
		return slices.ContainsFunc(ns, func(n config.Name) bool { return n.Value == r.Name || n.Value == r.ID })
	}
	var out []*audit.Rule
	for _, r := range rules.All {
		if !has(cfg.Rules.Off, r) && (!r.Off || has(cfg.Rules.On, r)) {
			out = append(out, r)
		}
	}
	return out
}

func newAuditor(cfg *config.Config) *audit.Auditor {
	return &audit.Auditor{
		Compile: func(i *audit.Inventory) audit.Engine { return policy.Compile(i, policy.Options{}) },
		Rules:   chosenRules(cfg),
		Suggest: (&suggest.Suggester{Read: readManifest, Most: 200, Decisions: 4_000_000}).Attach,
		Options: audit.Options{
			ClusterName: cfg.Cluster, Settle: cfg.Settle, SystemNamespaces: cfg.SystemNamespaces, OwnerKeys: cfg.Owner.Keys,
			Exceptions: exceptions(cfg),
		},
		Version: version(),
		Name:    cfg.Cluster,
	}
}

// exceptions are those of the configuration.
func exceptions(cfg *config.Config) []audit.Exception {
	var out []audit.Exception
	for _, e := range cfg.Exceptions {
		out = append(out, audit.Exception{
			Rule: e.Rule, Fingerprint: e.Fingerprint, Subject: audit.Ref(e.Subject), Reason: e.Reason, Expires: e.Expires, From: cfg.At(e.Line),
		})
	}
	return out
}

// openStore opens the store, if one is named. It is to be closed.
func (f *inputFlags) openStore(ctx context.Context, cfg *config.Config) (err error) {
	if url := cmp.Or(f.store, cfg.Store.URL); url != "" {
		f.kept, err = openStore(ctx, url)
	}
	return err
}

// close closes the store.
func (f *inputFlags) close() error {
	if f.kept == nil {
		return nil
	}
	return f.kept.Close()
}

// wireAuditor builds the auditor and its two neighbours. Whoever calls it closes
// the inputs.
func wireAuditor(ctx context.Context, s streams, cfg *config.Config, f *inputFlags, p *progress) (*audit.Auditor, error) {
	a := newAuditor(cfg)
	if f.cluster != "" {
		a.Name, a.Options.ClusterName = f.cluster, f.cluster
	}
	if slices.Contains(f.manifests, "-") && slices.Contains(f.flows, "-") {
		return nil, usage("--manifests - and --flows - both want standard input\ngive one of them as a file")
	}
	if err := f.openStore(ctx, cfg); err != nil {
		return nil, err
	}
	var err error
	if a.Cluster, err = wireCluster(s, f, p); err != nil {
		return nil, err
	}
	if a.Network, err = wireNetwork(s, cfg, f, p); err != nil {
		return nil, err
	}
	return a, nil
}

// wireCluster chooses what is declared. Files alone never reach for a cluster:
// the current context may be another one than the flows are from.
func wireCluster(s streams, f *inputFlags, p *progress) (audit.Cluster, error) {
	live := f.kubeconfig != "" || f.context != ""
	switch {
	case len(f.manifests) > 0 && live:
		return nil, usage("--manifests and --kubeconfig or --context both say what is declared\ngive one of them")
	case len(f.manifests) > 0:
		return stepCluster{p, "reading manifests", &cluster.Manifests{Paths: f.manifests, Stdin: s.in}}, nil
	case len(f.flows) > 0 && !live && os.Getenv("KUBERNETES_SERVICE_HOST") == "":
		return nil, nil
	}
	rest, name, err := cluster.ClientConfig(f.kubeconfig, f.context)
	if err != nil {
		return nil, usage("%w", err)
	}
	log := newLog(s.err, false)
	return stepCluster{p, "reading the cluster", &cluster.Live{Config: rest, Name: name, Log: log}}, nil
}

// wireNetwork chooses what was carried.
func wireNetwork(s streams, cfg *config.Config, f *inputFlags, p *progress) (audit.Network, error) {
	address := cfg.Hubble.Address
	if f.hubble != "" {
		address = f.hubble
	}
	switch {
	case len(f.flows) > 0 && f.hubble != "":
		return nil, usage("--flows and --hubble both say what was carried\ngive one of them")
	case len(f.flows) > 0:
		return stepNetwork{p, "reading flows", &flows.Files{Paths: f.flows, Stdin: s.in}}, nil
	case address == "" && f.kept != nil && f.listen == 0:
		return stepNetwork{p, "reading what is stored", &flows.Stored{Keeper: f.kept, Window: cmp.Or(time.Duration(f.since), cfg.Watch.Window)}}, nil
	case address == "" && (f.since > 0 || f.listen > 0):
		return nil, usage("--since and --for speak of Hubble, and no Hubble was given\nadd --hubble, such as --hubble localhost:4245")
	case address == "":
		return nil, nil
	}
	return stepNetwork{p, "reading flows from " + address, &flows.Hubble{
		Address: address, Since: time.Duration(f.since), For: time.Duration(f.listen), Log: newLog(s.err, false),
		TLS: f.tls(cfg.Hubble.TLS),
	}}, nil
}

// tls is what the configuration says of TLS, unless flags say otherwise.
func (f *inputFlags) tls(tls config.TLS) flows.TLSOptions {
	return flows.TLSOptions{
		CA: cmp.Or(f.tlsCA, tls.CA), Cert: cmp.Or(f.tlsCert, tls.Cert),
		Key: cmp.Or(f.tlsKey, tls.Key), ServerName: cmp.Or(f.tlsServerName, tls.ServerName),
	}
}

// wireReporters builds everyone who is told. Text goes to standard output
// unless another format does.
func wireReporters(s streams, cfg *config.Config, f *outputFlags, baseline bool, p *progress) (audit.Reporter, error) {
	var to []audit.Reporter
	add := func(name string, r audit.Reporter) { to = append(to, f.sinceLast(name, baseline, r)) }
	taken, err := f.taken()
	if err != nil {
		return nil, err
	}
	compared := baseline || f.memory != nil
	if !taken && !f.dryRun {
		add("text", &text.Reporter{W: s.out, Color: isTerminal(s.out), Width: width(s.out), Baseline: compared})
	}
	if f.json != "" {
		add("json", recordFile(f.json, s.out))
	}
	if f.sarif != "" {
		r, err := newSarif(s, cfg, compared)
		if err != nil {
			return nil, err
		}
		r.Path = f.sarif
		r.EvidenceDir = cmp.Or(f.evidenceDir, r.EvidenceDir)
		r.IncludeSuppressed = r.IncludeSuppressed || f.includeSuppressed
		add("sarif", r)
	}
	if !f.dryRun {
		uploads, err := wireUploads(s, cfg)
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(uploads)) {
			add(name, uploads[name])
		}
	}
	formats := f.formats.wire(s, compared)
	for _, name := range slices.Sorted(maps.Keys(formats)) {
		add(name, formats[name])
	}
	if cfg.Slack.Enabled() || f.dryRun {
		r, err := wireSlack(s, cfg, f.dryRun, f.memory)
		if err != nil {
			return nil, err
		}
		add("slack", r)
	}
	all, err := wireFramework(f.framework, reporters.All(to...))
	if err != nil {
		return nil, err
	}
	return stepReporter{p, all}, nil
}

// sinceLast lets a reporter know what is new since it was last told, if there is
// a memory of it. A baseline that is given says what is new itself.
func (f *outputFlags) sinceLast(name string, baseline bool, r audit.Reporter) audit.Reporter {
	if f.memory == nil || baseline {
		return r
	}
	return &reporters.SinceLast{Name: name, Memory: f.memory, Reporter: r}
}

// wireSlack builds who tells Slack; memory is nil where nothing outlives the run.
func wireSlack(s streams, cfg *config.Config, dryRun bool, memory audit.Memory) (*slack.Reporter, error) {
	o, err := slackOptions(cfg, dryRun)
	if err != nil {
		return nil, err
	}
	o.Memory = memory
	if dryRun {
		o.DryRun = s.out
	}
	r, err := slack.New(o)
	if err != nil {
		return nil, usage("slack: %w", err)
	}
	return r, nil
}
