package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/reporters"
)

// auditFlags are what differs from one invocation to the next.
type auditFlags struct {
	inputs  inputFlags
	outputs outputFlags
	limits  limitFlags
}

func newAudit(s streams) *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use:   "audit",
		Short: "Audit once: declared policy against observed flows",
		Long: `Audit reads what is declared and what was carried, holds one against the other,
and reports. Inputs may be live or files, in any mix:

  declared   a cluster (--kubeconfig, --context; in a cluster its own), or --manifests
  carried    Hubble Relay or an agent (--hubble), or --flows, or --store of collectors

Without --manifests and --flows, the cluster of the current context is read. Files
alone never reach for a cluster.`,
		Example: `  # a cluster and its Hubble Relay, listening for five minutes
  segproof audit --hubble localhost:4245 --since 10m --for 5m --sarif segproof.sarif

  # a GitOps repository against flows that Hubble's exporter wrote
  segproof audit --manifests clusters/prod --flows events.log.gz

  # what would be rendered by kustomize, declared side only
  kustomize build overlays/prod | segproof audit --manifests -

  # in CI: only what is new counts, and silence is not enough
  segproof audit --manifests objects.yaml --flows flows.jsonl --baseline last.json --require-coverage 90

  # scheduled, with a store: each reporter is told what is new since it was last told
  segproof audit --hubble hubble-relay.kube-system:80 --store sqlite:/var/lib/segproof/segproof.db --config segproof.yaml

  # what collectors on all nodes stored in the last two hours
  segproof audit --store postgres://segproof@db.segproof:5432/segproof --since 2h

  # for an assessor: grouped by the controls of NIST SP 800-53
  segproof audit --manifests objects.yaml --flows flows.jsonl --framework nist`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runAudit(c, s, &f) },
	}
	f.inputs.add(c.Flags())
	f.outputs.add(c.Flags())
	f.limits.add(c.Flags())
	return c
}

func runAudit(c *cobra.Command, s streams, f *auditFlags) error {
	cfg, err := loadConfig(f.outputs.config)
	if err != nil {
		return err
	}
	limits, err := f.limits.resolve(c.Flags(), cfg)
	if err != nil {
		return err
	}
	p := newProgress(s.err, f.outputs.quiet)
	defer p.done()
	a, err := wireAuditor(c.Context(), s, cfg, &f.inputs, p)
	defer f.inputs.close()
	if err != nil {
		return err
	}
	a.Log = newLog(s.err, f.outputs.verbose)
	f.remember(a)
	if a.Baseline, err = readBaseline(f.limits.baseline); err != nil {
		return err
	}
	a.Reporter, err = wireReporters(s, cfg, &f.outputs, a.Baseline != nil, p)
	if err != nil {
		return err
	}
	r, err := a.Audit(c.Context(), audit.Manual)
	p.done()
	f.inputs.expire(c.Context(), s, cfg.Watch.Retention)
	if r == nil {
		return &exitError{exitFailed, err}
	}
	return limits.conclude(r, err)
}

// remember lets the run know what former ones told, if there is a store.
func (f *auditFlags) remember(a *audit.Auditor) {
	kept := f.inputs.kept
	if kept == nil {
		return
	}
	f.outputs.memory, a.Notes = kept, kept.Notes
	a.Accepted = func(ctx context.Context) ([]audit.Exception, error) { return reporters.Accepted(ctx, kept) }
}

// expire drops old days from the store: where only scheduled runs read what
// collectors write, nobody else does.
func (f *inputFlags) expire(ctx context.Context, s streams, retention time.Duration) {
	if f.kept == nil {
		return
	}
	if err := f.kept.Expire(ctx, time.Now().Add(-retention)); err != nil {
		noteAll(s.err, []string{"old days are still in the store: " + err.Error()})
	}
}
