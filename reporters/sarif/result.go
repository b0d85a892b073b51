package sarif

import (
	"slices"
	"strings"
	"time"

	"github.com/owenrumney/go-sarif/v2/sarif"
	"github.com/segproof/segproof/audit"
)

// GitLab drops a result whose message is longer than 2,048.
const (
	maxMessage  = 2000
	maxSentence = 1200
)

// failures are the findings that become results, the worst first and then
// completely ordered.
func failures(fs []audit.Finding) []audit.Finding {
	fs = slices.DeleteFunc(slices.Clone(fs), func(f audit.Finding) bool { return f.Kind == audit.Passes })
	audit.SortFindings(fs)
	return fs
}

// result is a finding. The line hash that GitHub wants is not one of a line:
// GitHub keeps what it is given, and so an alert survives changes of the file.
func (s Reporter) result(cluster string, f *audit.Finding, rule int) *sarif.Result {
	g := gradeOf(f.Severity)
	at, locatedBy := s.location(cluster, f)
	r := sarif.NewRuleResult(audit.Clean(f.ID)).WithRuleIndex(rule).
		WithKind("fail").WithLevel(g.level).WithRank(g.rank).
		WithMessage(sarif.NewTextMessage(message(f))).
		WithLocations([]*sarif.Location{at}).
		WithRelatedLocations(s.related(f))
	id := audit.Clean(f.Fingerprint)
	r.PartialFingerprints = map[string]any{
		"segproofId/v1":           id,
		"primaryLocationLineHash": id[:min(16, len(id))] + ":1",
	}
	if s.Baseline {
		state := string(audit.New)
		if f.State == audit.Unchanged {
			state = string(audit.Unchanged)
		}
		r.WithBaselineState(state)
	}
	r.Properties = properties(f, locatedBy)
	return r
}

// message says what is wrong with which object, and what to do.
func message(f *audit.Finding) string {
	what := audit.Clean(f.Message)
	if about := audit.Clean(f.Subject.String()); !strings.Contains(what, about) {
		what = about + ": " + what
	}
	if f.Peer != nil && !strings.Contains(f.Message, f.Peer.Name) {
		end := strings.Join(strings.Fields(string(f.Direction)+" with "+f.Peer.String()+" "+f.PortName()), " ")
		what += " (" + audit.Clean(end) + ")"
	}
	what = limit(plain(what), maxSentence) + "."
	if f.Fix != "" {
		what += " What to do: " + plain(f.Fix)
	}
	return limit(what, maxMessage)
}

// maxRelated bounds the policies that a result refers to.
const maxRelated = 20

// related are the policies that took part and are known to be in a file.
func (s Reporter) related(f *audit.Finding) []*sarif.Location {
	var ls []*sarif.Location
	seen := map[audit.Source]bool{f.Location: true}
	for _, p := range f.Policies {
		at := p.Location
		if at.File == "" || at.File == stdin || seen[at] || len(ls) == maxRelated {
			continue
		}
		seen[at] = true
		ls = append(ls, physical(s.fileURI(at.File), at.Line).WithId(len(ls)+1).
			WithMessage(sarif.NewTextMessage(limit(plain(policyName(p)), 1000))))
	}
	return ls
}

func policyName(p audit.PolicyRef) string { return strings.TrimSpace(p.Ref.String() + " " + p.Rule) }

// properties carry what SARIF has no place for.
func properties(f *audit.Finding, locatedBy string) sarif.Properties {
	ps := sarif.Properties{"locatedBy": locatedBy, "severity": audit.Clean(string(f.Severity))}
	for k, v := range map[string]string{
		"owner": f.Owner, "direction": string(f.Direction), "protocol": string(f.Protocol), "namespace": f.Subject.Namespace,
	} {
		if v != "" {
			ps[k] = limit(audit.Clean(v), 300)
		}
	}
	if f.Peer != nil {
		ps["peer"] = limit(audit.Clean(f.Peer.String()), 600)
	}
	if f.Port != nil {
		ps["port"] = int(*f.Port) // for ICMP the type, which may be 0
	}
	var policies []string
	for _, p := range f.Policies[:min(len(f.Policies), maxRelated)] {
		policies = append(policies, limit(audit.Clean(policyName(p)), 600))
	}
	if policies != nil {
		ps["policies"] = policies
	}
	if es := evidence(f.Evidence); es != nil {
		ps["evidence"] = es
	}
	return ps
}

// observation is a piece of evidence, without its samples.
type observation struct {
	What        string    `json:"what"`
	Flows       uint64    `json:"flows,omitempty"`
	Connections uint64    `json:"connections,omitempty"`
	First       time.Time `json:"first,omitzero"`
	Last        time.Time `json:"last,omitzero"`
}

// evidence is the first pieces of it; the record has all.
func evidence(es []audit.Evidence) []observation {
	const most = 3
	var os []observation
	for _, e := range es[:min(len(es), most)] {
		os = append(os, observation{limit(audit.Clean(e.What), 500), e.Flows, e.Connections, e.First.UTC(), e.Last.UTC()})
	}
	return os
}
