package reporters

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/segproof/segproof/audit"
)

const (
	acceptedKey = "exceptions"
	maxAccepted = 1_000
	// afterlife is how long an exception that is over is still known, so that a
	// finding can say that it was accepted until then.
	afterlife = 30 * 24 * time.Hour
)

// Acceptances are the exceptions that people made while the daemon ran, such as
// by a button, kept in a memory.
type Acceptances struct {
	Memory audit.Memory

	mu sync.Mutex
}

// Accept adds an exception. One that comes from the same place is there already,
// and nothing changes: a click that is delivered twice is one.
func (a *Acceptances) Accept(ctx context.Context, e audit.Exception) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	all, err := Accepted(ctx, a.Memory)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(o audit.Exception) bool { return o.From == e.From }) {
		return nil
	}
	all = slices.DeleteFunc(all, func(o audit.Exception) bool {
		return !o.Expires.IsZero() && time.Since(o.Expires) > afterlife
	})
	if len(all) >= maxAccepted {
		return fmt.Errorf("%d exceptions are kept already\nwrite those that stay into the configuration", len(all))
	}
	b, err := json.Marshal(append(all, e))
	if err == nil {
		err = a.Memory.Remember(ctx, acceptedKey, b)
	}
	if err != nil {
		return fmt.Errorf("remember an exception: %w", err)
	}
	return nil
}

// Accepted returns the exceptions that [Acceptances] keeps in a memory, also
// those that are over: an auditor says so of what they accepted.
func Accepted(ctx context.Context, m audit.Memory) ([]audit.Exception, error) {
	b, err := m.Recall(ctx, acceptedKey)
	if err != nil {
		return nil, fmt.Errorf("recall exceptions: %w", err)
	}
	var all []audit.Exception
	if len(b) > 0 {
		if err := json.Unmarshal(b, &all); err != nil {
			return nil, fmt.Errorf("read remembered exceptions: %w", err)
		}
	}
	slices.SortStableFunc(all, func(x, y audit.Exception) int { return cmp.Compare(x.From, y.From) })
	return all, nil
}
