package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/store"
	"github.com/segproof/segproof/config"
)

// inputFlags say where the two sides come from. They are spelled the same in
// all commands.
type inputFlags struct {
	kubeconfig, context, cluster string
	manifests, flows             []string
	hubble                       string
	tlsCA, tlsCert, tlsKey       string
	tlsServerName                string
	since, listen                duration
	store                        string

	kept *store.Store // open, if one is named
}

func (f *inputFlags) add(fs *pflag.FlagSet) {
	f.addLive(fs)
	fs.StringArrayVar(&f.manifests, "manifests", nil, "YAML files or folders that declare the objects; several `PATH`s may follow; - is standard input")
	fs.StringArrayVar(&f.flows, "flows", nil, "Hubble's JSON lines, plain or gzip; several `FILE`s may follow; - is standard input")
	fs.Var(&f.listen, "for", "how long to keep listening to Hubble, such as 5m")
	fs.StringVar(&f.store, "store", "", "conversations and history: sqlite:PATH or postgres://… (`URL`); without --hubble and --flows what collectors or a daemon stored is read")
}

// addLive are those of what is live.
func (f *inputFlags) addLive(fs *pflag.FlagSet) {
	fs.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig `FILE` of the cluster to read (default: in a cluster its own, else as kubectl)")
	fs.StringVar(&f.context, "context", "", "`NAME` of the kubeconfig context")
	fs.StringVar(&f.cluster, "cluster", "", "`NAME` of the cluster in every finding (default: what Hubble or the context calls it)")
	f.addHubble(fs)
}

// addHubble are those of a live Hubble.
func (f *inputFlags) addHubble(fs *pflag.FlagSet) {
	fs.StringVar(&f.hubble, "hubble", "", "Hubble Relay or agent: host:port or unix:///path (`ADDR`)")
	fs.StringVar(&f.tlsCA, "hubble-tls-ca", "", "CA certificate `FILE` that Hubble's is checked against; turns TLS on")
	fs.StringVar(&f.tlsCert, "hubble-tls-cert", "", "client certificate `FILE`, for mutual TLS")
	fs.StringVar(&f.tlsKey, "hubble-tls-key", "", "client key `FILE`, for mutual TLS")
	fs.StringVar(&f.tlsServerName, "hubble-tls-server-name", "", "server `NAME` expected in Hubble's certificate")
	fs.Var(&f.since, "since", "how far back to ask Hubble, such as 30m or 1h")
}

// outputFlags say who is told.
type outputFlags struct {
	evidenceDir            string
	includeSuppressed      bool
	json, sarif, config    string
	framework              string
	formats                formatFlags
	dryRun, quiet, verbose bool

	memory audit.Memory // of what each was last told; nil if nothing outlives the run
}

func (f *outputFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.json, "json", "", "write the record to `FILE` (- is standard output)")
	fs.StringVar(&f.sarif, "sarif", "", "write SARIF 2.1.0 to `FILE` (- is standard output)")
	f.formats.add(fs)
	fs.StringVar(&f.evidenceDir, "evidence-dir", "", "write the text of objects that no file holds below `DIR`, for --sarif")
	fs.BoolVar(&f.includeSuppressed, "sarif-include-suppressed", false, "accepted findings in SARIF too; some dashboards show them as open")
	fs.StringVar(&f.config, "config", "", "configuration `FILE`: owners, rules, exceptions, Slack")
	fs.StringVar(&f.framework, "framework", "", "group the report by the controls of a `FRAMEWORK`: "+frameworkKeys())
	fs.BoolVar(&f.dryRun, "dry-run", false, "print the Slack message as JSON instead of sending it")
	fs.BoolVar(&f.quiet, "quiet", false, "no progress on standard error")
	fs.BoolVar(&f.verbose, "verbose", false, "log what is done to standard error")
}

// limitFlags say what makes a run fail.
type limitFlags struct {
	failOn, baseline string
	coverage         int
}

func (f *limitFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.failOn, "fail-on", "", "exit 3 for a finding of this `SEVERITY` or worse: low, medium, high, critical (default high)")
	fs.StringVar(&f.baseline, "baseline", "", "former record `FILE`: only what is new counts")
	fs.IntVar(&f.coverage, "require-coverage", 0, "exit 4 unless at least `N` percent was seen: of flows, of nodes and of workloads")
}

// limits are the flags joined with the configuration.
type limits struct {
	failOn   audit.Severity
	coverage int
}

func (f *limitFlags) resolve(fs *pflag.FlagSet, cfg *config.Config) (limits, error) {
	l := limits{audit.Severity(cfg.FailOn), cfg.RequireCoverage}
	if fs.Changed("fail-on") {
		l.failOn = audit.Severity(f.failOn)
	}
	if l.failOn.Rank() <= audit.Info.Rank() {
		return l, usage("--fail-on %q: expected low, medium, high or critical", f.failOn)
	}
	if fs.Changed("require-coverage") {
		l.coverage = f.coverage
	}
	if l.coverage < 0 || l.coverage > 100 {
		return l, usage("--require-coverage %d: expected a percentage from 0 to 100", l.coverage)
	}
	return l, nil
}

// conclude turns the outcome of a run into the exit code. What was found counts
// even if one side could not be gathered; if nothing was found then, that is no
// "all is well". A reporter that failed is a failure in any case.
func (l limits) conclude(r *audit.Report, err error) error {
	code := l.judge(r)
	_, partial := errors.AsType[*audit.PartialError](err)
	found, _ := errors.AsType[*exitError](code)
	switch {
	case err == nil:
		return code
	case partial && found != nil && found.code == exitFound:
		return &exitError{exitFound, err}
	}
	return &exitError{exitFailed, err}
}

// judge turns a report into the exit code: findings first, since they are
// proven whatever else was not seen.
func (l limits) judge(r *audit.Report) error {
	if worst, ok := r.Worst(); ok && worst.Rank() >= l.failOn.Rank() {
		return &exitError{code: exitFound}
	}
	if p := r.Coverage.Percent(); p < l.coverage {
		return &exitError{exitCoverage, fmt.Errorf("the evidence covers %d%%, and %d%% are required\n"+
			"see COVERAGE in the report for what was not seen", p, l.coverage)}
	}
	return nil
}

// duration is a flag that takes what people write: 30s, 10m, 1h30m, 2d.
type duration time.Duration

func (d *duration) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

func (d *duration) Type() string { return "DURATION" }

func (d *duration) Set(s string) error {
	v, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok && err != nil {
		var n int
		if n, err = strconv.Atoi(days); err == nil && n < 10000 {
			v = time.Duration(n) * 24 * time.Hour
		}
	}
	if err != nil || v <= 0 {
		return fmt.Errorf("%q is no length of time; expected such as 30s, 10m, 1h or 2d", s)
	}
	*d = duration(v)
	return nil
}
