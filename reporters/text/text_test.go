package text

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func canonical(t *testing.T) *audit.Report {
	t.Helper()
	f, err := os.Open("../testdata/report.json")
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

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-want +got); go test -update rewrites it:\n%s", path, d)
	}
}

func TestTheCanonicalReportReadsAsInTheGoldenFiles(t *testing.T) {
	r := canonical(t)
	golden(t, "report.txt", string(Reporter{}.render(r)))
	golden(t, "narrow.txt", string(Reporter{Width: 60}.render(r)))
	r.Findings, r.Gone = nil, nil
	golden(t, "nothing-found.txt", string(Reporter{}.render(r)))
}

func TestNoLineIsWiderThanTheTerminal(t *testing.T) {
	r := canonical(t)
	for _, c := range []struct{ width, want int }{{0, 100}, {20, 60}, {60, 60}, {79, 79}, {80, 80}, {133, 133}} {
		for l := range strings.Lines(string(Reporter{Width: c.width, Color: true}.render(r))) {
			if n := columns(strings.TrimSuffix(l, "\n")); n > c.want {
				t.Errorf("Width %d: %d columns in %q", c.width, n, l)
			}
		}
	}
}

func TestNothingHostileReachesTheTerminal(t *testing.T) {
	r := canonical(t)
	plain := string(Reporter{}.render(r))
	for _, c := range plain {
		if c != '\n' && !unicode.IsPrint(c) {
			t.Errorf("%U reached the terminal", c)
		}
	}
	coloured := string(Reporter{Color: true}.render(r))
	without := regexp.MustCompile(`\x1b\[[0-9;]+m(critical|high|medium|low|info|CRITICAL|HIGH|MEDIUM|LOW|INFO)\x1b\[0m`).ReplaceAllString(coloured, "$1")
	if coloured == without {
		t.Error("no colour at all")
	}
	if d := cmp.Diff(plain, without); d != "" {
		t.Errorf("colour is on more than severities, or moves something (-plain +coloured):\n%s", d)
	}
}

// many makes a report with so many findings of each rule.
func many(counts ...int) *audit.Report {
	r := &audit.Report{Cluster: "c"}
	for rule, n := range counts {
		id := fmt.Sprintf("SEG%d", rule+100)
		for i := range n {
			r.Findings = append(r.Findings, audit.Finding{
				ID: id, Rule: "some-rule", Severity: audit.Severities[4-rule%5], Kind: audit.Fails, State: audit.New, Owner: "o",
				Subject: audit.Ref{Kind: "Pod", Namespace: "n", Name: fmt.Sprint("p", i)}, Message: "shown here",
			})
		}
	}
	return r
}

func TestEveryFindingIsShownOrCounted(t *testing.T) {
	more := regexp.MustCompile(`and ([0-9,]+) more of this rule`)
	for _, counts := range [][]int{{1}, {199, 1}, {200}, {201}, {5000}, {4000, 2, 998}, {100, 101}, {1, 1, 1, 500, 500}} {
		r := many(counts...)
		out := string(Reporter{}.render(r))
		shown, counted := strings.Count(out, "shown here"), 0
		for _, m := range more.FindAllStringSubmatch(out, -1) {
			n, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
			if err != nil {
				t.Fatal(err)
			}
			counted += n
		}
		if shown+counted != len(r.Findings) {
			t.Errorf("%v: %d shown and %d counted", counts, shown, counted)
		}
		if shown > maxFindings || len(r.Findings) <= maxFindings && counted > 0 {
			t.Errorf("%v: %d shown, the limit is %d", counts, shown, maxFindings)
		}
		for rule := range counts {
			if id := fmt.Sprintf("SEG%d", rule+100); !strings.Contains(out, id) {
				t.Errorf("%v: %s is hidden by the others", counts, id)
			}
		}
	}
}

func TestFindingsOfAnUnknownSeverityCountToo(t *testing.T) {
	r := many(1)
	r.Findings[0].Severity = "dire"
	out := string(Reporter{}.render(r))
	if !strings.Contains(out, "1 of unknown severity") || !strings.Contains(out, "DIRE") || !strings.Contains(out, "shown here") {
		t.Errorf("the finding is missing or not counted:\n%s", out)
	}
}

func TestNothingFoundIsNeverAllIsWell(t *testing.T) {
	names := []string{"x-y"}
	for what, blind := range map[string]func(*audit.Coverage){
		"no flows":         func(c *audit.Coverage) { c.Flows = 0 },
		"1 flow lost":      func(c *audit.Coverage) { c.Lost = 1 },
		"1 of 2 nodes":     func(c *audit.Coverage) { c.SilentNodes = names },
		"1 of 4 workloads": func(c *audit.Coverage) { c.Unheard = names },
		"1 kind of object": func(c *audit.Coverage) { c.Unreadable = names },
		"parts of 1":       func(c *audit.Coverage) { c.PartlyUnderstood = names },
		"Cilium rejects":   func(c *audit.Coverage) { c.Rejected = names },
		"1 piece of":       func(c *audit.Coverage) { c.Problems = names },
		"2 pieces of":      func(c *audit.Coverage) { c.BadRecords = 2 },
		"of 3 flows":       func(c *audit.Coverage) { c.Folded = 3 },
		"5 flows not":      func(c *audit.Coverage) { c.Unjudged = map[string]uint64{"x": 5} },
		"1 finding with":   func(c *audit.Coverage) { c.Withheld = map[string]int{"x-y": 1} },
		"1 rule skipped":   func(c *audit.Coverage) { c.Skipped = map[string]string{"x-y": "z"} },
		"":                 func(*audit.Coverage) {},
	} {
		c := audit.Coverage{
			Flows: 5000, Workloads: 4, Nodes: []audit.NodeCoverage{{Name: "a"}},
			From: time.Unix(0, 0), To: time.Unix(3600, 0),
		}
		blind(&c)
		out := string(Reporter{}.render(&audit.Report{Coverage: c}))
		head, details, _ := strings.Cut(out, "COVERAGE ")
		if !strings.Contains(head, "Nothing found") || !strings.Contains(head, what) {
			t.Errorf("headline does not say %q:\n%s", what, head)
		}
		if sees := strings.Contains(head, "5,000 flows of 1h; nothing is known to be missing"); sees != (what == "") {
			t.Errorf("%q: headline is wrong:\n%s", what, head)
		}
		if sees := strings.Contains(details, "nothing that is known of"); sees != (what == "") {
			t.Errorf("%q: coverage is wrong:\n%s", what, details)
		}
	}
}

func TestMarksAppearOnlyIfABaselineWasCompared(t *testing.T) {
	r := many(2)
	if out := string(Reporter{}.render(r)); strings.Contains(out, "NEW") || strings.Contains(out, "baseline") {
		t.Errorf("marks without a baseline:\n%s", out)
	}
	if out := string(Reporter{Baseline: true}.render(r)); strings.Count(out, "NEW ") != 2 || !strings.Contains(out, "2 new since the baseline, 0 gone") {
		t.Errorf("marks are missing:\n%s", out)
	}
	r.Findings[0].State = audit.Unchanged // so a stored report was compared
	if out := string(Reporter{}.render(r)); strings.Count(out, "NEW ") != 1 || !strings.Contains(out, "1 new since the baseline") {
		t.Errorf("marks of a stored report are missing:\n%s", out)
	}
}

func TestTheOrderOfFindingsDoesNotMatter(t *testing.T) {
	r := canonical(t)
	want := string(Reporter{}.render(r))
	for range 5 {
		rand.Shuffle(len(r.Findings), func(i, j int) { r.Findings[i], r.Findings[j] = r.Findings[j], r.Findings[i] })
		if d := cmp.Diff(want, string(Reporter{}.render(r))); d != "" {
			t.Fatalf("another order gives another text (-want +got):\n%s", d)
		}
	}
}

func TestNothingIsCutOff(t *testing.T) {
	r := many(1)
	f := &r.Findings[0]
	f.Subject.Name, f.Message = strings.Repeat("ω", 253), strings.Repeat("ж", 4000)
	f.Owner, f.Fix = strings.Repeat("ю", 90), "a:\n  b: "+strings.Repeat("щ", 300)
	for _, width := range []int{60, 100} {
		out := string(Reporter{Width: width}.render(r))
		for s, want := range map[string]int{"ω": 253, "ж": 4000, "ю": 90, "щ": 300} {
			if got := strings.Count(out, s); got != want {
				t.Errorf("width %d: %d of %d %s are shown", width, got, want, s)
			}
		}
	}
}

func TestColumnsAreAlignedAlsoWithWideCharacters(t *testing.T) {
	r := many(3)
	for i, name := range []string{"日本語", "e\u0301e\u0301", "plain"} {
		r.Findings[i].Subject.Name, r.Findings[i].Message, r.Findings[i].Owner = name, "M"+name, "OWN"
	}
	at := map[int]int{}
	for l := range strings.Lines(string(Reporter{}.render(r))) {
		if head, _, ok := strings.Cut(l, "OWN"); ok {
			at[columns(head)]++
		}
	}
	if len(at) != 1 {
		t.Errorf("the column of owners begins at %v (column: lines)", at)
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("closed") }

func TestAnErrorOfTheWriterIsTold(t *testing.T) {
	err := Reporter{W: closed{}}.Report(t.Context(), &audit.Report{})
	if err == nil || err.Error() != "write text: closed" {
		t.Errorf("error is %v", err)
	}
}
