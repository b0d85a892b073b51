package slack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/segproof/segproof/audit"
)

// Slack refuses a message whose blocks hold more than about 13,200 characters
// together (msg_blocks_too_long, undocumented). How it counts is not known, so
// the bytes of the JSON are bounded: no way to count gives more. Its other
// bounds are documented: 50 blocks, 3,000 characters in a section, 150 in a
// header; what is written here keeps each part well below.
const (
	maxBytes    = 12_500
	maxHeader   = 150
	maxFindings = 12 // nobody reads more of them in a channel
	maxOwners   = 8
	minCluster  = 40 // characters of the header that are the cluster's name
)

// A digest is a report, sorted out for a channel.
type digest struct {
	*audit.Report
	least    audit.Severity
	fails    tally            // all that was found
	shown    []*audit.Finding // at or above least: the new ones first, then the worst
	below    tally            // the others
	fresh    int              // new ones of those shown
	gone     int              // of those at or above least
	accepted int              // by exceptions: they fail nothing
	proven   int
	all      string // where all of them are
	compared bool   // with a former record, so that new and gone mean something
}

func newDigest(r *audit.Report, least audit.Severity) *digest {
	d := &digest{Report: r, least: least, fails: tally{}, below: tally{}, compared: len(r.Gone) > 0, all: inOutput}
	for i := range r.Findings {
		f := &r.Findings[i]
		d.compared = d.compared || f.State == audit.Unchanged
		if f.Kind == audit.Passes {
			d.proven++
			continue
		}
		if f.Suppressed != nil {
			d.accepted++
			continue
		}
		d.fails[f.Severity]++
		if d.small(f) {
			d.below[f.Severity]++
			continue
		}
		d.shown = append(d.shown, f)
		if isNew(f) {
			d.fresh++
		}
	}
	for i := range r.Gone {
		if f := &r.Gone[i]; f.Kind != audit.Passes && !d.small(f) {
			d.gone++
		}
	}
	slices.SortFunc(d.shown, compare)
	return d
}

const inOutput = "The output of the run has all of them"

// small tells what is counted and not shown. What has a severity that is not
// known is shown rather than lost.
func (d *digest) small(f *audit.Finding) bool {
	return f.Severity.Rank() >= 0 && f.Severity.Rank() < d.least.Rank()
}

// news tells whether a channel that asked for quiet is to hear of it.
func (d *digest) news() bool { return d.fresh+d.gone > 0 }

// isNew holds too for what was compared with nothing.
func isNew(f *audit.Finding) bool { return f.State != audit.Unchanged }

// message lays the digest out. What must be said comes first in the budget;
// findings take what is left, and the rest is counted.
func (d *digest) message() (text string, blocks []slack.Block) {
	head := d.headline()
	before := []slack.Block{slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, head, false, false))}
	if len(d.shown) > 0 {
		before = append(before, section(d.owners()))
	}
	cover := []slack.Block{section(coverage(&d.Coverage)), slack.NewContextBlock("", mrkdwn(d.about()))}
	// The longest that the counts of what is not shown can be: with nothing shown.
	left := maxBytes - size(before...) - size(cover...) - size(section(d.rest(0)))
	var findings []slack.Block
	for i := range d.shown[:min(maxFindings, len(d.shown))] {
		b := section(d.finding(d.shown[i]))
		if left -= size(b); left < 0 {
			break
		}
		findings = append(findings, b)
	}
	blocks = append(before, findings...)
	if rest := d.rest(len(findings)); rest != "" {
		blocks = append(blocks, section(rest))
	}
	return head + "\n" + seen(&d.Coverage), append(blocks, cover...)
}

// payload is the digest as it is sent to a channel.
func (d *digest) payload(channel string) payload {
	text, blocks := d.message()
	return payload{Channel: channel, Text: text, Blocks: blocks, Parse: "none"}
}

// headline is what a phone shows: the cluster and how much was found.
func (d *digest) headline() string {
	const product = "Segproof, "
	room := maxHeader - len(product) - len(": ")
	found, news := "nothing found in what was seen", ""
	if len(d.fails) > 0 {
		found = d.fails.String()
	}
	if d.compared {
		news = fmt.Sprintf(" (%s new, %s gone)", number(d.fresh), number(d.gone))
	}
	if len(found)+len(news) > room-minCluster {
		found = some(d.fails.sum(), "finding")
	}
	return product + plain(d.Cluster, room-len(found)-len(news)) + ": " + found + news
}

// rest counts what is not among the first n that are shown.
func (d *digest) rest(n int) string {
	var lines []string
	if more := count(d.shown[n:]); len(more) > 0 {
		lines = append(lines, fmt.Sprintf("%s more not shown here: %s", number(more.sum()), more))
	}
	if len(d.below) > 0 {
		lines = append(lines, fmt.Sprintf("%s below %s: %s", number(d.below.sum()), d.least, d.below))
	}
	if d.gone > 0 {
		lines = append(lines, number(d.gone)+" gone: looked for again, and no longer found")
	}
	if d.accepted > 0 {
		lines = append(lines, number(d.accepted)+" accepted by exceptions")
	}
	if d.proven > 0 {
		lines = append(lines, number(d.proven)+" proven to be enforced")
	}
	if len(lines) > 0 {
		lines = append(lines, d.all)
	}
	return strings.Join(lines, "\n")
}

// about says which run this was.
func (d *digest) about() string {
	parts := []string{"Run " + plain(cmp.Or(d.Run.ID, "-"), 40)}
	if d.Run.Trigger != "" {
		parts = append(parts, plain(string(d.Run.Trigger), 20))
	}
	if !d.Run.Ended.IsZero() {
		parts = append(parts, moment(d.Run.Ended))
	}
	if d.Run.Version != "" {
		parts = append(parts, "segproof "+plain(d.Run.Version, 40))
	}
	return strings.Join(parts, " · ")
}

// mrkdwn is text with our markup; verbatim, so that Slack looks for no names or
// links in it.
func mrkdwn(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, s, false, true)
}

func section(s string) slack.Block { return slack.NewSectionBlock(mrkdwn(s), nil, nil) }

// size is what blocks add to the message, in bytes.
func size(blocks ...slack.Block) int {
	b, err := json.Marshal(blocks)
	if err != nil {
		return maxBytes // cannot be: blocks hold text only
	}
	return len(b)
}
