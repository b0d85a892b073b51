package openreports

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/segproof/segproof/audit"
)

// unseen says what the report does not rest on: one result for the evidence as
// a whole, and one for each rule that was not applied to all of it.
func unseen(r *audit.Report, at *timestamp) []result {
	c := &r.Coverage
	whole := result{
		Source: Source, Policy: "coverage", Category: "evidence", Severity: string(audit.Info),
		Result: pass, Message: "nothing is known to be missing", Properties: missing(c), Timestamp: at,
	}
	if len(whole.Properties) > 0 {
		whole.Result, whole.Message = warn, "not everything was seen: the properties say what was not"
	}
	whole.Properties["percent"] = strconv.Itoa(c.Percent())
	whole.Properties["cluster"] = text(r.Cluster)
	out := []result{whole}
	rules := slices.Concat(slices.Collect(maps.Keys(c.Skipped)), slices.Collect(maps.Keys(c.Withheld)))
	slices.Sort(rules)
	for _, rule := range slices.Compact(rules) {
		x := result{Source: Source, Policy: text(rule), Category: "evidence", Result: skip, Timestamp: at}
		if i := slices.IndexFunc(r.Rules, func(i audit.RuleInfo) bool { return i.Name == rule }); i >= 0 {
			x.Rule = text(r.Rules[i].ID)
		}
		if why, ok := c.Skipped[rule]; ok {
			x.Message = text("not applied: " + why)
		} else {
			x.Message = fmt.Sprintf("withheld for want of evidence: %d", c.Withheld[rule])
		}
		out = append(out, x)
	}
	return out
}

func missing(c *audit.Coverage) map[string]string {
	p := map[string]string{}
	count := func(key string, n uint64) {
		if n > 0 {
			p[key] = strconv.FormatUint(n, 10)
		}
	}
	list := func(key string, names []string) {
		if len(names) > 0 {
			p[key] = text(fmt.Sprintf("%d: %s", len(names), strings.Join(names, "; ")))
		}
	}
	if c.Flows == 0 {
		p["flows"] = "none: nothing is known of what the network carried"
	}
	count("lostFlows", c.Lost)
	count("gaps", uint64(len(c.Gaps)))
	list("silentNodes", c.SilentNodes)
	list("silentWorkloads", c.Unheard)
	list("unreadableKinds", c.Unreadable)
	list("partlyUnderstoodPolicies", c.PartlyUnderstood)
	list("rejectedPolicies", c.Rejected)
	list("unreadableInput", c.Problems)
	count("badRecords", uint64(c.BadRecords))
	count("foldedFlows", c.Folded)
	var unjudged uint64
	for _, n := range c.Unjudged {
		unjudged += n
	}
	count("unjudgedFlows", unjudged)
	return p
}
