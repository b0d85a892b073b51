package slack

import (
	"context"
	"slices"
	"strings"
	"time"
)

// skew is how far Slack's clock and ours may be apart.
const skew = 5 * time.Minute

// post posts a message once, whatever happens on the way. What was perhaps posted,
// in this run or in one that was killed, is looked up before it is posted again.
func (c *room) post(ctx context.Context, id string, p payload) (ts string, err error) {
	if c.notes.Pending.ID == id {
		if ts, err = c.find(ctx, id, p.ThreadTS); ts != "" {
			return c.done(ts), nil
		}
		if err != nil && !asError(err).refused() {
			return "", err
		}
	}
	c.notes.Pending = pending{id, time.Now()}
	c.save(ctx)
	for try := 1; ; try++ {
		ts, err = c.postOnce(ctx, p)
		if err == nil {
			return c.done(ts), nil
		}
		e := asError(err)
		if !e.unsure {
			c.notes.Pending = pending{}
			return "", e
		}
		if e.ended != nil || try == 3 {
			return "", e
		}
		if ts, err = c.find(ctx, id, p.ThreadTS); err != nil {
			return "", e
		}
		if ts != "" {
			return c.done(ts), nil
		}
	}
}

func (c *room) postOnce(ctx context.Context, p payload) (ts string, err error) {
	err = patiently(ctx, func() error {
		if err := c.pacer.wait(ctx, c.channel); err != nil {
			return err
		}
		var channel string
		if channel, ts, err = c.api.post(ctx, p); err == nil && c.named() {
			c.notes.ID = channel
		}
		return err
	})
	return ts, err
}

// done counts a message that surely stands in the channel.
func (c *room) done(ts string) string {
	c.notes.Pending = pending{}
	c.notes.Sent = append(c.notes.Sent, time.Now())
	c.fresh = false
	return ts
}

// update edits a message that stands; false if it does not stand any more.
func (c *room) update(ctx context.Context, ts string, p payload) (stands bool, err error) {
	if err := c.pacer.wait(ctx, c.channel); err != nil {
		return true, asError(err)
	}
	if err = c.api.update(ctx, ts, p); err == nil {
		return true, nil
	}
	e := asError(err)
	return !slices.Contains([]string{"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"}, e.Reason), e
}

// find looks for a message that was perhaps posted; "" if it surely was not.
func (c *room) find(ctx context.Context, id, thread string) (ts string, err error) {
	if c.named() {
		return "", &Error{what: "a channel known by its name can't be looked into"}
	}
	// What was taken shows in the history at once, but for a moment.
	if err := sleep(ctx, pace); err != nil {
		return "", asError(err)
	}
	err = c.api.history(ctx, c.id(), thread, c.notes.Pending.Since.Add(-skew), func(m posted) bool {
		if c.ours(m).id == id {
			ts = m.TS
		}
		return ts == ""
	})
	return ts, err
}

// A mark is what a message's metadata says of it.
type mark struct {
	id, is string
	of     []string
}

// ours reads the mark of a message; empty if it is not ours, or of another cluster.
func (c *room) ours(m posted) mark {
	if m.Metadata == nil || m.Metadata.EventType != eventType || m.Metadata.EventPayload["cluster"] != digestOf(c.report.Cluster) {
		return mark{}
	}
	var k mark
	k.id, _ = m.Metadata.EventPayload["id"].(string)
	k.is, _ = m.Metadata.EventPayload["is"].(string)
	of, _ := m.Metadata.EventPayload["of"].([]any)
	for _, v := range of {
		if s, ok := v.(string); ok {
			k.of = append(k.of, s)
		}
	}
	return k
}

// recover finds again what stands in the channel, of which nothing is remembered.
// Where the channel can't be looked into, everything is posted anew.
func (c *room) recover(ctx context.Context) error {
	if c.named() {
		return nil
	}
	err := c.api.history(ctx, c.id(), "", time.Time{}, func(m posted) bool {
		k := c.ours(m)
		fingerprint, isCritical := strings.CutPrefix(k.id, "critical/")
		switch {
		case k.id == "digest" && c.notes.Digest.TS == "":
			c.notes.Digest.TS = m.TS
		case isCritical && c.notes.Criticals[fingerprint].TS == "":
			c.notes.Criticals[fingerprint] = standing{TS: m.TS, Is: k.is, Said: k.is}
		}
		return true
	})
	if err == nil && c.notes.Digest.TS != "" {
		err = c.recoverThread(ctx)
	}
	if err != nil && asError(err).refused() {
		return nil // the app lacks the right, or is not in the channel: posting will tell
	}
	return err
}

func (c *room) recoverThread(ctx context.Context) error {
	return c.api.history(ctx, c.id(), c.notes.Digest.TS, time.Time{}, func(m posted) bool {
		for _, fp := range c.ours(m).of {
			c.notes.Told[fp] = true
		}
		for _, f := range m.Files {
			if of, ok := listOf(f.Name); ok {
				c.notes.List = listing{Of: of, File: f.ID}
			}
		}
		return true
	})
}
