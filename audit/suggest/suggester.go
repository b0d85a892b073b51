package suggest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// A Suggester adds to findings the changes that close them.
type Suggester struct {
	// Read returns the text of a file that declares policies; nil if files are
	// not to be looked at.
	Read func(path string) ([]byte, error)
	// Most bounds the findings looked at by Attach, and Decisions the questions
	// asked of the engine on their behalf; zero is no bound.
	Most, Decisions int
}

// Attach adds to each finding the change that closes it by itself, the worst
// first, as far as the bounds allow. What was left out is told as a problem of
// the report's coverage.
func (g *Suggester) Attach(s *audit.Snapshot, engine audit.Engine, r *audit.Report) {
	e, ok := engine.(*policy.Engine)
	if !ok || s.Inventory == nil {
		return
	}
	w := newWork(s, e, g, &r.Coverage)
	tried, left := 0, 0
	for i := range r.Findings {
		f := &r.Findings[i]
		switch {
		case !Speaks(f) || f.Suppressed != nil:
			continue
		case g.Most > 0 && tried == g.Most, w.exhausted():
			left++
			continue
		}
		tried++
		if p, err := w.propose(f); err == nil && p != nil {
			f.Suggestion = w.suggestion(p)
		}
	}
	if left > 0 {
		r.Coverage.Problems = append(r.Coverage.Problems,
			fmt.Sprintf("no change was looked for that closes %d of the findings, since there are many: segproof suggest looks at all", left))
	}
}

// A Plan is all changes together: each stands on those before it, so that a
// policy that several findings want changed appears once, as it is to be.
type Plan struct {
	Changes  []Change   `json:"changes"`
	Closed   int        `json:"closed"`             // findings that the changes close
	Unproven []Unproven `json:"unproven,omitempty"` // findings for which nothing could be proven
	Files    []File     `json:"-"`                  // files that declare what is replaced, edited
}

// A Change is one policy as it is to be, and the fingerprints of the findings
// that it helps to close.
type Change struct {
	audit.Suggestion
	Closes []string `json:"closes"`
}

// Unproven says why there is no change for a finding.
type Unproven struct {
	Fingerprint string    `json:"fingerprint"`
	Rule        string    `json:"rule"`
	Subject     audit.Ref `json:"subject"`
	Why         string    `json:"why"`
}

// A File is the text of a file before and after.
type File struct {
	Path          string
	Before, After []byte
}

// Speaks tells whether there may be a change for a finding like this.
func Speaks(f *audit.Finding) bool {
	_, ok := makers[f.Rule]
	return ok && f.Kind == audit.Fails
}

// Plan works out the changes for all findings of a report together, in their
// order. Findings that are accepted, or about which no change could be, are left
// out. The report's coverage says what was seen.
func (g *Suggester) Plan(s *audit.Snapshot, engine *policy.Engine, r *audit.Report) *Plan {
	out := &Plan{Changes: []Change{}}
	w := newWork(s, engine, g, &r.Coverage)
	w.together = true
	for i := range r.Findings {
		f := &r.Findings[i]
		if !Speaks(f) || f.Suppressed != nil {
			continue
		}
		err := out.close(w, f)
		if err == nil {
			out.Closed++
			continue
		}
		out.Unproven = append(out.Unproven, Unproven{f.Fingerprint, f.Rule, f.Subject, err.Error()})
	}
	out.Files = w.edited()
	return out
}

// close adds what closes one finding: the change at its own end, and that of
// the other end if it denies as well.
func (out *Plan) close(w *work, f *audit.Finding) error {
	p, err := w.propose(f)
	if err != nil {
		return err
	}
	if p != nil {
		out.add(w, p, f)
	}
	other := w.otherEnd(f)
	if other == nil {
		return nil
	}
	if p, err = w.propose(other); err != nil {
		return fmt.Errorf("%s denies it too, and there: %w", other.Subject, err)
	}
	if p != nil {
		out.add(w, p, f)
	}
	return nil
}

// add applies a proposal, and keeps its policies as they are then.
func (out *Plan) add(w *work, p *proposal, f *audit.Finding) {
	for n, c := range w.changes(p) {
		i := slices.IndexFunc(out.Changes, func(o Change) bool { return o.Policy == c.Policy })
		if i < 0 {
			out.Changes = append(out.Changes, Change{Suggestion: c})
			i = len(out.Changes) - 1
		} else {
			was := &out.Changes[i]
			c.Action, c.Opens, c.Note = was.Action, union(was.Opens, c.Opens), join(was.Note, c.Note)
			was.Suggestion = c
		}
		if n == 0 || !slices.Contains(out.Changes[i].Closes, f.Fingerprint) {
			out.Changes[i].Closes = append(out.Changes[i].Closes, f.Fingerprint)
		}
	}
	w.commit(p)
}

// join says two notes, each once.
func join(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "" || strings.Contains(a, b):
		return a
	}
	return a + "; " + b
}

func union(a, b []string) []string {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}
