// Package reporters wraps those who tell of a report: everyone at once, only
// what is grave enough, what changed since last time, once more after a failure.
// A wrapper is a reporter itself, so wrappers stack. Each folder below holds one
// reporter.
package reporters

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// reporterFunc is a function that reports.
type reporterFunc func(context.Context, *audit.Report) error

func (f reporterFunc) Report(ctx context.Context, r *audit.Report) error { return f(ctx, r) }

// All tells everyone, in order, and joins what went wrong: one broken receiver
// silences nobody.
func All(to ...audit.Reporter) audit.Reporter {
	return reporterFunc(func(ctx context.Context, r *audit.Report) error {
		var errs []error
		for _, x := range to {
			errs = append(errs, x.Report(ctx, r))
		}
		return errors.Join(errs...)
	})
}

// AtLeast tells only of findings of this severity or a higher one. A severity
// that is not known is told rather than lost. The coverage stays whole.
func AtLeast(s audit.Severity, to audit.Reporter) audit.Reporter {
	below := func(f audit.Finding) bool { return f.Severity.Rank() >= 0 && f.Severity.Rank() < s.Rank() }
	return reporterFunc(func(ctx context.Context, r *audit.Report) error {
		grave := *r
		grave.Findings = slices.DeleteFunc(slices.Clone(r.Findings), below)
		grave.Gone = slices.DeleteFunc(slices.Clone(r.Gone), below)
		return to.Report(ctx, &grave)
	})
}

// temporary is an error that says whether trying again can help.
type temporary interface {
	error
	Temporary() bool
}

// Retry tries up to attempts times as long as the error says that trying again
// can help, and waits in between: wait, then twice that, and so on. It gives up
// when ctx ends, and returns the last error.
func Retry(attempts int, wait time.Duration, to audit.Reporter) audit.Reporter {
	return reporterFunc(func(ctx context.Context, r *audit.Report) error {
		for n, pause := 1, wait; ; n, pause = n+1, 2*pause {
			err := to.Report(ctx, r)
			if t, ok := errors.AsType[temporary](err); !ok || !t.Temporary() || n >= attempts {
				return err
			}
			select {
			case <-ctx.Done():
				return errors.Join(err, ctx.Err())
			case <-time.After(pause):
			}
		}
	})
}
