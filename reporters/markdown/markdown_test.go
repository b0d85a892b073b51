package markdown

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func canonical(t *testing.T) *audit.Report {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := audit.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func written(t *testing.T, m Reporter, r *audit.Report) string {
	t.Helper()
	var b bytes.Buffer
	m.W = &b
	if err := m.Report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if n := utf8.RuneCount(b.Bytes()); n > Limit {
		t.Errorf("%d characters: GitHub refuses it", n)
	}
	return b.String()
}

// A section is what a folded part says there is, and what it holds.
type section struct{ title, body string }

func sections(doc string) []section {
	var out []section
	for _, m := range regexp.MustCompile(`(?s)<details[^>]*><summary>(.*?)</summary>\n\n(.*?)\n</details>`).FindAllStringSubmatch(doc, -1) {
		out = append(out, section{m[1], m[2]})
	}
	return out
}

var (
	firstNumber = regexp.MustCompile(`[\d,]+`)
	beyond      = regexp.MustCompile(`(?m)^… and ([\d,]+) more`)
)

func value(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.ReplaceAll(s, ",", ""))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// rows counts those of the table that are shown, and those that are only counted.
func (s section) rows(t *testing.T) (shown, counted int) {
	t.Helper()
	for l := range strings.Lines(s.body) {
		if strings.HasPrefix(l, "| ") {
			shown++
		}
	}
	if m := beyond.FindStringSubmatch(s.body); m != nil {
		counted = value(t, m[1])
	}
	return max(0, shown-1), counted // but for the head
}

func TestTheCommentIsTheGoldenFile(t *testing.T) {
	got := written(t, Reporter{}, canonical(t))
	golden := filepath.Join("testdata", "report.md")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got != written(t, Reporter{}, canonical(t)) {
		t.Error("the same report gives other bytes")
	}
}

// many is a report of n findings of each sort, with long and hostile text.
func many(n int, text string) *audit.Report {
	r := &audit.Report{Cluster: text, Coverage: audit.Coverage{Flows: 1, Lost: 1}}
	r.Rules = []audit.RuleInfo{{ID: "SEG401", Name: "flow-drop-gap", Fix: text}}
	for i := range n {
		f := audit.Finding{
			ID: "SEG401", Rule: "flow-drop-gap", Severity: audit.High, Kind: audit.Fails, State: audit.New, Message: text, Owner: text,
			Subject: audit.Ref{Kind: "Pod", Namespace: fmt.Sprintf("ns-%06d", i), Name: text}, Location: audit.Source{File: text},
		}
		known, accepted := f, f
		known.State = audit.Unchanged
		accepted.Suppressed = &audit.Suppression{Reason: text}
		r.Findings = append(r.Findings, f, known, accepted)
		r.Gone = append(r.Gone, f)
		r.ScoreCard = append(r.ScoreCard, audit.Score{Namespace: fmt.Sprint(text, i), Owner: text, Workloads: 1})
		r.Coverage.Unheard = append(r.Coverage.Unheard, text)
		r.Coverage.Problems = append(r.Coverage.Problems, text)
	}
	return r
}

func TestItFitsIntoACommentAndWhatIsShownAndCountedIsAllThereIs(t *testing.T) {
	for _, n := range []int{0, 1, 7, 50, 1500} {
		for name, text := range map[string]string{"short": "x", "marks": strings.Repeat("`*<@#|", 200), "wide": strings.Repeat("日本", 500)} {
			doc := written(t, Reporter{Baseline: true}, many(n, text))
			tables := 0
			for _, s := range sections(doc) {
				if !strings.Contains(s.body, "|---") {
					continue
				}
				tables++
				shown, counted := s.rows(t)
				if of := value(t, firstNumber.FindString(s.title)); shown+counted != of || of != n {
					t.Errorf("%d %s: %q shows %d and counts %d, expected %d", n, name, s.title, shown, counted, n)
				}
			}
			if n > 0 && tables != 5 {
				t.Errorf("%d %s: %d tables, expected 5", n, name, tables)
			}
		}
	}
}

func TestNoNameBecomesMarkupALinkOrAMention(t *testing.T) {
	for text, never := range map[string]string{
		"@channel":                        "@channel",
		"a|b":                             "a|b",
		"<script>":                        "<script",
		"`x`":                             "`",
		"[a](https://evil.example)":       "://",
		"www.evil.example":                "www.",
		"acme/shop#12":                    "#12",
		"GH-12":                           "GH-1",
		"!12":                             "!12",
		"*b* _i_ ~s~":                     "*b",
		"\n## head":                       "\n##",
		"![i](x)":                         "![",
		"a\u202eb":                        "\u202e",
		"</details>":                      "</details>",
		"$x$":                             "$x",
		"&#64;here":                       "&#64;here",
		"a@b.example, mailto:c@d.example": "@d",
	} {
		if got := escape(text, 1000); strings.Contains(got, never) {
			t.Errorf("%q is written as %q", text, got)
		}
	}
}

func TestOrdinaryNamesStayReadable(t *testing.T) {
	for _, s := range []string{"Deployment payments/payments-api", "TCP 8080, 50% (4 of 8)", "Ümläut-日本語"} {
		if got := escape(s, 1000); got != s {
			t.Errorf("%q is written as %q", s, got)
		}
	}
}

func TestAHostileReportHasNoMoreMarkupThanAHarmlessOne(t *testing.T) {
	shape := func(doc string) string {
		return fmt.Sprint(strings.Count(doc, "<"), strings.Count(doc, "\n"), strings.Count(doc, "|"), strings.Count(doc, "**"), strings.Count(doc, "`"))
	}
	harmless := written(t, Reporter{Baseline: true}, many(3, "x"))
	hostile := written(t, Reporter{Baseline: true}, many(3, "</details>\n| `a` | **b** <b>\\"))
	if shape(harmless) != shape(hostile) {
		t.Errorf("%s and %s:\n%s", shape(harmless), shape(hostile), hostile)
	}
}

func TestAReportWithoutFindingsDoesNotSayThatAllIsWell(t *testing.T) {
	blind := written(t, Reporter{}, &audit.Report{})
	if !strings.Contains(blind, "nothing found in what was seen") || !strings.Contains(blind, "**Not seen:** what the network carried") {
		t.Errorf("got\n%s", blind)
	}
	seen := written(t, Reporter{}, &audit.Report{Coverage: audit.Coverage{Flows: 9}})
	if strings.Contains(seen, "in what was seen") || !strings.Contains(seen, "nothing is known to be missing") {
		t.Errorf("got\n%s", seen)
	}
}
