package slack

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

var update = flag.Bool("update", false, "write the golden files anew")

// canonical is the report that every reporter renders.
func canonical(t *testing.T) *audit.Report {
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

// dryRun renders a report, and has the strict fake look at it.
func dryRun(t *testing.T, r *audit.Report, o Options) string {
	t.Helper()
	var b bytes.Buffer
	o.DryRun = &b
	reporter, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := reporter.Report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for _, m := range documents(t, b.String()) {
		if reason, details := judge(m); reason != "" {
			t.Errorf("Slack would refuse it: %s %q", reason, details)
		}
	}
	return b.String()
}

// documents takes a dry run apart.
func documents(t *testing.T, s string) (out []string) {
	t.Helper()
	for d := json.NewDecoder(strings.NewReader(s)); d.More(); {
		var m json.RawMessage
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		out = append(out, compact(string(m)))
	}
	return out
}

func TestEachMessageIsAsInItsGoldenFile(t *testing.T) {
	nothing := canonical(t)
	nothing.Findings, nothing.Gone = []audit.Finding{}, nil
	unseen := &audit.Report{Cluster: "kind", Run: audit.Run{ID: "X"}}
	all := documents(t, dryRun(t, canonical(t), Options{Token: token, Channel: channel, MinSeverity: audit.Medium, Buttons: true}))
	for name, got := range map[string][]string{
		"digest":   having(all, `"id":"digest"`),
		"critical": having(all, `"id":"critical/`),
		"owner":    having(all, `"id":"owner/`),
		"resolved": {resolved(t)},
		"webhook":  documents(t, dryRun(t, canonical(t), Options{WebhookURL: hook, MinSeverity: audit.Critical})),
		"nothing":  documents(t, dryRun(t, nothing, Options{Channel: channel, MinSeverity: audit.Medium})),
		"no-flows": documents(t, dryRun(t, unseen, Options{})),
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, "testdata/"+name+".json", got)
		})
	}
}

// resolved is what becomes of the message of a critical finding that is gone.
func resolved(t *testing.T) string {
	r := canonical(t)
	gone := r.Findings[0]
	r.Findings, r.Gone = nil, []audit.Finding{gone}
	reporter, err := New(Options{Token: token, Channel: channel, Buttons: true})
	if err != nil {
		t.Fatal(err)
	}
	p, _ := reporter.room(reporter.parts(r)[0]).criticalPayload(&r.Gone[0], isResolved)
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// having are the messages with a text in them.
func having(all []string, text string) (out []string) {
	for _, m := range all {
		if strings.Contains(compact(m), text) {
			out = append(out, m)
		}
	}
	return out
}

func compact(m string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(m)) != nil {
		return m
	}
	return b.String()
}

func golden(t *testing.T, file string, messages []string) {
	t.Helper()
	var b bytes.Buffer
	for _, m := range messages {
		if err := json.Indent(&b, []byte(m), "", "  "); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
	}
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTheOrderOfFindingsChangesNothing(t *testing.T) {
	want := dryRun(t, canonical(t), Options{})
	for seed := range uint64(20) {
		r := canonical(t)
		shuffle := rand.New(rand.NewPCG(seed, 0)).Shuffle
		shuffle(len(r.Findings), func(i, j int) { r.Findings[i], r.Findings[j] = r.Findings[j], r.Findings[i] })
		if diff := cmp.Diff(want, dryRun(t, r, Options{})); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestWhatIsShownAndWhatIsCountedAddUp(t *testing.T) {
	for _, n := range []int{0, 1, 2, 12, 13, 50, 5_000, 100_000} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			addUp(t, many(n, "x", 10), audit.Medium)
		})
	}
}

// Each field is ten times as long as anything that Kubernetes allows, of
// characters that are hard in one way or another.
func TestNoNameIsTooLongOrTooHostile(t *testing.T) {
	for _, s := range []string{
		"x", "&", "<", "😀", "`", "\\", `"`, "é", "\n", "\u2028", "\u202e", "\x00", "\xff", "*", " ",
		"<!channel>", "@here ", "@Everyone", "<@U0123456>", "<https://evil.test|ok>", "```\n", "@\u200bchannel", ":fire:", "&lt;",
	} {
		for _, n := range []int{1, 300} {
			t.Run(fmt.Sprintf("%q %d", s, n), func(t *testing.T) {
				r := many(n, s, 2530)
				if shown := addUp(t, r, audit.Low); shown == 0 {
					t.Error("no finding is shown")
				}
			})
		}
	}
}

// addUp renders a report and compares its numbers with those of the report. It
// returns how many findings are shown.
func addUp(t *testing.T, r *audit.Report, least audit.Severity) int {
	t.Helper()
	total, below := tally{}, tally{}
	for _, f := range r.Findings {
		total[f.Severity]++
		if f.Severity.Rank() < least.Rank() {
			below[f.Severity]++
		}
	}
	var m struct{ Blocks []anyBlock }
	messages := documents(t, dryRun(t, r, Options{Channel: channel, MinSeverity: least, Buttons: true}))
	if err := json.Unmarshal([]byte(messages[0]), &m); err != nil {
		t.Fatal(err)
	}
	shown, counted, owners := tally{}, tally{}, tally{}
	for _, b := range m.Blocks[:len(m.Blocks)-2] { // without coverage and context, which hold other numbers
		for line := range strings.SplitSeq(b.Text.Text, "\n") {
			switch {
			case b.Type == "header":
				if got := numbers(line[strings.LastIndex(line, ": "):]); got.sum() != total.sum() {
					t.Errorf("the header counts %d of %d: %s", got.sum(), total.sum(), line)
				}
			case strings.HasPrefix(b.Text.Text, "*Who must act*"):
				owners.add(numbers(line[strings.LastIndex(line, ": ")+1:]))
			case strings.Contains(line, " more not shown here: "), strings.Contains(line, " below "):
				n, list, _ := strings.Cut(line, ": ")
				got := numbers(list)
				if n, _, _ = strings.Cut(n, " "); n != number(got.sum()) {
					t.Errorf("the sum is wrong: %s", line)
				}
				counted.add(got)
			default:
				if m := shownLine.FindStringSubmatch(line); m != nil {
					shown[audit.Severity(strings.ToLower(m[1]))]++
				}
			}
		}
	}
	all := tally{}
	all.add(shown)
	all.add(counted)
	if diff := cmp.Diff(total, all); diff != "" {
		t.Errorf("shown and counted (-found +told):\n%s", diff)
	}
	if told := toldInThread(t, messages); told != owners.sum() {
		t.Errorf("the owners are told of %d findings in the thread, and have %d", told, owners.sum())
	}
	owners.add(below)
	if diff := cmp.Diff(total, owners); diff != "" {
		t.Errorf("by owner and below (-found +told):\n%s", diff)
	}
	return shown.sum()
}

// toldInThread counts the findings that the replies show or count.
func toldInThread(t *testing.T, messages []string) (n int) {
	t.Helper()
	for _, text := range having(messages, `"id":"owner/`) {
		var m struct{ Blocks []anyBlock }
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		for _, b := range m.Blocks {
			line, _, _ := strings.Cut(b.Text.Text, "\n")
			if shownLine.MatchString(line) {
				n++
			}
			if _, list, ok := strings.Cut(line, " more not shown here: "); ok {
				n += numbers(list).sum()
			}
		}
	}
	return n
}

var (
	shownLine = regexp.MustCompile(`^\*(CRITICAL|HIGH|MEDIUM|LOW|INFO)\*  SEG`)
	numbered  = regexp.MustCompile(`([0-9,]+) (critical|high|medium|low|info|finding)`)
)

func numbers(s string) tally {
	t := tally{}
	for _, m := range numbered.FindAllStringSubmatch(s, -1) {
		n, _ := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
		t[audit.Severity(m[2])] += n
	}
	return t
}

func (t tally) add(o tally) {
	for s, n := range o {
		t[s] += n
	}
}

// many is a report with n findings, and every text in it of that size, made of s.
func many(n int, s string, size int) *audit.Report {
	long := strings.Repeat(s, size/len(s))
	r := &audit.Report{Cluster: long, Run: audit.Run{ID: long, Trigger: audit.Trigger(long), Version: long}}
	port := uint16(443)
	for i := range n {
		r.Findings = append(r.Findings, audit.Finding{
			ID: "SEG401", Rule: long, Severity: audit.Severities[i*7%len(audit.Severities)], Kind: audit.Fails, State: audit.New,
			Subject: audit.Ref{Kind: "Deployment", Namespace: long, Name: fmt.Sprint(i) + long}, Peer: &audit.Ref{Kind: "CIDR", Name: long},
			Direction: audit.Ingress, Protocol: audit.Protocol(long), Port: &port, Owner: fmt.Sprint(i%37) + long,
			Fingerprint: digestOf(fmt.Sprint(i)) + digestOf(fmt.Sprint(-i)), Message: long, Fix: long, Location: audit.Source{File: long, Line: 1},
		})
	}
	if n == 1 {
		r.Findings[0].Severity = audit.Critical
	}
	c := &r.Coverage
	c.Flows, c.Lost, c.Folded, c.BadRecords = 1<<40, 1<<40, 1<<40, 1<<40
	c.Withheld, c.Skipped, c.Unjudged = map[string]int{}, map[string]string{}, map[string]uint64{long: 1 << 40}
	for i := range 50 {
		name := fmt.Sprint(i) + long
		c.SilentNodes, c.Unheard = append(c.SilentNodes, name), append(c.Unheard, name)
		c.Unreadable, c.Problems = append(c.Unreadable, name), append(c.Problems, name)
		c.Withheld[name], c.Skipped[name] = 1<<40, long
	}
	return r
}

func TestNewFindingsComeBeforeGraverOnesThatAreKnown(t *testing.T) {
	r := &audit.Report{Cluster: "c"}
	for _, f := range []audit.Finding{
		{ID: "SEG101", Rule: "old-critical", Severity: audit.Critical, State: audit.Unchanged},
		{ID: "SEG201", Rule: "new-medium", Severity: audit.Medium, State: audit.New},
		{ID: "SEG202", Rule: "new-high", Severity: audit.High, State: audit.New},
	} {
		f.Kind, f.Subject = audit.Fails, audit.Ref{Kind: "Namespace", Name: "n"}
		r.Findings = append(r.Findings, f)
	}
	got := dryRun(t, r, Options{})
	var at []int
	for _, s := range []string{"1 critical, 1 high, 1 medium (2 new, 0 gone)", "new-high  *new*", "new-medium  *new*", "old-critical\\n"} {
		at = append(at, strings.Index(got, s))
	}
	if !slices.IsSorted(at) || at[0] < 0 {
		t.Errorf("found at %v in %s", at, got)
	}
}

func TestASeverityThatIsNotKnownIsShown(t *testing.T) {
	r := &audit.Report{Findings: []audit.Finding{{ID: "SEG999", Rule: "from-tomorrow", Severity: "fatal", Kind: audit.Fails}}}
	got := dryRun(t, r, Options{MinSeverity: audit.Critical})
	if !strings.Contains(got, "*FATAL*  SEG999") || !strings.Contains(got, ": 1 of unknown severity") {
		t.Error(got)
	}
}

func TestQuietSpeaksOnlyOfNews(t *testing.T) {
	finding := func(s audit.Severity, state audit.State, k audit.Kind) []audit.Finding {
		return []audit.Finding{{ID: "SEG201", Rule: "r", Severity: s, State: state, Kind: k}}
	}
	for name, c := range map[string]struct {
		r     audit.Report
		spoke bool
	}{
		"nothing":      {audit.Report{}, false},
		"new":          {audit.Report{Findings: finding(audit.High, audit.New, audit.Fails)}, true},
		"known":        {audit.Report{Findings: finding(audit.High, audit.Unchanged, audit.Fails)}, false},
		"new but low":  {audit.Report{Findings: finding(audit.Low, audit.New, audit.Fails)}, false},
		"proof":        {audit.Report{Findings: finding(audit.High, audit.New, audit.Passes)}, false},
		"gone":         {audit.Report{Gone: finding(audit.High, audit.Unchanged, audit.Fails)}, true},
		"gone but low": {audit.Report{Gone: finding(audit.Low, audit.Unchanged, audit.Fails)}, false},
	} {
		if got := dryRun(t, &c.r, Options{MinSeverity: audit.Medium, Quiet: true}); (got != "") != c.spoke {
			t.Errorf("%s: %q", name, got)
		}
		if got := dryRun(t, &c.r, Options{MinSeverity: audit.Medium}); !strings.Contains(got, "no flows were seen") {
			t.Errorf("%s: a digest without coverage: %q", name, got)
		}
	}
}

func FuzzPlainFitsAndIsDead(f *testing.F) {
	for _, s := range []string{"", "a", "a&b", "<!here>", "@channel", "\xff\u202e`", strings.Repeat("<", 99)} {
		f.Add(s, 12)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if limit < 3 || limit > 1000 {
			return
		}
		for _, got := range []string{plain(s, limit), prose(s, limit), code(s, limit)} {
			if n := len([]rune(got)); n > limit {
				t.Errorf("%q is %d long, expected at most %d", got, n, limit)
			}
			if bad := alive(got); bad != "" {
				t.Error(bad)
			}
		}
	})
}
