package junit

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// seen is the suite that tells what the findings rest on: a case for each rule,
// and one for the evidence as a whole.
func seen(r *audit.Report) *suite {
	c := &r.Coverage
	blind := missing(c)
	s := &suite{Name: "coverage", Properties: properties(r)}
	all := testcase{Name: "nothing is known to be missing", Class: class("coverage")}
	if len(blind) > 0 {
		all.Skipped = &outcome{Message: blind[0] + more(len(blind)-1)}
		s.Out = &output{lines(blind)}
	}
	s.add(all)
	infos := slices.Clone(r.Rules)
	slices.SortStableFunc(infos, func(a, b audit.RuleInfo) int { return strings.Compare(a.ID, b.ID) })
	named := map[string]bool{}
	for _, i := range infos {
		named[i.Name] = true
		s.add(ruleCase(c, i.ID+" "+i.Name, i.Name))
	}
	rest := slices.Concat(slices.Collect(maps.Keys(c.Skipped)), slices.Collect(maps.Keys(c.Withheld)))
	slices.Sort(rest)
	for _, rule := range slices.Compact(rest) {
		if !named[rule] {
			s.add(ruleCase(c, rule, rule))
		}
	}
	return s
}

// ruleCase is skipped if the rule could not be applied to all there is.
func ruleCase(c *audit.Coverage, title, rule string) testcase {
	x := testcase{Name: audit.Clean(title) + " was applied", Class: class("coverage")}
	why, skipped := c.Skipped[rule]
	switch n := c.Withheld[rule]; {
	case skipped:
		x.Skipped = &outcome{Message: audit.Clean("not applied: " + why)}
	case n > 0:
		x.Skipped = &outcome{Message: fmt.Sprintf("withheld for want of evidence: %d", n)}
	}
	return x
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; and %d more in the output of this suite", n)
}

func properties(r *audit.Report) *[]setting {
	c := &r.Coverage
	accepted, info := leftOut(r.Findings)
	ps := []setting{
		{"cluster", audit.Clean(r.Cluster)},
		{"run", audit.Clean(r.Run.ID)},
		{"segproof", audit.Clean(r.Run.Version)},
		{"coverage", strconv.Itoa(c.Percent()) + "%"},
		{"flows", fmt.Sprint(c.Flows)},
		{"lost", fmt.Sprint(c.Lost)},
		{"workloads", strconv.Itoa(c.Workloads)},
		{"accepted", strconv.Itoa(accepted)},
		{"for-information", strconv.Itoa(info)},
	}
	if !c.From.IsZero() {
		ps = append(ps, setting{"from", c.From.UTC().Format(time.RFC3339)}, setting{"to", c.To.UTC().Format(time.RFC3339)})
	}
	return &ps
}

// leftOut counts the findings that are skipped: those that were accepted, and
// those that are only for information.
func leftOut(fs []audit.Finding) (accepted, info int) {
	for i := range fs {
		switch f := &fs[i]; {
		case f.Kind == audit.Passes:
		case f.Suppressed != nil:
			accepted++
		case f.Severity == audit.Info:
			info++
		}
	}
	return accepted, info
}

// missing is what was not seen, a line each.
func missing(c *audit.Coverage) []string {
	var ls []string
	say := func(n int, format string, args ...any) {
		if n > 0 {
			ls = append(ls, audit.Clean(fmt.Sprintf(format, args...)))
		}
	}
	list := func(what string, names []string) {
		say(len(names), "%s: %d (%s)", what, len(names), some(names))
	}
	if c.Flows == 0 {
		ls = append(ls, "no flows: nothing is known of what the network carried")
	}
	say(int(min(c.Lost, 1)), "flows lost: %d", c.Lost)
	say(len(c.Gaps), "gaps in the flows of nodes: %d", len(c.Gaps))
	list("nodes silent", c.SilentNodes)
	list("workloads silent", c.Unheard)
	list("kinds unreadable", c.Unreadable)
	list("policies partly understood", c.PartlyUnderstood)
	list("policies that Cilium rejects", c.Rejected)
	list("input unreadable", c.Problems)
	say(c.BadRecords, "records of flows unreadable: %d", c.BadRecords)
	say(int(min(c.Folded, 1)), "flows merged at a limit: %d", c.Folded)
	say(len(c.Unjudged), "flows not judged: %d", sum(c.Unjudged))
	say(len(c.Withheld), "findings withheld for want of evidence: %d", sum(c.Withheld))
	say(len(c.Skipped), "rules not applied: %d", len(c.Skipped))
	return ls
}

// maxNames is how many names of a list are written out.
const maxNames = 10

func some(names []string) string {
	s := strings.Join(names[:min(len(names), maxNames)], "; ")
	if n := len(names) - maxNames; n > 0 {
		s += fmt.Sprintf("; and %d more", n)
	}
	return s
}

func sum[N int | uint64](m map[string]N) N {
	var n N
	for _, v := range m {
		n += v
	}
	return n
}
