package sarif

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/segproof/segproof/audit"
)

// many is a report with n findings, each in a file of its own.
func many(n int, text string) *audit.Report {
	r := &audit.Report{Cluster: "prod", Coverage: audit.Coverage{Flows: 1}, Findings: make([]audit.Finding, n)}
	for i := range r.Findings {
		f := finding("SEG101", audit.High)
		f.Subject.Name, f.Fingerprint, f.Message = fmt.Sprint("p", i), fmt.Sprintf("%032x", i), "reached what is denied "+text
		r.Findings[i] = f
	}
	return r
}

// summary reads a document without holding it against the schema, which takes
// minutes for large ones.
type summary struct {
	Runs []struct {
		Invocations []struct{ ToolExecutionNotifications []notification }
		Results     []struct{ RuleID string }
	}
}

func summarize(t *testing.T, b []byte) summary {
	t.Helper()
	var s summary
	if err := json.Unmarshal(b, &s); err != nil || len(s.Runs) != 1 {
		t.Fatalf("%d runs and error %v", len(s.Runs), err)
	}
	return s
}

var (
	idPattern       = regexp.MustCompile(`"segproofId/v1":"([0-9a-f]{32})"`)
	categoryPattern = regexp.MustCompile(`"automationDetails":{[^}]*"id":"([^"]*)/[^"/]*"`)
	countPattern    = regexp.MustCompile(`"(findingsHere|findingsLeftOut)":([0-9]+)`)
)

// whole checks that every part is small enough, that they are told apart, and
// that they hold, with what is counted, all findings once. It searches for what
// it wants to know, since to decode all takes long.
func whole(t *testing.T, docs []io.WriterTo, findings int) (ids []map[string]bool) {
	t.Helper()
	shown, left, categories := 0, 0, map[string]bool{}
	for n, doc := range docs {
		var b bytes.Buffer
		if _, err := doc.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		head, _, _ := bytes.Cut(b.Bytes(), []byte(`"results":[`))
		counts := map[string]int{}
		for _, m := range countPattern.FindAllSubmatch(head, -1) {
			counts[string(m[1])], _ = strconv.Atoi(string(m[2]))
		}
		shown, left = shown+counts["findingsHere"], counts["findingsLeftOut"]
		if m := categoryPattern.FindSubmatch(head); m != nil {
			categories[string(m[1])] = true
		}
		here := map[string]bool{}
		results := idPattern.FindAllSubmatch(b.Bytes(), -1)
		for _, m := range results {
			here[string(m[1])] = true
		}
		if len(here) != len(results) || len(results) > keptResults || b.Len() > mostBytes {
			t.Errorf("part %d: %d results with %d ids in %d bytes", n+1, len(results), len(here), b.Len())
		}
		ids = append(ids, here)
	}
	if shown+left != findings || len(categories) != len(docs) || len(docs) > mostParts {
		t.Errorf("%d shown and %d left out of %d, in %d parts with %d categories", shown, left, findings, len(docs), len(categories))
	}
	return ids
}

func TestWhatADashboardWouldCutIsSplitAndStaysInItsPart(t *testing.T) {
	r := many(5200, "")
	docs := Reporter{}.Documents(r)
	if len(docs) != 2 {
		t.Errorf("%d parts, want 2", len(docs))
	}
	before := whole(t, docs, 5200)
	r.Findings = r.Findings[:5100]
	for i, ids := range whole(t, Reporter{}.Documents(r), 5100) {
		for id := range ids {
			if !before[i][id] {
				t.Fatalf("%s moved into part %d", id, i+1)
			}
		}
	}
}

func TestEveryPinnedPartIsWrittenThoughItHoldsNothing(t *testing.T) {
	docs := Reporter{Parts: 3}.Documents(many(1, ""))
	whole(t, docs, 1)
	if len(docs) != 3 {
		t.Fatalf("%d parts, want 3", len(docs))
	}
	for _, doc := range docs {
		var b bytes.Buffer
		if _, err := doc.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		accept(t, b.Bytes())
	}
}

func TestPartsThatAreNotNeededAnyMoreAreEmptied(t *testing.T) {
	dir := t.TempDir()
	s := Reporter{Path: filepath.Join(dir, "out.sarif"), Parts: 3}
	if err := s.Report(t.Context(), many(30, "")); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "out.5.sarif")
	if err := os.WriteFile(foreign, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Parts = 1
	if err := s.Report(t.Context(), many(0, "")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"out.sarif", "out.2.sarif", "out.3.sarif"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(summarize(t, b).Runs[0].Results); n != 0 {
			t.Errorf("%s holds %d results, want none", name, n)
		}
	}
	if b, err := os.ReadFile(foreign); err != nil || string(b) != "{}" {
		t.Errorf("another's file holds %q (%v)", b, err)
	}
}

func TestAWarningIsGivenWhereADashboardShowsLess(t *testing.T) {
	told := func(doc io.WriterTo) (texts string) {
		var b bytes.Buffer
		if _, err := doc.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		for _, n := range summarize(t, b.Bytes()).Runs[0].Invocations[0].ToolExecutionNotifications {
			texts += n.Message.Text
		}
		return texts
	}
	for want, doc := range map[string]io.WriterTo{
		"5001 results: GitHub and GitLab keep 5000 of a run.": Reporter{}.Document(many(keptResults+1, "")),
		"The findings fill 2 documents, and 1 are configured": Reporter{}.Documents(many(keptResults+1, ""))[1],
	} {
		if got := told(doc); !strings.Contains(got, want) {
			t.Errorf("told is %q, want %q", got, want)
		}
	}
	if got := told(Reporter{}.Document(many(keptResults, ""))); got != "" {
		t.Errorf("told is %q, want nothing", got)
	}
}

func TestAHundredThousandLongFindingsAreShownOrCounted(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	r := many(100_000, "")
	for i := range r.Findings {
		r.Findings[i].Fix = strings.Repeat("do what is to be done ", 10)
	}
	docs := Reporter{}.Documents(r)
	if len(docs) != mostParts {
		t.Errorf("%d parts, want %d", len(docs), mostParts)
	}
	whole(t, docs, 100_000)
}

func TestEveryFieldAtTenTimesItsLengthIsTakenAndCounted(t *testing.T) {
	long := func(s string) string { return strings.Repeat(s+" ", 10) }
	r := canonical(t)
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Message, f.Fix, f.Owner, f.Subject.Name = long(long(f.Message)), long(long(f.Fix)), long(f.Owner), long(f.Subject.Name)
		for n := range f.Policies {
			f.Policies[n].Name, f.Policies[n].Rule = long(f.Policies[n].Name), long(f.Policies[n].Rule)
		}
		for n := range f.Evidence {
			f.Evidence[n].What = long(long(f.Evidence[n].What))
		}
	}
	for i := range r.Rules {
		x := &r.Rules[i]
		x.Title, x.Why, x.Fix, x.Blind = long(x.Title), long(long(x.Why)), long(long(x.Fix)), long(long(x.Blind))
	}
	once := *r
	for n := range 60 { // as many as make parts by their size rather than by their number
		for _, f := range once.Findings {
			f.Location = audit.Source{}
			f.Subject.Name = fmt.Sprint(n, f.Subject.Name)
			r.Findings = append(r.Findings, f)
		}
	}
	fails, _ := Reporter{}.failures(r)
	docs := Reporter{}.Documents(r)
	whole(t, docs, len(fails))
	for _, doc := range docs {
		var b bytes.Buffer
		if _, err := doc.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		accept(t, b.Bytes())
	}
}

func TestWhatNoPartHasRoomForIsTheLeastGraveAndIsCounted(t *testing.T) {
	r := many(100, "")
	for i := range r.Findings {
		r.Findings[i].Severity = audit.Severities[i%len(audit.Severities)]
	}
	d := Reporter{}.documents(r)
	sizes := slices.Repeat([]int{10}, 100)
	if _, left := d.deal(sizes, mostParts, 35, false); left == 0 {
		t.Error("without trying the other parts there is room for all")
	}
	d.split = true
	d.parts, d.left = d.deal(sizes, mostParts, 35, true) // three in each
	d.weights = sizes
	whole(t, d.writers(), 100)
	if d.left != 40 {
		t.Errorf("%d are left out, want 40", d.left)
	}
	for n, doc := range d.writers() {
		var b bytes.Buffer
		if _, err := doc.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); !strings.Contains(got, "40 of 100 findings, the least grave ones, are in no document") || strings.Contains(got, `"severity":"info"`) {
			t.Errorf("part %d holds the least grave ones, or does not count what is left out", n+1)
		}
	}
}
