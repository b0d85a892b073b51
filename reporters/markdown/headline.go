package markdown

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// headline says how it stands, and in the same breath what was not seen.
func (p *page) headline(r *audit.Report, t tidings, compared bool) {
	open := slices.Concat(t.fresh, t.known)
	found := tally(open)
	blind := missing(&r.Coverage)
	if len(open) == 0 && len(blind) > 0 {
		found += " in what was seen"
	}
	fmt.Fprintf(p, "## Segproof: %s\n\n", found)
	about := "Cluster **" + escape(r.Cluster, 100) + "**"
	if !r.Run.Ended.IsZero() {
		about += ", " + r.Run.Ended.UTC().Format("2006-01-02 15:04 UTC")
	}
	var also []string
	if compared {
		also = append(also, fmt.Sprintf("**%s new**, %s unchanged, %s gone", number(len(t.fresh)), number(len(t.known)), number(len(r.Gone))))
	}
	if n := len(t.suppressed); n > 0 {
		also = append(also, number(n)+" accepted")
	}
	if n := len(t.proven); n > 0 {
		also = append(also, number(n)+" proven to hold")
	}
	if len(also) > 0 {
		about += ": " + strings.Join(also, "; ")
	}
	p.WriteString(about + ".\n")
	c := &r.Coverage
	fmt.Fprintf(p, "\nCoverage **%d%%**", c.Percent())
	if c.Flows > 0 {
		fmt.Fprintf(p, " of %s in %s", some(c.Flows, "flow"), c.To.Sub(c.From).Round(time.Second))
	}
	if len(blind) == 0 {
		p.WriteString("; nothing is known to be missing.\n")
		return
	}
	fmt.Fprintf(p, ". **Not seen:** %s.\n", strings.Join(blind, ", "))
}

// tally counts findings by severity; one that is not known counts too.
func tally(fs []audit.Finding) string {
	if len(fs) == 0 {
		return "nothing found"
	}
	counts, other := map[audit.Severity]int{}, 0
	for _, f := range fs {
		if f.Severity.Rank() < 0 {
			other++
		}
		counts[f.Severity]++
	}
	var parts []string
	for _, s := range slices.Backward(audit.Severities) {
		if counts[s] > 0 {
			parts = append(parts, number(counts[s])+" "+string(s))
		}
	}
	if other > 0 {
		parts = append(parts, number(other)+" of unknown severity")
	}
	return strings.Join(parts, ", ")
}

// missing is in a few words each what the report can't speak of.
func missing(c *audit.Coverage) []string {
	var s []string
	say := func(when bool, what string) {
		if when {
			s = append(s, what)
		}
	}
	say(c.Flows == 0, "what the network carried (no flows)")
	say(c.Lost > 0, some(c.Lost, "flow")+" lost")
	say(len(c.Gaps) > 0, some(len(c.Gaps), "gap"))
	say(len(c.SilentNodes) > 0, some(len(c.SilentNodes), "node"))
	say(len(c.Unheard) > 0, fmt.Sprintf("%s of %s", number(len(c.Unheard)), some(c.Workloads, "workload")))
	say(len(c.Unreadable) > 0, some(len(c.Unreadable), "kind")+" of object")
	say(len(c.PartlyUnderstood) > 0, "parts of "+some(len(c.PartlyUnderstood), "policy"))
	say(len(c.Rejected) > 0, some(len(c.Rejected), "policy")+" that Cilium rejects")
	say(len(c.Problems)+c.BadRecords > 0, some(len(c.Problems)+c.BadRecords, "piece")+" of unreadable input")
	say(c.Folded > 0, "details of "+some(c.Folded, "flow"))
	say(len(c.Unjudged) > 0, some(sum(c.Unjudged), "flow")+" not judged")
	say(len(c.Withheld) > 0, some(sum(c.Withheld), "finding")+" withheld")
	say(len(c.Skipped) > 0, some(len(c.Skipped), "rule")+" not applied")
	return s
}

func sum[N int | uint64](m map[string]N) N {
	var n N
	for _, v := range m {
		n += v
	}
	return n
}
