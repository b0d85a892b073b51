package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/segproof/segproof/audit/cluster"
	"github.com/segproof/segproof/audit/explain"
)

// previewFlags are the change, and how it is told.
type previewFlags struct {
	inputs            inputFlags
	change, deletions []string
	output, semantics string
	quiet             bool
}

func newPreview(s streams) *cobra.Command {
	var f previewFlags
	c := &cobra.Command{
		Use:   "preview",
		Short: "What a change of policies would do to the connections that were observed",
		Long: `Preview decides every observed connection twice, at both ends: by the policies as
they are declared, and as they would be with the change. It says which would
break, which would open, and which can't be told, with the policy and the rule
that decides before and after. The exit code is 3 if something would break.

Objects of --change replace those of the same kind, namespace and name, or are
added; policies, namespaces and workloads count. What did not talk while flows
were observed is not in a preview.`,
		Example: `  segproof preview --manifests objects.yaml --flows flows.jsonl --change default-deny.yaml
  segproof preview --hubble localhost:4245 --since 1h --change policies/ --delete NetworkPolicy/payments/allow-all`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runPreview(c.Context(), s, &f) },
	}
	fs := c.Flags()
	f.inputs.add(fs)
	fs.StringArrayVar(&f.change, "change", nil, "YAML `PATH` with new or changed objects; may be given several times; - is standard input")
	fs.StringArrayVar(&f.deletions, "delete", nil, "policy that would be deleted: `KIND/NAMESPACE/NAME`; may be given several times")
	fs.StringVarP(&f.output, "output", "o", "text", "`FORMAT`: text or json")
	fs.StringVar(&f.semantics, "semantics", "cilium", "`WHOSE` word counts where they differ: cilium or kubernetes")
	fs.BoolVar(&f.quiet, "quiet", false, "no progress on standard error")
	return c
}

func runPreview(ctx context.Context, s streams, f *previewFlags) error {
	options, err := policyOptions(f.semantics)
	if err != nil {
		return err
	}
	change, err := f.resolve(ctx, s)
	if err != nil {
		return err
	}
	snap, err := gather(ctx, s, &f.inputs, f.quiet)
	if err != nil {
		return err
	}
	if snap.Traffic == nil {
		return &exitError{exitFailed, fmt.Errorf("no flows could be read, and a preview is about what was observed")}
	}
	noteDeclared(s.err, snap.Inventory, nil)
	p, err := explain.NewPreview(snap.Inventory, change, snap.Traffic, options)
	if err != nil {
		return &exitError{exitFailed, err}
	}
	if f.output == "json" {
		err = writeJSON(s.out, p)
	} else {
		err = p.Text(s.out)
	}
	switch {
	case err != nil:
		return &exitError{exitFailed, fmt.Errorf("write the preview: %w", err)}
	case p.Counts[explain.Breaks] > 0:
		return &exitError{code: exitFound}
	}
	return nil
}

// resolve reads the change. It is small, and what is wrong with it is told
// before anything else is read.
func (f *previewFlags) resolve(ctx context.Context, s streams) (*explain.Change, error) {
	switch {
	case f.output != "text" && f.output != "json":
		return nil, usage("--output %q: expected text or json", f.output)
	case len(f.change)+len(f.deletions) == 0:
		return nil, usage("nothing changes\nadd --change with new or changed manifests, or --delete Kind/namespace/name")
	case len(f.inputs.flows) == 0 && f.inputs.hubble == "":
		return nil, usage("a preview needs observed flows\nadd --flows FILE, or --hubble such as --hubble localhost:4245")
	case slices.Contains(f.change, "-") && (slices.Contains(f.inputs.manifests, "-") || slices.Contains(f.inputs.flows, "-")):
		return nil, usage("--change - and another flag both want standard input\ngive one of them as a file")
	}
	c := &explain.Change{}
	for _, d := range f.deletions {
		ref, err := explain.ParseRef(d)
		if err != nil {
			return nil, usage("--delete: %w", err)
		}
		c.Deleted = append(c.Deleted, ref)
	}
	if len(f.change) == 0 {
		return c, nil
	}
	var err error
	if c.Objects, err = (&cluster.Manifests{Paths: f.change, Stdin: s.in}).Inventory(ctx); err != nil {
		return nil, &exitError{exitFailed, fmt.Errorf("read the change: %w", err)}
	}
	return c, nil
}
