package main

import (
	"context"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/segproof/segproof/audit"
)

// The wrappers here have the interface of what they wrap, and say on standard
// error that it began.

type stepCluster struct {
	p    *progress
	what string
	audit.Cluster
}

func (s stepCluster) Inventory(ctx context.Context) (*audit.Inventory, error) {
	s.p.step("%s", s.what)
	return s.Cluster.Inventory(ctx)
}

type stepNetwork struct {
	p    *progress
	what string
	audit.Network
}

func (s stepNetwork) Traffic(ctx context.Context, h audit.Hints) (*audit.Traffic, error) {
	s.p.step("%s", s.what)
	t, err := s.Network.Traffic(ctx, h)
	s.p.step("judging")
	return t, err
}

type stepReporter struct {
	p *progress
	audit.Reporter
}

func (s stepReporter) Report(ctx context.Context, r *audit.Report) error {
	s.p.done()
	return s.Reporter.Report(ctx, r)
}

// width is that of the terminal, or 0.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil {
			return n
		}
	}
	return 0
}
