package slack

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// coverage says what the digest rests on. It is never left out: a channel that
// reads "nothing found" must read what was not looked at in the same breath.
func coverage(c *audit.Coverage) string {
	lines := []string{"*" + seen(c) + "*"}
	if blind := unseen(c); len(blind) > 0 {
		lines = append(lines, "NOT seen: "+strings.Join(blind, ", "))
	}
	if len(c.Withheld) > 0 {
		total := 0
		for _, n := range c.Withheld {
			total += n
		}
		lines = append(lines, fmt.Sprintf("Withheld, for the evidence was not enough: %s (%s)", number(total),
			list(pairs(c.Withheld, func(rule string, n int) string { return rule + ": " + number(n) }), 4, 50)))
	}
	if len(c.Skipped) > 0 {
		lines = append(lines, fmt.Sprintf("Skipped: %s (%s)", some(len(c.Skipped), "rule"),
			list(pairs(c.Skipped, func(rule, why string) string { return rule + ": " + why }), 3, 80)))
	}
	return strings.Join(lines, "\n")
}

// seen is the window and the flows, in one line.
func seen(c *audit.Coverage) string {
	if c.Flows == 0 {
		return "Coverage 0 %: no flows were seen, so nothing is known of what the network carried"
	}
	s := fmt.Sprintf("Coverage %d %%: %s", c.Percent(), some(c.Flows, "flow"))
	if !c.From.IsZero() {
		s += fmt.Sprintf(" in %s until %s", window(c.From, c.To), moment(c.To))
	}
	if !c.Asked.IsZero() && c.Asked.Before(c.From) {
		s += fmt.Sprintf(" (asked for %s)", window(c.Asked, c.To))
	}
	return s
}

// unseen names in a few words each what nothing can be said of.
func unseen(c *audit.Coverage) []string {
	var s []string
	say := func(when bool, format string, args ...any) {
		if when {
			s = append(s, fmt.Sprintf(format, args...))
		}
	}
	say(c.Lost > 0, "%s lost", some(c.Lost, "flow"))
	say(len(c.SilentNodes) > 0, "%d of %s (%s)", len(c.SilentNodes), some(len(c.SilentNodes)+len(c.Nodes), "node"), list(c.SilentNodes, 3, 40))
	say(len(c.Unheard) > 0, "%s of %s (%s)", number(len(c.Unheard)), some(c.Workloads, "workload"), list(c.Unheard, 3, 60))
	say(len(c.Unreadable) > 0, "%s of object (%s)", some(len(c.Unreadable), "kind"), list(c.Unreadable, 2, 80))
	say(len(c.PartlyUnderstood) > 0, "parts of %s", some(len(c.PartlyUnderstood), "policy"))
	say(len(c.Problems) > 0, "%s of input", some(len(c.Problems), "piece"))
	say(c.BadRecords > 0, "%s", some(c.BadRecords, "bad record"))
	say(c.Folded > 0, "details of %s", some(c.Folded, "flow"))
	var unjudged uint64
	for _, n := range c.Unjudged {
		unjudged += n
	}
	say(unjudged > 0, "%s that could not be judged", some(unjudged, "flow"))
	return s
}

// pairs writes each entry of a map as one text, in the order of its keys.
func pairs[V any](m map[string]V, write func(string, V) string) (out []string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, write(k, m[k]))
	}
	return out
}

// some is a number of things.
func some[N int | uint64](n N, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case strings.HasSuffix(thing, "y"):
		return number(n) + " " + strings.TrimSuffix(thing, "y") + "ies"
	}
	return number(n) + " " + thing + "s"
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// window is how long it was, to the second.
func window(from, to time.Time) string { return to.Sub(from).Round(time.Second).String() }
