// Package sarif writes a report as SARIF 2.1.0, for security dashboards.
//
// A rule of ours is a reportingDescriptor, the findings of one rule at one place
// are a result, and what was not seen is a notification of the run. Proofs, and
// findings that are gone or accepted, are not results: dashboards would show them
// as open.
//
// # Design
//
// Files that are valid SARIF are refused, misread or shown twice all the same,
// so the document keeps to what the consumers demand beyond the standard.
// Each result has exactly one location, which has a relative URI and all four
// numbers of a region (GitHub, reviewdog and DefectDojo fail otherwise); no two
// have the same rule and lines (GitLab shows one of them); text is short enough
// (GitLab drops a result whose text is longer than 2,048); a message holds no
// numbers that change from run to run, as far as it is ours (DefectDojo compares
// it); severity is written in the three ways in which it is read (level,
// security-severity, rank).
//
// What no file declares is shown in a file that stands for the object, below
// cluster-state: the object as text, in the document itself where it is small,
// and in EvidenceDir. It has real lines, and the name stays the same.
//
// A document that dashboards would cut is split: report.sarif, report.2.sarif and
// so on. The id of a result decides on its part, so that it stays there, and what
// is in no part is counted in each.
//
// go-sarif builds the document. Its encoder is not used, since it writes nulls
// that GitHub rejects, and all at once.
package sarif

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/segproof/segproof/audit"
)

// A Reporter writes each report as SARIF documents: it replaces the file Path,
// and each part beside it, at once and whole, so that no reader ever sees half of
// one.
type Reporter struct {
	Path     string    // "-" means W
	W        io.Writer // used if Path is "-"
	Root     string    // absolute folder that the repository is in: names of files below it are written relative to it
	Baseline bool      // the report was compared with a former record: write baselineState

	Parts             int          // how many files there are at least; more are made where a dashboard would take less
	Category          string       // what dashboards know the run by; "" is made of the cluster's name
	EvidenceDir       string       // folder for the text of objects that no file holds; "" writes none
	IncludeSuppressed bool         // accepted findings too, marked as suppressed: some dashboards show them as open
	Log               *slog.Logger // is warned when there are more parts than Parts; may be nil
}

// Report writes the documents. What goes wrong with the evidence is told after
// they are written.
func (s Reporter) Report(_ context.Context, r *audit.Report) error {
	d := s.documents(r)
	if s.Path == "-" {
		if _, err := d.writers()[0].WriteTo(s.W); err != nil {
			return fmt.Errorf("write sarif: %w", err)
		}
		return s.evidence(d)
	}
	if err := s.files(d); err != nil {
		return fmt.Errorf("write sarif %s: %w\nname a file in a folder that exists and can be written to", clean(s.Path), err)
	}
	return s.evidence(d)
}

// files writes the parts, the first one last: whoever waits for it finds all.
func (s Reporter) files(d *documents) error {
	t, err := resolve(s.Path)
	if err != nil {
		return err
	}
	if t.special() {
		return t.replace(d.writers()[0])
	}
	d.divide(max(s.Parts, t.parts()))
	if d.grown() && s.Log != nil {
		s.Log.Warn("the findings fill more documents than are configured", "parts", len(d.parts), "configured", max(1, s.Parts), "findings", d.findings, "left", d.left)
	}
	var errs []error
	ws := d.writers()
	for n := len(ws) - 1; n >= 0; n-- {
		errs = append(errs, t.part(n).replace(ws[n]))
	}
	return errors.Join(errs...)
}
