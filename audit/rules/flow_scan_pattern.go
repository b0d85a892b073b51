package rules

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// ScanPattern finds workloads that knock at many doors in a short time.
var ScanPattern = &audit.Rule{
	ID: "SEG411", Name: "flow-scan-pattern", Severity: audit.High, Needs: audit.Flows,
	Doc: audit.Doc{
		Title: "A workload was refused at many destinations within minutes, as a scan is",
		Why:   "Who has taken over a pod looks for the next one. A program that works knows whom to call; one that tries twenty doors which are closed to it is looking for an open one.",
		Fix:   "Look at the pod before it is gone (`kubectl debug`), isolate it with a policy that denies it all egress, and see whom it did reach.",
		Blind: "Twenty different destinations and ports must have refused one workload by policy within five minutes. A slower scan is not found, nor one where nothing is denied. " +
			"Collectors of metrics, known by the usual values of `app.kubernetes.io/name`, `app` or `k8s-app`, find their targets by trying and are left out; so are system namespaces. " +
			"What knocks from outside the cluster is not reported.",
	},
	References: []string{"ATT&CK T1046", "MS-TA9031", "NIST 800-53 SI-4"},
	Check:      scanPattern,
}

// So many different doors, refused in so short a time, are a scan.
const (
	scanDoors  = 20
	scanWithin = 5 * time.Minute
)

// A door is a destination and a port of it.
type door struct {
	to    audit.Ref
	ip    string
	proto audit.Protocol
	port  uint16
}

func (d door) String() string {
	if d.ip != "" {
		return d.ip + " " + audit.PortName(d.proto, d.port)
	}
	return d.to.String() + " " + audit.PortName(d.proto, d.port)
}

// A knock is one connection that was refused.
type knock struct {
	at   time.Time
	door door
}

func scanPattern(p *audit.Pass) {
	by := map[audit.Ref][]knock{}
	for i := range p.Conversations {
		c := &p.Conversations[i]
		if c.Verdict != audit.Dropped || c.Opened == 0 || c.Reason != audit.ReasonDefault && c.Reason != audit.ReasonRule ||
			!c.From.IsPod() || p.IsSystem(c.From.Namespace) || collects(&c.From) || c.IsNoise() {
			continue
		}
		d := door{to: c.To.Ref(), proto: c.Protocol, port: c.Port}
		if !c.To.IsPod() && c.To.IP.IsValid() {
			d.ip = c.To.IP.String()
		}
		for _, at := range timesOf(c) {
			by[c.From.Ref()] = append(by[c.From.Ref()], knock{at, d})
		}
	}
	for _, from := range slices.SortedFunc(maps.Keys(by), audit.Ref.Compare) {
		if doors := mostDoors(by[from]); len(doors) >= scanDoors {
			p.Report(scanFinding(from, doors))
		}
	}
}

// timesOf are the times that are known of a conversation's connections.
func timesOf(c *audit.Conversation) []time.Time {
	out := []time.Time{c.FirstOpen, c.LastOpen}
	for _, o := range c.Opens {
		out = append(out, o.At)
	}
	return out
}

// mostDoors are the doors of the interval with the most different ones, with the
// time of the first knock at each; the earliest of several such intervals.
func mostDoors(ks []knock) map[door]time.Time {
	slices.SortFunc(ks, func(a, b knock) int { return a.at.Compare(b.at) })
	count, from, most, end := map[door]int{}, 0, 0, 0
	start := 0
	for i, k := range ks {
		count[k.door]++
		for k.at.Sub(ks[from].at) > scanWithin {
			if d := ks[from].door; count[d] == 1 {
				delete(count, d)
			} else {
				count[d]--
			}
			from++
		}
		if len(count) > most {
			most, start, end = len(count), from, i+1
		}
	}
	out := map[door]time.Time{}
	for _, k := range ks[start:end] {
		if _, seen := out[k.door]; !seen {
			out[k.door] = k.at
		}
	}
	return out
}

func scanFinding(from audit.Ref, doors map[door]time.Time) audit.Finding {
	f := audit.Finding{Subject: from, Message: fmt.Sprintf("%s was refused at many destinations within minutes, as a scan is", from.Name)}
	all := audit.Evidence{What: fmt.Sprintf("%d different destinations and ports refused", len(doors))}
	var lines []string
	for d, at := range doors {
		lines = append(lines, d.String())
		if all.First.IsZero() || at.Before(all.First) {
			all.First = at
		}
		if at.After(all.Last) {
			all.Last = at
		}
	}
	f.Evidence = append([]audit.Evidence{all}, listed(lines)...)
	return f
}
