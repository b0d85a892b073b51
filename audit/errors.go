package audit

import (
	"errors"
	"strings"
)

// ErrNothing says that neither a cluster nor flows were given to an auditor.
var ErrNothing = errors.New("nothing to audit: neither a cluster nor flows were given")

// GatherError says why nothing could be gathered.
type GatherError struct{ Errs []error }

func (e *GatherError) Error() string {
	s := make([]string, len(e.Errs))
	for i, err := range e.Errs {
		s[i] = err.Error()
	}
	return strings.Join(s, "\n")
}

func (e *GatherError) Unwrap() []error { return e.Errs }

// PartialError says which side could not be gathered, though the other was, and
// was audited.
type PartialError struct{ Missing []string }

func (e *PartialError) Error() string { return "audited in part: " + strings.Join(e.Missing, "\n") }
