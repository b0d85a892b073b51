package slack

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// tellDigest posts the channel's digest, or edits it in place.
func (c *room) tellDigest(ctx context.Context) error {
	if c.notes.List.Not != "" {
		c.digest.all = inOutput + ": " + c.notes.List.Not
	}
	text, blocks := c.digest.message()
	p := c.payload("digest", nil, draft{text: text, blocks: blocks})
	d := &c.notes.Digest
	is := look(p)
	if d.TS != "" && d.Look == is {
		return nil
	}
	if d.TS != "" {
		stands, err := c.update(ctx, d.TS, p)
		if stands {
			if err == nil {
				d.Look = is
			}
			return err
		}
		c.notes.Digest, c.notes.List = standing{}, listing{} // its thread is gone too
	}
	if c.hush() {
		return nil
	}
	ts, err := c.post(ctx, "digest", p)
	if err == nil {
		c.notes.Digest = standing{TS: ts, Look: is}
	}
	return err
}

const maxOwn = 10 // criticals with messages of their own in a run; the others are counted

// maxEdits is how many messages are worded anew in a run, at one a second, though
// nothing has become of their findings; the others are the next run's.
const maxEdits = 30

// tellCriticals edits the messages of critical findings, and posts those of new ones.
func (c *room) tellCriticals(ctx context.Context) error {
	fresh, err := c.editCriticals(ctx)
	if err != nil {
		return err
	}
	own, more := fresh, []*audit.Finding(nil)
	if n := min(maxOwn, max(c.allowance(), 0)); len(fresh) > n {
		own, more = fresh[:n], fresh[n:]
	}
	for _, f := range own {
		p, look := c.criticalPayload(f, isOpen)
		ts, err := c.post(ctx, "critical/"+f.Fingerprint, p)
		if err != nil {
			return err
		}
		c.notes.Criticals[f.Fingerprint] = standing{TS: ts, Look: look, Is: isOpen, Said: isOpen}
	}
	if len(more) == 0 || c.allowance()+1 <= 0 {
		return nil // those beyond what the hour allows wait
	}
	m := c.digest.moreCriticals(len(more))
	if _, err := c.post(ctx, "criticals/"+digestOf(joined(more)), c.payload("criticals/"+digestOf(joined(more)), nil, m)); err != nil {
		return err
	}
	for _, f := range more {
		c.notes.Criticals[f.Fingerprint] = standing{Is: isOpen, Said: isOpen}
	}
	return nil
}

// editCriticals edits what stands, and returns what has no message yet.
func (c *room) editCriticals(ctx context.Context) (fresh []*audit.Finding, err error) {
	seen := map[string]bool{}
	for i := range c.report.Findings {
		f := &c.report.Findings[i]
		if !critical(f) || seen[f.Fingerprint] {
			continue
		}
		seen[f.Fingerprint] = true
		s, known := c.notes.Criticals[f.Fingerprint]
		if known {
			known, err = c.edit(ctx, f, s, is(f))
		}
		if err != nil {
			return nil, err
		}
		if !known && f.Suppressed == nil {
			fresh = append(fresh, f)
		}
	}
	for i := range c.report.Gone {
		f := &c.report.Gone[i]
		if s, known := c.notes.Criticals[f.Fingerprint]; known && critical(f) && !seen[f.Fingerprint] {
			if _, err := c.edit(ctx, f, s, isResolved); err != nil {
				return nil, err
			}
		}
	}
	return fresh, nil
}

// edit brings the message of a critical finding up to date; false if it has to be
// posted anew.
func (c *room) edit(ctx context.Context, f *audit.Finding, s standing, now string) (known bool, err error) {
	p, look := c.criticalPayload(f, now)
	if s.TS == "" { // it was counted, or known before
		if now == isResolved {
			delete(c.notes.Criticals, f.Fingerprint)
		}
		return true, nil
	}
	if s.Look == look && s.Is == now {
		return true, nil
	}
	if s.Is == now {
		if c.edits++; c.edits > maxEdits {
			return true, nil
		}
	}
	stands, err := c.update(ctx, s.TS, p)
	switch {
	case stands && err == nil:
		s.Look, s.Is = look, now
		c.notes.Criticals[f.Fingerprint] = s
	case !stands:
		delete(c.notes.Criticals, f.Fingerprint)
		return false, nil
	}
	return true, err
}

// tellWords says in the thread of a critical finding what became of it: an edit
// rings nowhere, so those who follow the thread would not know.
func (c *room) tellWords(ctx context.Context) error {
	for _, fp := range slices.Sorted(maps.Keys(c.notes.Criticals)) {
		s := c.notes.Criticals[fp]
		if s.TS == "" || s.Is == s.Said || c.hush() || c.allowance() <= 0 {
			continue
		}
		p := c.payload("word/"+fp+"/"+s.Is, nil, c.digest.word(s.Is))
		p.ThreadTS = s.TS
		_, err := c.post(ctx, "word/"+fp+"/"+s.Is, p)
		if err != nil && asError(err).Reason != "thread_not_found" {
			return err
		}
		s.Said = s.Is
		c.notes.Criticals[fp] = s
	}
	return nil
}

// joined names findings, so that the same ones have the same name.
func joined(fs []*audit.Finding) string {
	var b strings.Builder
	for _, f := range fs {
		b.WriteString(f.Fingerprint + "\n")
	}
	return b.String()
}
