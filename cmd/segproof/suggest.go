package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
	"github.com/segproof/segproof/audit/suggest"
)

// suggestFlags are the findings that are to be closed, and how the changes are told.
type suggestFlags struct {
	inputs             inputFlags
	rules              []string
	namespace, finding string
	output, config     string
	write, quiet       bool
}

func newSuggest(s streams) *cobra.Command {
	var f suggestFlags
	c := &cobra.Command{
		Use:   "suggest",
		Short: "The smallest policy changes that close what an audit finds, each proven",
		Long: `Suggest audits, and prints for each finding that a policy can close the smallest
change that does: an allow that is missing, at both ends if both deny; a default
deny, with the cluster's DNS and what was observed; a rule that says something
else than was meant; one that allows more than was used in thirty days, tightened
to that. The documents are ready for kubectl apply -f -.

Each change was applied to what was read before it is printed: the gap is closed,
nothing that was carried breaks, and what opens is written above the document.
What can't be proven is not suggested; standard error says why.

A policy that a file of --manifests declares is edited as it is written there, with
its comments and order; -o diff shows how, and --write does it. Read it first: what
was dropped may have been dropped with good reason.`,
		Example: `  segproof suggest --manifests objects.yaml --flows flows.jsonl
  segproof suggest --manifests clusters/prod --flows flows.jsonl --namespace payments -o diff
  segproof suggest --hubble localhost:4245 --since 1h --rule flow-drop-gap | kubectl apply --dry-run=server -f -

  # edit the files of a repository; policies that no file has yet are printed
  segproof suggest --manifests clusters/prod --flows flows.jsonl --write > new-policies.yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runSuggest(c.Context(), s, &f) },
	}
	fs := c.Flags()
	f.inputs.add(fs)
	fs.StringArrayVar(&f.rules, "rule", nil, "only findings of this rule, by `NAME` or id; may be given several times")
	fs.StringVar(&f.namespace, "namespace", "", "only findings of this `NAMESPACE`")
	fs.StringVar(&f.finding, "finding", "", "only the finding with this `FINGERPRINT`, or with one that begins so")
	fs.StringVarP(&f.output, "output", "o", "yaml", "`FORMAT`: yaml, json or diff")
	fs.StringVar(&f.config, "config", "", "configuration `FILE`: system namespaces, rules, exceptions")
	fs.BoolVar(&f.write, "write", false, "edit the files that declare the policies, and print only policies that no file has")
	fs.BoolVar(&f.quiet, "quiet", false, "no progress on standard error")
	return c
}

func runSuggest(ctx context.Context, s streams, f *suggestFlags) error {
	wanted, err := f.check()
	if err != nil {
		return err
	}
	snap, engine, rules, err := f.gather(ctx, s)
	if err != nil {
		return err
	}
	for _, r := range wanted { // one that is off unless asked for was asked for
		if !slices.Contains(rules, r) {
			rules = append(rules, r)
		}
	}
	p := newProgress(s.err, f.quiet)
	p.step("proving changes")
	r := audit.Check(snap, engine, rules)
	r.Findings = slices.DeleteFunc(r.Findings, func(x audit.Finding) bool { return !f.concerns(&x, wanted) })
	plan := (&suggest.Suggester{Read: readManifest}).Plan(snap, engine, r)
	p.done()
	noteDeclared(s.err, snap.Inventory, nil)
	if snap.Traffic == nil {
		noteAll(s.err, []string{"no flows were given, so that gaps and what a default deny would break are not known"})
	}
	if f.write {
		if err := writeFiles(s.err, plan); err != nil {
			return &exitError{exitFailed, err}
		}
	}
	if err := f.print(s.out, plan); err != nil {
		return &exitError{exitFailed, fmt.Errorf("write the changes: %w", err)}
	}
	sayUnproven(s.err, plan)
	return nil
}

// check reads what is to be looked for, and refuses what makes no sense.
func (f *suggestFlags) check() ([]*audit.Rule, error) {
	if !slices.Contains([]string{"yaml", "json", "diff"}, f.output) {
		return nil, usage("--output %q: expected yaml, json or diff", f.output)
	}
	if f.write && f.output != "yaml" {
		return nil, usage("--write edits files and prints the rest as yaml\nleave --output out, or look with -o %s first and then write", f.output)
	}
	var out []*audit.Rule
	for _, name := range f.rules {
		rs, err := choose([]string{name})
		if err != nil {
			return nil, err
		}
		if !suggest.Speaks(&audit.Finding{Rule: rs[0].Name, Kind: audit.Fails}) {
			return nil, usage("--rule %s: no change of a policy is known that closes it\nsee segproof rules %s for what to do", name, rs[0].Name)
		}
		out = append(out, rs...)
	}
	return out, nil
}

// gather reads both sides and compiles what is declared.
func (f *suggestFlags) gather(ctx context.Context, s streams) (*audit.Snapshot, *policy.Engine, []*audit.Rule, error) {
	cfg, err := loadConfig(f.config)
	if err != nil {
		return nil, nil, nil, err
	}
	p := newProgress(s.err, f.quiet)
	defer p.done()
	a, err := wireAuditor(ctx, s, cfg, &f.inputs, p)
	defer f.inputs.close()
	if err != nil {
		return nil, nil, nil, err
	}
	if a.Cluster == nil {
		return nil, nil, nil, usage("nothing says what is declared\nadd --manifests, or --kubeconfig or --context for a cluster")
	}
	snap, missing, err := a.Gather(ctx)
	if err != nil {
		return nil, nil, nil, &exitError{exitFailed, err}
	}
	if len(missing) > 0 {
		return nil, nil, nil, &exitError{exitFailed, fmt.Errorf("%s\na change is proven by both sides", strings.Join(missing, "\n"))}
	}
	if snap.Now.IsZero() {
		snap.Now = time.Now().UTC()
	}
	return snap, policy.Compile(snap.Inventory, policy.Options{}), a.Rules, nil
}

func (f *suggestFlags) concerns(x *audit.Finding, wanted []*audit.Rule) bool {
	ns := x.Subject.Namespace
	if x.Subject.Kind == "Namespace" {
		ns = x.Subject.Name
	}
	return strings.HasPrefix(x.Fingerprint, f.finding) && (f.namespace == "" || ns == f.namespace) &&
		(len(wanted) == 0 || slices.ContainsFunc(wanted, func(r *audit.Rule) bool { return r.ID == x.ID }))
}

// print writes the changes. Where files were edited, theirs are left out.
func (f *suggestFlags) print(w io.Writer, plan *suggest.Plan) error {
	switch f.output {
	case "json":
		return writeJSON(w, plan)
	case "diff":
		return printDiffs(w, plan)
	}
	var b strings.Builder
	for i := range plan.Changes {
		c := &plan.Changes[i]
		if f.write && c.Diff != "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("---\n")
		}
		b.WriteString(heading(c) + c.YAML)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// heading says above a document, as comments, what it is and what it opens.
func heading(c *suggest.Change) string {
	var b strings.Builder
	say := func(text string) { b.WriteString("# " + audit.Clean(text) + "\n") }
	at := ""
	if c.Location.File != "" {
		at = ", " + c.Location.File
	}
	say(fmt.Sprintf("%s %s%s", c.Action, c.Policy, at))
	for _, o := range c.Opens {
		say("opens " + o)
	}
	if c.Note != "" {
		say(c.Note)
	}
	return b.String()
}

// printDiffs writes the edits of files, and new policies as new files.
func printDiffs(w io.Writer, plan *suggest.Plan) error {
	var b strings.Builder
	for _, x := range plan.Files {
		b.WriteString(suggest.Diff(x.Path, x.Before, x.After))
	}
	for i := range plan.Changes {
		c := &plan.Changes[i]
		if c.Diff != "" {
			continue
		}
		lines := strings.SplitAfter(strings.TrimSuffix(heading(c)+c.YAML, "\n"), "\n")
		fmt.Fprintf(&b, "--- /dev/null\n+++ %s\n@@ -0,0 +1,%d @@\n+%s\n", newFile(c.Policy), len(lines), strings.Join(lines, "+"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// newFile is where a policy that no file declares might stand.
func newFile(r audit.Ref) string {
	return filepath.ToSlash(filepath.Join(filepath.Base(r.Namespace), filepath.Base(r.Name)+".yaml"))
}

// sayUnproven tells for how many findings there is no change, and why.
func sayUnproven(w io.Writer, plan *suggest.Plan) {
	if len(plan.Changes) == 0 && len(plan.Unproven) == 0 {
		fmt.Fprintln(w, "nothing was found that a change of policies would close")
		return
	}
	fmt.Fprintf(w, "policies to change: %d; findings that they close: %d; findings for which nothing could be proven: %d\n",
		len(plan.Changes), plan.Closed, len(plan.Unproven))
	var notes []string
	for _, u := range plan.Unproven {
		notes = append(notes, fmt.Sprintf("no change for %s of %s: %s", u.Rule, u.Subject, u.Why))
	}
	noteAll(w, notes)
}

// largestManifest bounds the files that are edited.
const largestManifest = 32 << 20

// readManifest reads a file that declares policies, to be edited.
func readManifest(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, largestManifest+1))
	if err == nil && len(text) > largestManifest {
		err = errors.New("too large to be edited")
	}
	return text, err
}

// writeFiles puts the edited files in the place of the old ones, each at once or
// not at all.
func writeFiles(w io.Writer, plan *suggest.Plan) error {
	for _, x := range plan.Files {
		if err := replaceFile(x); err != nil {
			return fmt.Errorf("write %s: %w", x.Path, err)
		}
		fmt.Fprintln(w, "wrote "+clean(x.Path))
	}
	return nil
}

func replaceFile(x suggest.File) error {
	path, err := filepath.EvalSymlinks(x.Path)
	if err != nil {
		return err
	}
	if now, err := readManifest(path); err != nil || !bytes.Equal(now, x.Before) {
		return errors.New("the file has changed since it was read\nrun the command again")
	}
	return replace(path, bytesTo(x.After))
}
