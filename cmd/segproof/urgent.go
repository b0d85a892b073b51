package main

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/segproof/segproof/audit"
)

// An urgent looks at what was never seen before, and asks for an audit at once
// if a declared deny seems to be carried. It only suspects: the audit decides.
type urgent struct {
	settle time.Duration
	ring   func(audit.Trigger)

	engine   atomic.Pointer[audit.Engine] // of the last audit
	suspects chan struct{}
}

func newUrgent(settle time.Duration, ring func(audit.Trigger)) *urgent {
	return &urgent{settle: settle, ring: ring, suspects: make(chan struct{}, 1)}
}

// compiled is told of every engine: the last one before a run judges is that of
// the present.
func (u *urgent) compiled(e audit.Engine) audit.Engine {
	u.engine.Store(&e)
	return e
}

// see looks at conversations that are new. It never blocks.
func (u *urgent) see(cs []audit.Conversation) {
	e := u.engine.Load()
	if e == nil || !slices.ContainsFunc(cs, func(c audit.Conversation) bool { return suspicious(*e, &c) }) {
		return
	}
	select {
	case u.suspects <- struct{}{}:
	default:
	}
}

func suspicious(e audit.Engine, c *audit.Conversation) bool {
	if c.Verdict != audit.Forwarded || c.Opened == 0 || c.IsNoise() {
		return false
	}
	for _, end := range c.Proves() {
		subject, other := &c.From, &c.To
		if end == audit.Ingress {
			subject, other = other, subject
		}
		q := audit.Query{Direction: end, Subject: subject, Peer: other, Protocol: c.Protocol, Port: c.Port}
		if subject.IsPod() && e.Decide(q).Answer == audit.Deny {
			return true
		}
	}
	return false
}

// urgentEvery is how long at least lies between two audits that are asked for
// here: where nothing is enforced, every conversation is suspicious.
const urgentEvery = time.Minute

// run asks for audits until ctx ends: at once, and once more when what was
// suspected has settled, since before that it proves nothing.
func (u *urgent) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-u.suspects:
		}
		u.ring(audit.Urgent)
		if !wait(ctx, u.settle+time.Second) {
			return nil
		}
		u.ring(audit.Urgent)
		if !wait(ctx, urgentEvery-u.settle) {
			return nil
		}
	}
}

// wait returns false if ctx ended before.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
