package slack

import (
	"context"
	"sync"
	"time"
)

// QuietHours are when nothing new is sent but critical findings; what stands is
// still edited, which rings nowhere. What waits is told afterwards.
type QuietHours struct {
	From, To time.Duration  // since midnight; From may be later than To: the night between
	Zone     *time.Location // nil for UTC
}

// hold tells whether t lies in the quiet hours.
func (q QuietHours) hold(t time.Time) bool {
	if q.From == q.To {
		return false
	}
	zone := q.Zone
	if zone == nil {
		zone = time.UTC
	}
	t = t.In(zone)
	// By the clock on the wall, which is not the time since midnight when it is set.
	day := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	if q.From < q.To {
		return q.From <= day && day < q.To
	}
	return q.From <= day || day < q.To
}

// pace is how far apart two messages to a channel are: above one a second Slack
// refuses them, or hides them without a word.
const pace = time.Second

// A pacer holds back who writes to a channel too fast.
type pacer struct {
	mu   sync.Mutex
	next map[string]time.Time // by channel: when it may be written to
}

func newPacer() *pacer { return &pacer{next: map[string]time.Time{}} }

// wait returns when the channel may be written to, or ctx has ended.
func (p *pacer) wait(ctx context.Context, channel string) error {
	p.mu.Lock()
	now := time.Now()
	at := p.next[channel]
	if at.Before(now) {
		at = now
	}
	p.next[channel] = at.Add(pace)
	p.mu.Unlock()
	return sleep(ctx, at.Sub(now))
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
