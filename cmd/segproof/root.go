package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/segproof/segproof/audit"
)

// Exit codes, the same in every format.
const (
	exitFailed   = 1 // could not audit, or could not tell of it
	exitUsage    = 2 // wrong usage or configuration
	exitFound    = 3 // found something at or above --fail-on
	exitCoverage = 4 // the evidence did not reach --require-coverage
)

// streams are the standard ones, or a test's.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exitError is an error that knows its exit code. An empty message is not
// printed: the report has said it.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usage(format string, a ...any) error { return &exitError{exitUsage, fmt.Errorf(format, a...)} }

// run is the whole command: it returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(spread(args))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	code := exitUsage // what cobra itself refuses is wrong usage
	if e, ok := errors.AsType[*exitError](err); ok {
		code = e.code
	}
	if msg := err.Error(); msg != "" {
		fmt.Fprintln(s.err, "segproof: "+clean(msg))
	}
	return code
}

// clean makes every line of an error harmless for a terminal.
func clean(msg string) string {
	lines := strings.Split(msg, "\n")
	for i := range lines {
		lines[i] = audit.Clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "segproof",
		Short: "Prove that Kubernetes network policies are enforced",
		Long: `Segproof holds what is declared (NetworkPolicy, Cilium and Kyverno policies)
against what was carried (Hubble flows), and says, with evidence, where the two
disagree.

Exit codes: 0 nothing at or above --fail-on, 1 could not audit, 2 wrong usage or
configuration, 3 found something, 4 not enough evidence (--require-coverage).`,
		Example: `  # what it is for: the audit of a recorded cluster
  segproof demo

  # a live cluster, through Hubble Relay
  kubectl -n kube-system port-forward service/hubble-relay 4245:80 &
  segproof audit --hubble localhost:4245 --for 5m

  # offline: a dump of the cluster and flows that were written down
  segproof audit --manifests objects.yaml --flows flows.jsonl`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w\nsee '%s --help'", err, c.CommandPath())
	})
	root.AddCommand(newAudit(s), newCollect(s), newDemo(s), newExplain(s), newPreview(s), newRender(s), newRules(s), newSlack(s), newSuggest(s), newWatch(s))
	return root
}

// version is that of the module, as the go command stamped it.
func version() string {
	if i, ok := debug.ReadBuildInfo(); ok && i.Main.Version != "" {
		return i.Main.Version
	}
	return "(devel)"
}

// spread lets one flag take several values, as in --manifests a b: each gets
// the flag in front.
func spread(args []string) []string {
	many := []string{"--manifests", "--flows"}
	var out []string
	flag := ""
	for i, a := range args {
		switch {
		case a == "--":
			return append(out, args[i:]...)
		case slices.Contains(many, a):
			flag = a
			if i+1 == len(args) || isFlag(args[i+1]) {
				out = append(out, a) // cobra says that a value is missing
			}
		case flag != "" && !isFlag(a):
			out = append(out, flag, a)
		default:
			flag = ""
			out = append(out, a)
		}
	}
	return out
}

func isFlag(a string) bool { return len(a) > 1 && a[0] == '-' }
