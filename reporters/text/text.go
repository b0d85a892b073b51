// Package text tells of a report in a table that a person reads in a terminal:
// first how it stands with each namespace, how much was found and how much was
// not seen; then the findings, the worst first, each rule with what to do next;
// then what is accepted, what was proven, which rules of the policies traffic has
// used, and at the end the coverage. A report without findings never reads as if all were well
// when something was not seen.
//
// Every name in a report may be hostile, so all of it passes through
// [audit.Clean]; what does not fit into a line is wrapped, never cut off.
package text

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// A Reporter writes one report after the other to W.
type Reporter struct {
	W        io.Writer
	Color    bool // severities in colour
	Width    int  // columns of the terminal; 0 means 100, the least is 60
	Baseline bool // the reports were compared with a former record: mark what is new
}

// Report writes the whole report at once.
func (t Reporter) Report(_ context.Context, r *audit.Report) error {
	if _, err := t.W.Write(t.render(r)); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	return nil
}

func (t Reporter) render(r *audit.Report) []byte {
	p := &page{width: 100, color: t.Color, day: r.Coverage.To}
	if t.Width != 0 {
		p.width = max(t.Width, 60)
	}
	if p.day.IsZero() {
		p.day = r.Run.Ended
	}
	fails, passes, suppressed := split(r.Findings)
	p.marks = t.Baseline || compared(r)
	p.headline(r, tallies{fails, passes, suppressed})
	p.scoreCard(r.ScoreCard)
	p.compliance(r)
	p.findings(r, fails)
	p.suppressed(suppressed)
	p.gone(r.Gone)
	p.proven(passes)
	p.exercised(r)
	p.coverage(&r.Coverage)
	return p.Bytes()
}

// compared tells whether a stored report was compared with a former one.
func compared(r *audit.Report) bool {
	return len(r.Gone) > 0 || slices.ContainsFunc(r.Findings, func(f audit.Finding) bool { return f.State == audit.Unchanged })
}

// split takes the proofs and what is accepted out of the findings.
func split(fs []audit.Finding) (fails, passes, suppressed []audit.Finding) {
	for _, f := range fs {
		switch {
		case f.Kind == audit.Passes:
			passes = append(passes, f)
		case f.Suppressed != nil:
			suppressed = append(suppressed, f)
		default:
			fails = append(fails, f)
		}
	}
	return fails, passes, suppressed
}

// A page is text of limited width under way.
type page struct {
	bytes.Buffer
	width int
	color bool
	marks bool      // new findings are marked
	day   time.Time // times of this day are written without the date
}

// title begins a part of the page.
func (p *page) title(s, rest string) {
	p.WriteByte('\n')
	p.para(s+"  ", strings.Repeat(" ", columns(s)+2), rest)
}

// para writes text in lines that begin with first, then with rest.
func (p *page) para(first, rest, text string) {
	for i, l := range wrap(text, p.width-max(columns(first), columns(rest))) {
		if i > 0 {
			first = rest
		}
		p.WriteString(strings.TrimRight(first+l, " ") + "\n")
	}
}

// clock writes an instant in UTC, with the date if it is of another day.
func (p *page) clock(t time.Time) string {
	t = t.UTC()
	if t.Format(time.DateOnly) == p.day.UTC().Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// span writes a time and, if it is another, when it ended.
func (p *page) span(from, to time.Time) string {
	a, b := p.clock(from), p.clock(to)
	if a == b || to.IsZero() {
		return a
	}
	return a + "–" + b
}
