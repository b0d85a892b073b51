package slack

import (
	"bytes"
	"context"
	"encoding/csv"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// attach puts the complete list into the digest's thread, whenever another set of
// findings is found, and takes the former one away.
func (c *room) attach(ctx context.Context) error {
	of := listed(c.report)
	if c.notes.Digest.TS == "" || c.named() || c.hush() || c.notes.List.Of == of || c.allowance() <= 0 {
		return nil
	}
	former := c.notes.List.File
	next := listing{Of: of}
	if len(c.report.Findings) > 0 {
		content, err := complete(c.report)
		if err != nil {
			return err
		}
		next.File, err = c.upload(ctx, upload{
			channel: c.id(), thread: c.notes.Digest.TS, name: listName(of), content: content,
			title: "All " + some(len(c.report.Findings), "finding") + " in " + audit.Clean(c.report.Cluster[:min(len(c.report.Cluster), 60)]),
		})
		switch {
		case err == nil:
			c.notes.Sent = append(c.notes.Sent, time.Now())
		case asError(err).refused():
			next.Not = "no file is attached, for Slack refused it" // the digest says so, and everything else goes on
			if reason := asError(err).Reason; reason != "" {
				next.Not += " (" + plain(reason, 60) + ")"
			}
		default:
			return err
		}
	}
	c.notes.List = next
	if former == "" {
		return nil
	}
	if err := c.api.deleteFile(ctx, former); err != nil && !asError(err).refused() {
		return err
	}
	return nil
}

// upload attaches a file once: one whose answer was lost is looked for.
func (c *room) upload(ctx context.Context, f upload) (string, error) {
	if err := c.pacer.wait(ctx, c.channel); err != nil {
		return "", asError(err)
	}
	id, err := c.api.attach(ctx, f)
	if err == nil || !asError(err).unsure || asError(err).ended != nil {
		return id, err
	}
	found := ""
	lost := c.api.history(ctx, f.channel, f.thread, time.Now().Add(-skew), func(m posted) bool {
		for _, x := range m.Files {
			if x.Name == f.name {
				found = x.ID
			}
		}
		return found == ""
	})
	switch {
	case lost != nil:
		return "", err
	case found != "":
		return found, nil
	}
	return c.api.attach(ctx, f)
}

var listFile = regexp.MustCompile(`^segproof-([0-9a-f]{16})\.csv$`)

func listName(of string) string { return "segproof-" + of + ".csv" }

func listOf(name string) (of string, ok bool) {
	m := listFile.FindStringSubmatch(name)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// listed is a hash of the findings that there are: of what is found, not of when.
func listed(r *audit.Report) string {
	var lines []string
	for i := range r.Findings {
		f := &r.Findings[i]
		lines = append(lines, f.Fingerprint+" "+string(f.Kind)+" "+strconv.FormatBool(f.Suppressed != nil))
	}
	slices.Sort(lines)
	return digestOf(strings.Join(lines, "\n"))
}

// complete is every finding as a table that spreadsheets open, and Slack shows.
func complete(r *audit.Report) (string, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"severity", "id", "rule", "kind", "state", "owner", "subject", "direction", "peer", "port", "message", "fix", "seen", "location", "accepted", "fingerprint"}}
	order := make([]*audit.Finding, len(r.Findings))
	for i := range r.Findings {
		order[i] = &r.Findings[i]
	}
	slices.SortFunc(order, (*audit.Finding).Compare)
	for _, f := range order {
		rows = append(rows, row(f))
	}
	if err := w.WriteAll(rows); err != nil {
		return "", err
	}
	return b.String(), nil
}

func row(f *audit.Finding) []string {
	peer, location, why := "", f.Location.File, ""
	if f.Peer != nil {
		peer = f.Peer.String()
	}
	if f.Location.Line > 0 {
		location += ":" + strconv.Itoa(f.Location.Line)
	}
	if f.Suppressed != nil {
		why = f.Suppressed.Reason
	}
	cells := []string{
		string(f.Severity), f.ID, f.Rule, string(f.Kind), string(f.State), f.Owner, f.Subject.String(), string(f.Direction), peer,
		f.PortName(), f.Message, f.Fix, since(f), location, why, f.Fingerprint,
	}
	for i, s := range cells {
		cells[i] = cell(s)
	}
	return cells
}

const maxCell = 2_000 // bytes; a fingerprint leads to the rest in the record

// cell makes foreign text fit for a spreadsheet, which takes a leading = for a
// formula.
func cell(s string) string {
	if len(s) > maxCell {
		s = strings.ToValidUTF8(s[:maxCell], "") + "…"
	}
	s = audit.Clean(strings.Join(strings.Fields(s), " "))
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}
