// Package markdown writes a report as a comment for a pull request: how it
// stands in a few lines, what is new, and the rest folded away.
//
// # Design
//
// GitHub refuses a comment of more than 65,536 characters, so each part has a
// share of them; what a part does not need, the next ones may have. What does not
// fit is counted, so that what is shown and what is counted is all there is.
//
// Names come from the cluster and from flows, and a comment is shown to a whole
// organisation: nothing in them may become markup, a link, a mention of people
// or a reference to an issue. See escape.
package markdown

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/segproof/segproof/audit"
)

// A Reporter writes each report as Markdown to W.
type Reporter struct {
	W        io.Writer
	Baseline bool // the reports were compared with a former record: tell what is new apart
}

// Report writes the whole comment at once.
func (m Reporter) Report(_ context.Context, r *audit.Report) error {
	if _, err := io.WriteString(m.W, m.render(r)); err != nil {
		return fmt.Errorf("write markdown: %w", err)
	}
	return nil
}

// Limit is the most that GitHub takes, in characters. We count bytes, which are
// at least as many.
const Limit = 65_536

// shares of the limit by part. The headline is bounded by what it says.
const (
	forHead       = 6_000
	forScores     = 9_000
	forNew        = 16_000
	forKnown      = 12_000
	forFixes      = 7_000
	forSuppressed = 4_000
	forGone       = 4_000
	forCoverage   = 7_000
)

func (m Reporter) render(r *audit.Report) string {
	p := &page{}
	t := tell(r.Findings)
	compared := m.Baseline || len(r.Gone) > 0 || len(t.known) > 0
	p.headline(r, t, compared)
	p.allow(forHead)
	p.scores(r.ScoreCard, forScores)
	if compared {
		p.findings(part{title: some(len(t.fresh), "new finding"), state: true, open: true}, t.fresh, forNew)
		p.findings(part{title: some(len(t.known), "finding") + " of the baseline"}, t.known, forKnown)
	} else {
		p.findings(part{title: some(len(t.fresh), "finding"), open: true}, t.fresh, forNew+forKnown)
	}
	p.fixes(slices.Concat(t.fresh, t.known), r.Rules, forFixes)
	p.suppressed(t.suppressed, forSuppressed)
	p.gone(r.Gone, forGone)
	p.coverage(&r.Coverage, forCoverage)
	return p.String()
}

// tidings are the findings by what becomes of them.
type tidings struct{ fresh, known, suppressed, proven []audit.Finding }

func tell(fs []audit.Finding) (t tidings) {
	fs = slices.Clone(fs)
	audit.SortFindings(fs)
	for _, f := range fs {
		switch {
		case f.Kind == audit.Passes:
			t.proven = append(t.proven, f)
		case f.Suppressed != nil:
			t.suppressed = append(t.suppressed, f)
		case f.State == audit.Unchanged:
			t.known = append(t.known, f)
		default:
			t.fresh = append(t.fresh, f)
		}
	}
	return t
}
