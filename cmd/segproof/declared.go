package main

import (
	"context"
	"fmt"
	"io"

	"github.com/segproof/segproof/audit"
)

// gather reads both sides for a command that reasons about what is declared.
// Flows that can't be read are noted; what is declared must be there.
func gather(ctx context.Context, s streams, f *inputFlags, quiet bool) (*audit.Snapshot, error) {
	cfg, err := loadConfig("")
	if err != nil {
		return nil, err
	}
	p := newProgress(s.err, quiet)
	defer p.done()
	a, err := wireAuditor(ctx, s, cfg, f, p)
	defer f.close()
	if err != nil {
		return nil, err
	}
	if a.Cluster == nil {
		return nil, usage("nothing says what is declared\nadd --manifests, or --kubeconfig or --context for a cluster")
	}
	snap, missing, err := a.Gather(ctx)
	if err != nil {
		return nil, &exitError{exitFailed, err}
	}
	p.done()
	if snap.Inventory == nil {
		return nil, &exitError{exitFailed, fmt.Errorf("%s", missing[0])}
	}
	noteAll(s.err, missing)
	return snap, nil
}

// noteDeclared says on standard error what could not be read or is not wholly
// understood of what is declared: answers are given without it.
func noteDeclared(w io.Writer, inv *audit.Inventory, more []string) {
	var notes []string
	for _, p := range inv.Problems {
		notes = append(notes, p.String())
	}
	for _, u := range inv.Unreadable {
		if !u.Absent {
			notes = append(notes, fmt.Sprintf("%s could not be read: %s", u.Kind, u.Reason))
		}
	}
	noteAll(w, append(notes, more...))
}

func noteAll(w io.Writer, notes []string) {
	const most = 20
	for _, n := range notes[:min(most, len(notes))] {
		fmt.Fprintln(w, "note: "+clean(n))
	}
	if more := len(notes) - most; more > 0 {
		fmt.Fprintf(w, "note: and %d more\n", more)
	}
}
