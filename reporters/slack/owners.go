package slack

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/segproof/segproof/audit"
)

const (
	maxReplies  = 3      // to one owner in a run
	maxResolved = 10     // named in a run; the others are counted
	replyBytes  = 12_000 // leaves room for the line that counts the rest
)

// A share is what is new for one owner.
type share struct {
	owner       string
	fresh, gone []*audit.Finding
}

// news sorts by owner what the thread did not speak of yet: what is there, and
// what it spoke of and is gone.
func (c *room) news() []share {
	by := map[string]*share{}
	at := func(f *audit.Finding) *share {
		if by[f.Owner] == nil {
			by[f.Owner] = &share{owner: f.Owner}
		}
		return by[f.Owner]
	}
	for _, f := range c.digest.shown {
		if !c.notes.Told[short(f.Fingerprint)] {
			s := at(f)
			s.fresh = append(s.fresh, f)
		}
	}
	for i := range c.report.Gone {
		f := &c.report.Gone[i]
		if f.Kind != audit.Passes && !c.digest.small(f) && c.notes.Told[short(f.Fingerprint)] {
			s := at(f)
			s.gone = append(s.gone, f)
		}
	}
	var out []share
	for _, s := range by {
		out = append(out, *s)
	}
	// Who has the worst news first: the hour may not allow for all.
	slices.SortFunc(out, func(a, b share) int {
		return cmp.Or(count(a.fresh).compare(count(b.fresh)), cmp.Compare(len(b.gone), len(a.gone)), cmp.Compare(a.owner, b.owner))
	})
	return out
}

// tellOwners tells each owner in the digest's thread what is new.
func (c *room) tellOwners(ctx context.Context) error {
	c.forgetAccepted()
	if c.notes.Digest.TS == "" || c.hush() {
		return nil
	}
	var held []share
	for _, s := range c.news() {
		replies := c.digest.replies(s, c.o.buttons)
		if len(replies) > c.allowance() {
			held = append(held, s)
			continue
		}
		for _, m := range replies {
			if err := c.reply(ctx, "owner/"+digestOf(s.owner+"\n"+strings.Join(m.of, "\n")+m.text), m); err != nil {
				return err
			}
		}
		c.told(s)
	}
	if len(held) == 0 || c.allowance()+1 <= 0 {
		return nil // it waits for the next run
	}
	m := c.digest.held(held, c.o.perHour)
	if err := c.reply(ctx, "held/"+digestOf(m.text), m); err != nil {
		return err
	}
	for _, s := range held {
		c.told(s)
	}
	return nil
}

func (c *room) reply(ctx context.Context, id string, m draft) error {
	p := c.payload(id, m.of, m)
	p.ThreadTS = c.notes.Digest.TS
	_, err := c.post(ctx, id, p)
	if err == nil {
		for _, fp := range m.of {
			c.notes.Told[fp] = true
		}
	}
	return err
}

// told notes that an owner knows.
func (c *room) told(s share) {
	for _, f := range s.fresh {
		c.notes.Told[short(f.Fingerprint)] = true
	}
	for _, f := range s.gone {
		delete(c.notes.Told, short(f.Fingerprint))
	}
}

// forgetAccepted makes what is accepted news again, should its exception end.
func (c *room) forgetAccepted() {
	for i := range c.report.Findings {
		if f := &c.report.Findings[i]; f.Suppressed != nil {
			delete(c.notes.Told, short(f.Fingerprint))
		}
	}
}

// replies tell an owner: each finding, as far as a few messages go, then how many
// more there are, then what is resolved.
func (d *digest) replies(s share, buttons bool) []draft {
	var out []draft
	rest := s.fresh
	for len(out) < maxReplies && (len(rest) > 0 || len(out) == 0) {
		head := d.heading(s, len(out) > 0)
		m := draft{text: head, blocks: []slack.Block{section(head)}}
		used := map[string]bool{}
		left := replyBytes - size(m.blocks...)
		for len(rest) > 0 && len(m.blocks) < 45 {
			b := d.block(rest[0], buttons, used)
			if left -= size(b); left < 0 {
				break
			}
			m.blocks = append(m.blocks, b)
			m.of = append(m.of, short(rest[0].Fingerprint))
			rest = rest[1:]
		}
		out = append(out, m)
	}
	last := &out[len(out)-1]
	if len(rest) > 0 {
		last.blocks = append(last.blocks, section(number(len(rest))+" more not shown here: "+count(rest).String()+"\n"+d.all))
	}
	if len(s.gone) == 0 {
		return out
	}
	gone := d.resolved(s.gone)
	if len(last.blocks) > 30 || size(last.blocks...)+size(gone...) > maxBytes {
		head := d.heading(s, true)
		return append(out, draft{text: head, blocks: append([]slack.Block{section(head)}, gone...)})
	}
	last.blocks = append(last.blocks, gone...)
	return out
}

// heading says whose news follow, and how many.
func (d *digest) heading(s share, again bool) string {
	var parts []string
	if len(s.fresh) > 0 {
		parts = append(parts, number(len(s.fresh))+" new ("+count(s.fresh).String()+")")
	}
	if len(s.gone) > 0 {
		parts = append(parts, number(len(s.gone))+" resolved")
	}
	text := "*" + owner(s.owner) + "*: " + strings.Join(parts, ", ")
	if again {
		text += ", continued"
	}
	return text
}

// resolved names what is gone.
func (d *digest) resolved(gone []*audit.Finding) []slack.Block {
	var out []slack.Block
	for i, f := range gone {
		if i == maxResolved {
			out = append(out, section(number(len(gone)-i)+" more resolved"))
			break
		}
		out = append(out, section("*Resolved*  "+plain(f.ID, 20)+" "+plain(f.Rule, 60)+"\n"+where(f, 100)))
	}
	return out
}

// held counts what the hour does not allow to tell one by one.
func (d *digest) held(all []share, perHour int) draft {
	fresh, gone := tally{}, 0
	for _, s := range all {
		for _, f := range s.fresh {
			fresh[f.Severity]++
		}
		gone += len(s.gone)
	}
	text := "*" + number(fresh.sum()) + " more new*"
	if fresh.sum() > 0 {
		text += " (" + fresh.String() + ")"
	}
	if gone > 0 {
		text += " and " + number(gone) + " more resolved"
	}
	text += " of " + some(len(all), "owner") + ": not told one by one, since " + some(perHour, "message") + " an hour are the most here\n" + d.all
	return draft{text: text, blocks: []slack.Block{section(text)}}
}

// all is everything that would be sent to a channel that was told nothing yet.
func (c *room) all() []payload {
	if c.o.quiet && !c.digest.news() || c.routed && len(c.report.Findings) == 0 {
		return nil
	}
	if c.channel == "" {
		return []payload{c.digest.payload("")}
	}
	out := []payload{c.payload("digest", nil, c.draftDigest())}
	if c.whole {
		return out
	}
	var own, more []*audit.Finding
	for _, f := range c.digest.shown {
		switch {
		case critical(f) && f.State != audit.Unchanged && len(own) < maxOwn:
			own = append(own, f)
		case critical(f) && f.State != audit.Unchanged:
			more = append(more, f)
		}
	}
	for _, f := range own {
		p, _ := c.criticalPayload(f, isOpen)
		out = append(out, p)
	}
	if len(more) > 0 {
		out = append(out, c.payload("criticals/"+digestOf(joined(more)), nil, c.digest.moreCriticals(len(more))))
	}
	for _, f := range c.digest.shown {
		c.notes.Told[short(f.Fingerprint)] = f.State == audit.Unchanged
	}
	for _, s := range c.news() {
		for _, m := range c.digest.replies(s, c.o.buttons) {
			p := c.payload("owner/"+digestOf(s.owner+"\n"+strings.Join(m.of, "\n")+m.text), m.of, m)
			p.ThreadTS = "of the digest"
			out = append(out, p)
		}
	}
	return out
}

func (c *room) draftDigest() draft {
	text, blocks := c.digest.message()
	return draft{text: text, blocks: blocks}
}
