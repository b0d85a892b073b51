package sarif

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/owenrumney/go-sarif/v2/sarif"
	"github.com/segproof/segproof/audit"
)

// A blindness is a kind of notification; its number is its index in descriptors.
type blindness int

const (
	noFlows blindness = iota
	lostFlows
	silentNodes
	silentWorkloads
	unreadableKinds
	partlyUnderstood
	rejectedPolicies
	unreadableInput
	badRecords
	foldedFlows
	unjudgedFlows
	withheldFindings
	skippedRule
	consumerLimit
)

// descriptors are the kinds of notification, in the order of the constants.
func descriptors() []*sarif.ReportingDescriptor {
	var ds []*sarif.ReportingDescriptor
	for _, d := range [][2]string{
		noFlows:          {"no-flows", "No flows were seen"},
		lostFlows:        {"lost-flows", "Flows were lost and not judged"},
		silentNodes:      {"silent-nodes", "Nodes did not answer"},
		silentWorkloads:  {"silent-workloads", "No flow spoke of some workloads"},
		unreadableKinds:  {"unreadable-kinds", "Kinds of object could not be read"},
		partlyUnderstood: {"partly-understood", "Policies are not wholly understood"},
		rejectedPolicies: {"rejected-policies", "Policies are rejected by Cilium and do nothing"},
		unreadableInput:  {"unreadable-input", "Input could not be read"},
		badRecords:       {"bad-records", "Records of flows could not be read"},
		foldedFlows:      {"folded-flows", "Flows were merged because a limit was reached"},
		unjudgedFlows:    {"unjudged-flows", "Flows could be held against no policy"},
		withheldFindings: {"withheld-findings", "Findings were withheld for want of evidence"},
		skippedRule:      {"skipped-rule", "A rule was not applied"},
		consumerLimit:    {"consumer-limit", "A dashboard may not show every result"},
	} {
		ds = append(ds, sarif.NewRule(d[0]).WithShortDescription(sarif.NewMultiformatMessageString(d[1])).
			WithFullDescription(sarif.NewMultiformatMessageString(d[1]+".")).
			WithTextHelp("The message says what was not seen. No finding about it does not mean that all is well.").
			WithHelpURI(home).
			WithDefaultConfiguration(&sarif.ReportingConfiguration{Level: "warning"}))
	}
	return ds
}

// maxNames is how many names a notification writes out; the rest are counted.
const maxNames = 20

// A teller collects notifications.
type teller struct {
	kinds []*sarif.ReportingDescriptor
	told  []*sarif.Notification
}

func (t *teller) tell(b blindness, text string, names ...string) *sarif.Notification {
	if len(names) > 0 {
		var s []string
		for _, n := range names[:min(len(names), maxNames)] {
			s = append(s, limit(plain(n), 500))
		}
		if more := len(names) - maxNames; more > 0 {
			s = append(s, fmt.Sprintf("and %d more", more))
		}
		text += ": " + strings.Join(s, "; ")
	}
	n := sarif.NewNotification().WithLevel("warning").WithTextMessage(text + ".").
		WithDescriptor(sarif.NewReportingDescriptorReference().WithId(t.kinds[b].ID).WithIndex(int(b)))
	t.told = append(t.told, n)
	return n
}

// list tells of names, if there are any.
func (t *teller) list(b blindness, names []string) {
	if len(names) > 0 {
		t.tell(b, fmt.Sprintf("%s (%d)", *t.kinds[b].ShortDescription.Text, len(names)), names...)
	}
}

// notifications tell of everything that was not seen, in a fixed order.
func notifications(r *audit.Report, rules map[string]int) []*sarif.Notification {
	t, c := &teller{kinds: descriptors()}, &r.Coverage
	if c.Flows == 0 {
		t.tell(noFlows, "No flows were seen: the report says nothing of what the network carried")
	}
	if c.Lost > 0 {
		t.tell(lostFlows, fmt.Sprintf("%d of %d flows were lost and not judged", c.Lost, c.Flows+c.Lost), counts(c.LostBy)...)
	}
	t.list(silentNodes, c.SilentNodes)
	t.list(silentWorkloads, c.Unheard)
	t.list(unreadableKinds, c.Unreadable)
	t.list(partlyUnderstood, c.PartlyUnderstood)
	t.list(rejectedPolicies, c.Rejected)
	t.list(unreadableInput, c.Problems)
	if c.BadRecords > 0 {
		t.tell(badRecords, fmt.Sprintf("Records of flows could not be read (%d)", c.BadRecords))
	}
	if c.Folded > 0 {
		t.tell(foldedFlows, fmt.Sprintf("Flows were merged because a limit was reached (%d)", c.Folded))
	}
	t.list(unjudgedFlows, counts(c.Unjudged))
	t.list(withheldFindings, counts(c.Withheld))
	for _, name := range slices.Sorted(maps.Keys(c.Skipped)) {
		n := t.tell(skippedRule, "Rule "+limit(plain(name), 300)+" was not applied", c.Skipped[name])
		if i := slices.IndexFunc(r.Rules, func(i audit.RuleInfo) bool { return i.Name == name }); i >= 0 {
			id := r.Rules[i].ID
			n.WithAssociatedRule(sarif.NewReportingDescriptorReference().WithId(clean(id)).WithIndex(rules[id]))
		}
	}
	return t.told
}

func counts[N int | uint64](m map[string]N) []string {
	var s []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		s = append(s, fmt.Sprintf("%s %d", k, m[k]))
	}
	return s
}
