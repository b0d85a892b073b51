package rules

import (
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// StartupLeak finds pods that are open while they start.
var StartupLeak = &audit.Rule{
	ID: "SEG108", Name: "enforce-startup-leak", Severity: audit.Medium, Needs: audit.Policies | audit.Flows,
	Doc: audit.Doc{
		Title: "A denied connection was carried while the pod started",
		Why: "The network plugin let the pod talk before its policy was in force. Later connections are dropped, so a test finds nothing, yet whatever runs first in the pod, " +
			"such as an init container, is not isolated.",
		Fix: "Use a network plugin that isolates a pod before it starts, or hold the pod back until its policy is in force (an init container that waits until a denied address is refused).",
		Blind: "It is only said where the same workload was seen to be enforced later, and all denied connections that were carried opened in the first 60 seconds of a pod; everything else is " +
			"`enforce-deny-forwarded`. The clocks of nodes and of the API server may differ by a few seconds.",
	},
	References: []string{"NIST 800-53 SC-7"},
	Check:      startupLeak,
}

// A pod is starting for this long; the clocks that tell so may differ a little.
const (
	starting  = 60 * time.Second
	clockSkew = 2 * time.Second
)

func startupLeak(p *audit.Pass) {
	all := edges(p, outcome(audit.Contradicted))
	if len(all) == 0 {
		return
	}
	s := newStarts(p)
	for _, e := range all {
		if !s.leaks(e) {
			continue
		}
		f := e.finding()
		f.Message = denied(e, f.Policies) + ", while a pod of it was starting"
		p.Report(f)
	}
}

// starts knows when pods started, and since when workloads are seen enforced.
type starts struct {
	*audit.Pass
	pods     map[audit.Ref][]time.Time // by workload
	enforced map[workloadEnd]time.Time // the newest proof that an end enforces
}

type workloadEnd struct {
	workload audit.Ref
	end      audit.Direction
}

func newStarts(p *audit.Pass) starts {
	s := starts{p, map[audit.Ref][]time.Time{}, map[workloadEnd]time.Time{}}
	for i := range p.Pods {
		pod := &p.Pods[i]
		if at := latest(pod.Started, pod.Created); !at.IsZero() {
			s.pods[pod.Owner] = append(s.pods[pod.Owner], at)
		}
	}
	for i := range p.Judgement.Ends {
		v := &p.Judgement.Ends[i]
		if v.Outcome != audit.Refused && v.Outcome != audit.Proven {
			continue
		}
		k := workloadEnd{v.Subject().Ref(), v.End}
		if v.Last.After(s.enforced[k]) {
			s.enforced[k] = v.Last
		}
	}
	return s
}

// leaks tells whether all that was carried of an edge was carried while a pod
// started, at an end that was seen to enforce afterwards.
func (s starts) leaks(e *edge) bool {
	if !s.enforced[workloadEnd{e.subject, e.end}].After(e.last.Add(clockSkew)) {
		return false
	}
	for _, v := range e.ends {
		// A conversation keeps only some of many connections.
		if v.Opened > uint64(len(v.Opens)) || !s.within(e.subject, v) {
			return false
		}
	}
	return true
}

// within tells whether the connections of an end lie in the start of pods of
// its workload, and those kept as samples in that of their own pod.
func (s starts) within(workload audit.Ref, v *audit.Judged) bool {
	in := func(start, t time.Time) bool {
		return !start.IsZero() && !t.Before(start.Add(-clockSkew)) && !t.After(start.Add(starting))
	}
	for _, o := range v.Counted {
		if !slices.ContainsFunc(s.pods[workload], func(start time.Time) bool { return in(start, o.At) }) {
			return false
		}
	}
	for _, sample := range v.Samples {
		pod := sample.From
		if v.End == audit.Ingress {
			pod = sample.To
		}
		namespace, name, _ := strings.Cut(pod, "/")
		if o := s.Pod(namespace, name); o == nil || !in(latest(o.Started, o.Created), sample.Time) {
			return false
		}
	}
	return true
}
