package reporters

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/segproof/segproof/audit"
)

// SinceLast tells a reporter what is new, still there, gone or back since that
// reporter was last told. It reports first and remembers then: one that fails
// hears the news again, and nobody else does. So each reporter has a name, and a
// memory of its own under it.
//
// A finding is gone only if it was looked for again. One that could not be stays
// remembered: it is neither gone now, nor new when it is seen again.
//
// What is below [AtLeast] should not get here, or it is remembered as told:
// AtLeast comes before SinceLast, and [Retry] behind it.
type SinceLast struct {
	Name     string
	Memory   audit.Memory
	Reporter audit.Reporter

	mu      sync.Mutex // one report at a time: each begins where the last one ended
	unsaved *told      // what was told and could not be remembered
}

// Report tells of r, which is not changed. A memory that can't be read or
// written keeps nobody from being told: the error comes afterwards.
func (s *SinceLast) Report(ctx context.Context, r *audit.Report) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, err := s.recall(ctx)
	now := *r
	now.Findings = slices.Clone(r.Findings)
	audit.Compare(before.report(), &now)
	if err != nil {
		now.Coverage.Problems = append(slices.Clone(now.Coverage.Problems),
			"what is unchanged or gone may not be told as that: "+strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if err := s.Reporter.Report(ctx, &now); err != nil {
		return err
	}
	s.unsaved = before.after(&now)
	if _, lost := errors.AsType[*forgottenError](err); err != nil && !lost {
		return err // what is stored is still to be read: it must not be overwritten
	}
	return errors.Join(err, s.remember(ctx))
}

// forgottenError says that what was remembered makes no sense.
type forgottenError struct{ error }

func (e *forgottenError) Unwrap() error { return e.error }

// recall returns what can be known, and an error if that is not all.
func (s *SinceLast) recall(ctx context.Context) (*told, error) {
	mind := s.unsaved
	if mind == nil {
		mind = &told{}
	}
	b, err := s.Memory.Recall(ctx, s.key())
	if err != nil {
		return mind, fmt.Errorf("recall what %s was last told: %w", s.Name, err)
	}
	m, err := decodeMemory(b)
	if err != nil {
		return mind, &forgottenError{fmt.Errorf("read what %s was last told: %w", s.Name, err)}
	}
	return m.with(mind), nil
}

// remember stores what is in mind. As long as that fails it stays there, so that
// nothing is told twice while this process lives.
func (s *SinceLast) remember(ctx context.Context) error {
	b, err := s.unsaved.encode()
	if err == nil {
		err = s.Memory.Remember(ctx, s.key(), b)
	}
	if err != nil {
		return fmt.Errorf("remember what %s was told: %w", s.Name, err)
	}
	s.unsaved = nil
	return nil
}

func (s *SinceLast) key() string { return "told/" + s.Name }
