package text

import (
	"fmt"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// tallies are the findings by what becomes of them.
type tallies struct{ fails, passes, suppressed []audit.Finding }

// headline says how it stands, what was found and, in the same breath, what was
// not seen.
func (p *page) headline(r *audit.Report, t tallies) {
	about := []string{"cluster " + audit.Clean(r.Cluster)}
	if !r.Run.Ended.IsZero() {
		about = append(about, r.Run.Ended.UTC().Format("2006-01-02 15:04:05Z"))
	}
	if r.Run.ID != "" {
		about = append(about, "run "+audit.Clean(r.Run.ID))
	}
	if r.Run.Trigger != "" {
		about = append(about, "trigger "+audit.Clean(string(r.Run.Trigger)))
	}
	p.para("segproof  ", "          ", strings.Join(about, ", "))
	p.WriteByte('\n')

	if s := standing(r.ScoreCard); s != "" {
		p.para("Network: ", "         ", s)
	}
	blind := blindSpots(&r.Coverage)
	found := p.tally(t.fails)
	if len(t.fails) == 0 && len(blind) > 0 {
		found += " in what was seen"
	}
	if p.marks {
		found += "; " + fresh(t.fails, r.Gone)
	}
	if len(t.suppressed) > 0 {
		found += "; " + number(len(t.suppressed)) + " suppressed"
	}
	if len(t.passes) > 0 {
		found += "; " + number(len(t.passes)) + " proven"
	}
	p.para("", "", found)
	if len(blind) == 0 {
		p.para("Seen: ", "      ", fmt.Sprintf("%s of %s; nothing is known to be missing", some(r.Coverage.Flows, "flow"), window(&r.Coverage)))
		return
	}
	p.para("NOT seen: ", "          ", strings.Join(blind, ", ")+" (see COVERAGE)")
}

// tally counts findings by severity; a severity that is not known counts too.
func (p *page) tally(fs []audit.Finding) string {
	if len(fs) == 0 {
		return "Nothing found"
	}
	counts := map[audit.Severity]int{}
	for _, f := range fs {
		counts[f.Severity]++
	}
	var parts []string
	for _, s := range slices.Backward(audit.Severities) {
		if counts[s] > 0 {
			parts = append(parts, number(counts[s])+" "+p.paint(s, string(s)))
		}
		delete(counts, s)
	}
	other := 0
	for _, n := range counts {
		other += n
	}
	if other > 0 {
		parts = append(parts, number(other)+" of unknown severity")
	}
	return strings.Join(parts, ", ")
}

func fresh(fs, gone []audit.Finding) string {
	return fmt.Sprintf("%s new since the baseline, %s gone", number(news(fs)), number(len(gone)))
}

func window(c *audit.Coverage) string {
	return lasting(c.To.Sub(c.From))
}

// blindSpots names in a few words each what the report can't speak of.
func blindSpots(c *audit.Coverage) []string {
	var s []string
	say := func(when bool, format string, args ...any) {
		if when {
			s = append(s, fmt.Sprintf(format, args...))
		}
	}
	say(c.Flows == 0, "what the network carried (no flows)")
	say(c.Lost > 0, "%s lost (%s)", some(c.Lost, "flow"), percent(c.Lost, c.Flows+c.Lost))
	say(len(c.SilentNodes) > 0, "%d of %s", len(c.SilentNodes), some(len(c.SilentNodes)+len(c.Nodes), "node"))
	say(len(c.Unheard) > 0, "%s of %s", number(len(c.Unheard)), some(c.Workloads, "workload"))
	say(len(c.Unreadable) > 0, "%s of object", some(len(c.Unreadable), "kind"))
	say(len(c.PartlyUnderstood) > 0, "parts of %s", some(len(c.PartlyUnderstood), "policy"))
	say(len(c.Rejected) > 0, "%s that Cilium rejects", some(len(c.Rejected), "policy"))
	say(len(c.Problems)+c.BadRecords > 0, "%s of unreadable input", some(len(c.Problems)+c.BadRecords, "piece"))
	say(c.Folded > 0, "details of %s", some(c.Folded, "flow"))
	say(len(c.Unjudged) > 0, "%s not judged", some(sum(c.Unjudged), "flow"))
	say(len(c.Withheld) > 0, "%s withheld", some(sum(c.Withheld), "finding"))
	say(len(c.Skipped) > 0, "%s skipped", some(len(c.Skipped), "rule"))
	return s
}

func sum[N int | uint64](m map[string]N) N {
	var n N
	for _, v := range m {
		n += v
	}
	return n
}

// paint colours a word by severity.
func (p *page) paint(s audit.Severity, word string) string {
	codes := map[audit.Severity]string{
		audit.Critical: "1;31", audit.High: "31", audit.Medium: "33", audit.Low: "36", audit.Info: "34",
	}
	if !p.color || codes[s] == "" {
		return word
	}
	return "\x1b[" + codes[s] + "m" + word + "\x1b[0m"
}
