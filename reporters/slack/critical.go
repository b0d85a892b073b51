package slack

import (
	"github.com/slack-go/slack"

	"github.com/segproof/segproof/audit"
)

// What has become of a critical finding.
const (
	isOpen     = "open"
	isResolved = "resolved"
	isAccepted = "accepted"
)

// critical tells whether a finding has a message of its own.
func critical(f *audit.Finding) bool { return f.Severity == audit.Critical && f.Kind != audit.Passes }

// is says what has become of a finding that was found.
func is(f *audit.Finding) string {
	if f.Suppressed != nil {
		return isAccepted
	}
	return isOpen
}

// criticalPayload is the message of one finding, and the look of it. When a
// finding was last seen changes with every run and does not count as a look.
func (c *room) criticalPayload(f *audit.Finding, now string) (p payload, is string) {
	bare := *f
	bare.Evidence = nil
	id := "critical/" + f.Fingerprint
	is = look(c.payload(id, nil, (&digest{Report: &audit.Report{Cluster: c.report.Cluster}}).critical(&bare, now, c.o.buttons)))
	return c.payload(id, nil, c.digest.critical(f, now, c.o.buttons)), is
}

// critical is the message of one finding: what is wrong, whose it is, since when,
// and what to do.
func (d *digest) critical(f *audit.Finding, is string, buttons bool) draft {
	title := map[string]string{isOpen: "Critical", isResolved: "Resolved", isAccepted: "Accepted"}[is]
	head := title + " in " + plain(d.Cluster, 40) + ": " + plain(subject(f), 90)
	m := draft{text: head + "\n" + prose(f.Message, 300), is: is}
	m.blocks = []slack.Block{slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, head, false, false))}
	shown := *f
	said := ""
	switch is {
	case isResolved:
		shown.Fix = "" // nothing is to be done any more
		said = d.word(isResolved).text
	case isAccepted:
		shown.Fix = ""
		said = accepted(f.Suppressed)
	}
	m.blocks = append(m.blocks, d.block(&shown, buttons && is == isOpen, map[string]bool{}))
	if said != "" {
		m.blocks = append(m.blocks, section(said))
	}
	if is == isOpen && !d.Run.Ended.IsZero() {
		m.blocks = append(m.blocks, slack.NewContextBlock("", mrkdwn(d.about())))
	}
	return m
}

// subject names what a finding is about, for a headline.
func subject(f *audit.Finding) string {
	if f.Peer == nil {
		return f.Subject.String()
	}
	return f.Subject.String() + arrow(f) + f.Peer.String()
}

// accepted says by whom and until when.
func accepted(s *audit.Suppression) string {
	until := "for good"
	if !s.Expires.IsZero() {
		until = "until " + (&audit.Exception{Expires: s.Expires}).Until()
	}
	return "*Accepted* " + until + ": " + prose(s.Reason, 300) + " (" + plain(s.From, 120) + ")"
}

// word is the reply in the thread of a critical finding.
func (d *digest) word(is string) draft {
	text := "*Open again:* it was found once more"
	switch is {
	case isResolved:
		text = "*Resolved:* looked for again, and no longer found"
	case isAccepted:
		text = "*Accepted:* it fails nothing until its exception ends"
	}
	if !d.Run.Ended.IsZero() {
		text += ", " + moment(d.Run.Ended)
	}
	return draft{text: text, blocks: []slack.Block{section(text)}}
}

// moreCriticals counts those that have no message of their own.
func (d *digest) moreCriticals(n int) draft {
	text := number(n) + " more critical in " + plain(d.Cluster, 40) + ": the digest counts them, the file in its thread has each"
	return draft{text: text, blocks: []slack.Block{section("*" + number(n) + " more critical* in " + code(d.Cluster, 40) + ": the digest counts them, the file in its thread has each")}}
}

// block shows a finding, with a menu if somebody listens to it.
func (d *digest) block(f *audit.Finding, buttons bool, used map[string]bool) slack.Block {
	b := slack.NewSectionBlock(mrkdwn(d.finding(f)), nil, nil)
	if !buttons || used[f.Fingerprint] || !fingerprint.MatchString(f.Fingerprint) {
		return b
	}
	used[f.Fingerprint] = true
	option := func(do, text string) *slack.OptionBlockObject {
		return slack.NewOptionBlockObject(do+" "+f.Fingerprint, slack.NewTextBlockObject(slack.PlainTextType, text, false, false), nil)
	}
	b.BlockID = blockPrefix + f.Fingerprint
	b.Accessory = slack.NewAccessory(slack.NewOverflowBlockElement(menuAction, option(doExplain, "Explain"), option(doAccept, "Accept…")))
	return b
}
