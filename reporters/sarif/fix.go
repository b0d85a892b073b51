package sarif

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/owenrumney/go-sarif/v2/sarif"
	"github.com/segproof/segproof/audit"
)

// Bounds on what a result proposes.
const (
	maxFixes   = 3
	longestFix = 16 << 10
)

// fixes are the changes that close the findings of a group, each once. What to
// do is in the message too, for those who do not show fixes.
func (d *documents) fixes(g *group) []*sarif.Fix {
	var out []*sarif.Fix
	seen := map[string]bool{}
	for _, f := range g.findings {
		s := f.Suggestion
		if s == nil || s.YAML == "" || len(s.YAML)+len(s.Diff) > longestFix || seen[s.YAML] || len(out) == maxFixes || !visible(s.YAML+s.Diff) {
			continue
		}
		seen[s.YAML] = true
		if c := d.change(s); c != nil {
			out = append(out, sarif.NewFix().WithDescriptionText(limit(plain(suggested(s)), 1000)).WithArtifactChanges([]*sarif.ArtifactChange{c}))
		}
	}
	return out
}

// visible tells whether text holds nothing that can't be seen: an editor would
// put it into a file as it is.
func visible(text string) bool {
	return clean(strings.ReplaceAll(text, "\n", "")) == strings.ReplaceAll(text, "\n", "")
}

func suggested(s *audit.Suggestion) string {
	text := strings.ToUpper(s.Action[:min(1, len(s.Action))]) + s.Action[min(1, len(s.Action)):] + " " + s.Policy.String() + "."
	if len(s.Opens) > 0 {
		text += " May pass then: " + strings.Join(s.Opens[:min(len(s.Opens), 5)], "; ") + "."
	}
	if s.Note != "" {
		text += " " + s.Note
	}
	return text
}

// change is a suggestion as replaced lines: those of the diff where a file holds
// the policy, else all of the file that stands for it. nil if the diff can't be
// read.
func (d *documents) change(s *audit.Suggestion) *sarif.ArtifactChange {
	if isFile(s.Location) {
		rs := replacements(s.Diff)
		if len(rs) == 0 {
			return nil
		}
		c := sarif.NewArtifactChange(sarif.NewSimpleArtifactLocation(fileURI(d.at.root, s.Location.File)))
		c.Replacements = rs
		return c
	}
	uri, end := stateURI(d.at.cluster, s.Policy, d.at.declared[s.Policy]), 1
	if s.Action == "replace" && d.at.declared[s.Policy] != nil {
		at := d.at.stateOf(s.Policy, "")
		uri, end = at.uri, 1+strings.Count(d.at.file(s.Policy).manifest.text, "\n")
	}
	return sarif.NewArtifactChange(sarif.NewSimpleArtifactLocation(uri)).WithReplacement(replacement(1, end, s.YAML))
}

// replacement puts text in place of the lines from first up to before end.
func replacement(first, end int, text string) *sarif.Replacement {
	region := sarif.NewRegion().WithStartLine(first).WithStartColumn(1).WithEndLine(max(first, end)).WithEndColumn(1)
	return sarif.NewReplacement(region).WithInsertedContent(sarifText(text))
}

var hunkHead = regexp.MustCompile(`^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@`)

// replacements reads a unified diff. The lines of a hunk are counted rather than
// taken from its head.
func replacements(diff string) []*sarif.Replacement {
	var out []*sarif.Replacement
	first, old := 0, 0
	var text strings.Builder
	flush := func() {
		if first > 0 {
			out = append(out, replacement(first, first+old, text.String()))
		}
		first, old = 0, 0
		text.Reset()
	}
	for l := range strings.Lines(diff) {
		if m := hunkHead.FindStringSubmatch(l); m != nil {
			flush()
			n, err := strconv.Atoi(m[1])
			if err != nil {
				return nil
			}
			first = max(1, n)
			continue
		}
		if first == 0 {
			continue
		}
		switch l[0] {
		case ' ':
			old++
			text.WriteString(l[1:])
		case '-':
			old++
		case '+':
			text.WriteString(l[1:])
		}
	}
	flush()
	return out
}
