package audit

import (
	"context"
	"time"
)

// Watch audits whenever it is told to, one run after the other, until ctx ends;
// it returns nil then. A run that fails ends nothing: done is told of every run,
// with the report, which is nil if nothing could be gathered, how long it took,
// and the error. A run that ctx cuts short is told of too.
func (a *Auditor) Watch(ctx context.Context, rings <-chan Trigger, done func(Trigger, *Report, time.Duration, error)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case t := <-rings:
			began := time.Now()
			r, err := a.Audit(ctx, t)
			if err != nil && ctx.Err() == nil {
				a.Log.Warn("audit incomplete", "trigger", string(t), "err", err)
			}
			done(t, r, time.Since(began), err)
		}
	}
}
