package audit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// traffic is what was seen of a namespace at layers 3 and 4.
type traffic struct {
	ends    map[workloadEnd]*endTraffic
	refused map[between]bool // denials that were seen dropping
	doubts  int              // ends of which it is not settled whether they contradict
	newest  [2]time.Time     // of a denial, of a verdict by policy
}

type workloadEnd struct {
	workload Ref
	end      Direction
}

// endTraffic is what one workload carried in one direction.
type endTraffic struct {
	speaks bool // its verdicts show that it enforces
	ruled  bool // a rule allowed what it carried
}

func (t *traffic) end(w Ref, d Direction) *endTraffic {
	k := workloadEnd{w, d}
	if t.ends[k] == nil {
		t.ends[k] = &endTraffic{}
	}
	return t.ends[k]
}

// listen notes verdicts that show enforcement: a drop by policy, or a pass that
// names the policy by which it passed. Where nothing isolates there is either no
// verdict or one that names none.
func (t *traffic) listen(c *Conversation) {
	if c.Event != PolicyVerdict {
		return
	}
	named := (c.Verdict == Forwarded || c.Verdict == Redirected) && len(c.Policies) > 0
	if !named && (c.Verdict != Dropped || !byPolicy(c.Reason)) {
		return
	}
	t.end(speaker(c).Workload, c.Direction).speaks = true
	if c.Last.After(t.newest[1]) {
		t.newest[1] = c.Last
	}
}

func (t *traffic) judged(v *Judged) {
	switch v.Outcome {
	case Proven, Refused:
		if t.refused == nil {
			t.refused = map[between]bool{}
		}
		t.refused[pairOf(v.Conversation)] = true
		if v.Last.After(t.newest[0]) {
			t.newest[0] = v.Last
		}
	case Used:
		if v.Decision.Reason == AllowedByRule {
			t.end(v.Subject().Workload, v.End).ruled = true
		}
	default:
		t.doubts++
	}
}

// quiet counts the workloads that carried something by a rule without any
// verdict that shows that the rule was asked.
func (t *traffic) quiet() (n, ruled int) {
	silent := map[Ref]bool{}
	for k, e := range t.ends {
		if e.ruled {
			ruled++
		}
		if e.ruled && !e.speaks {
			silent[k.workload] = true
		}
	}
	return len(silent), ruled
}

func (t *traffic) speaking() bool { return !t.newest[1].IsZero() }

// network scores layers 3 and 4.
func (g *scoring) network(sp *space) Layer {
	declared, isolated := g.isolation(sp)
	t := &sp.net
	quiet, ruled := t.quiet()
	switch {
	case !isolated:
		return Layer{State: NotCovered, Why: declared}
	case t.doubts > 0 && (t.speaking() || len(t.refused) > 0):
		return Layer{State: Enforced, Newest: t.latest(), Why: fmt.Sprintf("%s; verdicts name policies, but %s could not be judged", declared, plural(uint64(t.doubts), "denied connection"))}
	case len(t.refused) > 0 && quiet == 0:
		return Layer{State: ProvenOK, Newest: t.latest(), Why: declared + "; " + plural(uint64(len(t.refused)), "denial") + " seen dropping"}
	case len(t.refused) > 0:
		return Layer{State: ProvenOK, Newest: t.newest[0], Why: fmt.Sprintf("%s; %s seen dropping, though %s without a verdict",
			declared, plural(uint64(len(t.refused)), "denial"), passed(quiet))}
	case ruled > 0 && quiet == 0 && t.doubts == 0:
		return Layer{State: ProvenOK, Newest: t.newest[1], Why: declared + "; all that was carried was allowed by a rule, by verdict"}
	case t.speaking() && quiet > 0:
		return Layer{State: Enforced, Newest: t.newest[1], Why: declared + "; verdicts name policies, but " + passed(quiet) + " without one"}
	case t.speaking():
		return Layer{State: Enforced, Newest: t.newest[1], Why: declared + "; verdicts name policies"}
	case g.Traffic == nil:
		return Layer{State: DeclaredOK, Why: declared + "; no flows were given"}
	}
	return Layer{State: DeclaredOK, Why: declared + "; no verdict shows that it is enforced"}
}

func (t *traffic) latest() time.Time {
	if t.newest[0].After(t.newest[1]) {
		return t.newest[0]
	}
	return t.newest[1]
}

func passed(workloads int) string {
	return plural(uint64(workloads), "workload") + " carried something"
}

// isolation says in words what is declared of a namespace, and whether any of it
// isolates anything.
func (g *scoring) isolation(sp *space) (why string, any bool) {
	if g.engine == nil {
		return "nothing was read of what is declared", false
	}
	var whole, part []string
	unsure := ""
	for _, d := range []Direction{Ingress, Egress} {
		by, not := g.engine.DefaultDeny(sp.name, d)
		if len(by) > 0 {
			whole = append(whole, string(d))
			continue
		}
		n := 0
		if g.outline != nil {
			for _, p := range sp.peers {
				if by, _ := g.outline.Isolates(p, d); len(by) > 0 {
					n++
				}
			}
		}
		if n > 0 {
			part = append(part, fmt.Sprintf("%d of %s isolated for %s", n, plural(uint64(len(sp.peers)), "workload"), d))
		} else if unsure == "" {
			unsure = not
		}
	}
	var says []string
	if len(whole) > 0 {
		says = append(says, "default deny for "+strings.Join(whole, " and "))
	}
	says = append(says, part...)
	switch {
	case len(says) > 0:
		return strings.Join(says, ", "), true
	case unsure != "":
		return "not known to isolate: " + unsure, false
	case len(sp.peers) == 0:
		return "no policy isolates it, and nothing runs here", false
	}
	return "no policy isolates any pod", false
}

// plural counts things in words: 1 flow, 2 flows.
func plural(n uint64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatUint(n, 10) + " " + one + "s"
}

func number(n int) string { return strconv.Itoa(n) }

// enumerate names some and counts the rest.
func enumerate(names []string) string {
	const most = 3
	if more := len(names) - most; more > 0 {
		return strings.Join(names[:most], ", ") + " and " + number(more) + " more"
	}
	return strings.Join(names, ", ")
}
