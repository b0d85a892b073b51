package sarif

import (
	"fmt"
	"slices"
	"strings"

	"github.com/owenrumney/go-sarif/v2/sarif"
	"github.com/segproof/segproof/audit"
)

// GitLab drops a result whose message is longer than 2,048.
const (
	maxMessage  = 2000
	maxSentence = 1200 // of what is wrong, so that what to do has room
)

// maxRelated bounds the locations and objects that a result refers to.
const maxRelated = 20

// result is a group. The line hash that GitHub wants is not one of a line: GitHub
// keeps what it is given, and so an alert survives changes of the file.
func (d *documents) result(g *group) *sarif.Result {
	f := g.worst()
	mark := gradeOf(f.Severity)
	r := sarif.NewRuleResult(clean(f.ID)).WithRuleIndex(d.rules[f.ID]).
		WithKind("fail").WithLevel(mark.level).WithRank(mark.rank).
		WithMessage(sarif.NewTextMessage(message(g.findings))).
		WithLocations([]*sarif.Location{g.location(d.cluster, g.subjects()...)})
	r.PartialFingerprints = map[string]any{
		"segproofId/v1":           g.id,
		"primaryLocationLineHash": g.id[:16] + ":1",
	}
	if d.Baseline {
		r.WithBaselineState(baselineState(g.findings))
	}
	if g.accepted() {
		r.Suppressions = []*sarif.Suppression{sarif.NewSuppression("external").WithStatus("accepted").
			WithJustifcation(limit(plain(f.Suppressed.Reason), 1000))}
	}
	if !d.lean {
		r.WithRelatedLocations(d.related(g))
		r.CodeFlows = d.codeFlows(g)
		r.Fixes = d.fixes(g)
	}
	r.Properties = d.properties(g)
	return r
}

// baselineState is what a group is relative to the record it was compared with:
// one that has grown, or come back in part, was there and is not the same.
func baselineState(fs []*audit.Finding) string {
	known := 0
	for _, f := range fs {
		if f.State == audit.Unchanged {
			known++
		}
	}
	switch known {
	case 0:
		return "new"
	case len(fs):
		return "unchanged"
	}
	return "updated"
}

// message says what is wrong with which objects, and what to do. What has no
// room is counted.
func message(fs []*audit.Finding) string {
	what := sentence(fs[0]) + "."
	for i, f := range fs[1:] {
		next := "\nAlso: " + sentence(f) + "."
		left := len(fs) - 1 - i
		if len(what)+len(next) > maxSentence-len("\nAnd 1000000 more.") && left > 0 {
			what += fmt.Sprintf("\nAnd %d more.", left)
			break
		}
		what += next
	}
	if fix := fs[0].Fix; fix != "" {
		what += " What to do: " + plain(fix)
	}
	return limit(what, maxMessage)
}

// sentence says what is wrong with one object, without a final period.
func sentence(f *audit.Finding) string {
	what := clean(f.Message)
	if about := clean(f.Subject.String()); !strings.Contains(what, about) {
		what = about + ": " + what
	}
	if f.Peer != nil && !strings.Contains(f.Message, f.Peer.Name) {
		end := strings.Join(strings.Fields(string(f.Direction)+" with "+f.Peer.String()+" "+f.PortName()), " ")
		what += " (" + clean(end) + ")"
	}
	return limit(plain(what), maxSentence)
}

// related are the policies that took part and the other ends, where they are
// declared.
func (d *documents) related(g *group) []*sarif.Location {
	var ls []*sarif.Location
	type spot struct {
		uri  string
		line int
	}
	seen := map[spot]bool{{g.uri, g.line}: true}
	add := func(p audit.PolicyRef) {
		if len(ls) == maxRelated || !isFile(p.Location) && d.at.declared[p.Ref] == nil {
			return
		}
		at := d.at.object(p)
		if seen[spot{at.uri, at.line}] {
			return
		}
		seen[spot{at.uri, at.line}] = true
		ls = append(ls, at.location(d.cluster, p.Ref).WithId(len(ls)+1).
			WithMessage(sarif.NewTextMessage(limit(plain(policyName(p)), 1000))))
	}
	for _, f := range g.findings {
		for _, p := range f.Policies {
			add(p)
		}
		if f.Peer != nil && isObject(*f.Peer) {
			add(audit.PolicyRef{Ref: *f.Peer})
		}
		if len(ls) == maxRelated {
			break
		}
	}
	return ls
}

func policyName(p audit.PolicyRef) string { return strings.TrimSpace(p.Ref.String() + " " + p.Rule) }

// unique is what of is of each finding, each once, at most maxRelated, and in
// order.
func unique(fs []*audit.Finding, of func(*audit.Finding) []string) []string {
	var out []string
	for _, f := range fs {
		for _, s := range of(f) {
			if s != "" && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
		if len(out) >= maxRelated {
			return out[:maxRelated]
		}
	}
	return out
}
