package slack

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/segproof/segproof/audit"
)

// A room is one channel during one report.
type room struct {
	*Reporter
	part
	notes  *notes
	fresh  bool // nothing is remembered of the channel
	unread bool // what is remembered could not be read, and is not to be overwritten
	digest *digest
	edits  int     // of criticals that are only worded anew
	errs   []error // of the memory: they keep nobody from being told
}

func (r *Reporter) room(p part) *room {
	c := &room{Reporter: r, part: p, notes: newNotes(), digest: newDigest(p.report, r.o.least)}
	if p.channel != "" {
		c.digest.all = inThread
	}
	return c
}

const inThread = "The file in the thread has all of them"

// tell brings the channel up to date. What fails is done at the next report.
func (c *room) tell(ctx context.Context) error {
	err := c.recall(ctx)
	if err == nil && !c.silent() {
		steps := []func(context.Context) error{c.tellDigest}
		if !c.whole {
			// The digest once more: by then it is known whether a file is attached.
			steps = append(steps, c.tellCriticals, c.tellWords, c.attach, c.tellDigest, c.tellOwners)
		}
		for _, step := range steps {
			if err = step(ctx); err != nil {
				break
			}
		}
	}
	if err == nil || c.notes.Pending != (pending{}) || !c.fresh {
		c.save(ctx)
	}
	return errors.Join(append([]error{err}, c.errs...)...)
}

// silent tells that the channel asked for quiet, or is one that never had
// anything to do with it.
func (c *room) silent() bool {
	owed := len(c.news()) > 0
	if c.o.quiet && !owed && c.digest.gone == 0 {
		return true
	}
	return c.routed && c.notes.Digest.TS == "" && len(c.report.Findings) == 0
}

// key and id name the channel, to the memory and to Slack.
func (c *room) key() string { return key(c.report.Cluster, c.channel) }
func (c *room) id() string  { return cmp.Or(c.notes.ID, c.channel) }

// recall finds out what stands in the channel: from the memory or, if that knows
// nothing, from the channel itself.
func (c *room) recall(ctx context.Context) error {
	c.Reporter.notesMu.Lock()
	kept := c.kept[c.key()]
	c.Reporter.notesMu.Unlock()
	if kept != nil {
		c.notes = kept
		return nil
	}
	c.fresh = true
	if c.o.memory != nil {
		n, err := recallNotes(ctx, c.o.memory, c.key())
		if err != nil {
			c.errs, c.unread = append(c.errs, err), true
		}
		if n != nil {
			c.notes, c.fresh = n, false
			return nil
		}
	}
	// What stood before is not news.
	for i := range c.report.Findings {
		if f := &c.report.Findings[i]; f.State == audit.Unchanged {
			c.notes.Told[short(f.Fingerprint)] = true
			if critical(f) {
				c.notes.Criticals[f.Fingerprint] = standing{Is: isOpen, Said: isOpen}
			}
		}
	}
	return c.recover(ctx)
}

// save keeps the notes, also if ctx has just ended: what was posted was posted.
func (c *room) save(ctx context.Context) {
	err := errUnread
	if c.o.memory == nil {
		c.keep(c.notes)
		return
	}
	if !c.unread {
		var b []byte
		if b, err = c.notes.encode(); err == nil {
			saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			err = c.o.memory.Remember(saving, c.key(), b)
		}
	}
	if err == nil {
		c.keep(nil)
		return
	}
	c.keep(c.notes)
	if len(c.errs) == 0 {
		c.errs = append(c.errs, fmt.Errorf("remember what stands in a slack channel: %w", err))
	}
}

var errUnread = errors.New("what was remembered could not be read")

// keep holds notes that are stored nowhere else, as long as this process lives.
func (c *room) keep(n *notes) {
	c.Reporter.notesMu.Lock()
	defer c.Reporter.notesMu.Unlock()
	c.kept[c.key()] = n
}

// payload is a message of ours, which its metadata lets us know again.
func (c *room) payload(id string, of []string, m draft) payload {
	about := map[string]any{"id": id, "cluster": digestOf(c.report.Cluster)}
	if len(of) > 0 {
		about["of"] = of
	}
	if m.is != "" {
		about["is"] = m.is
	}
	return payload{Channel: c.id(), Text: m.text, Blocks: m.blocks, Parse: "none", Metadata: &slack.SlackMetadata{EventType: eventType, EventPayload: about}}
}

const eventType = "segproof_message"

// A draft is what a message says.
type draft struct {
	text   string
	blocks []slack.Block
	is     string   // of a critical finding: open, resolved or accepted
	of     []string // shortened fingerprints that it tells of
}

// look tells one way to write a message from another, wherever it stands.
func look(p payload) string {
	p.Channel = ""
	b, err := json.Marshal(p)
	if err != nil {
		return "" // cannot be: blocks hold text only
	}
	return digestOf(string(b))
}

func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}

// timestamp is a time as Slack writes those of messages.
func timestamp(t time.Time) string {
	return strconv.FormatInt(t.Unix(), 10) + ".000000"
}

// hush tells that it is no time for news.
func (c *room) hush() bool { return c.o.hours.hold(time.Now()) }

// allowance is how many new messages the hour still allows; one more is kept for
// the one that counts the others.
func (c *room) allowance() int { return c.o.perHour - 1 - c.notes.recent(time.Now()) }

// named tells that a channel's ID is not known, so that only posting is possible.
func (c *room) named() bool { return strings.HasPrefix(c.id(), "#") }
