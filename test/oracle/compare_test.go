package oracle

import (
	"fmt"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A tally is what came of many questions.
type tally struct {
	decisions    int
	conflicts    int            // Cilium can't compile the policies
	undetermined map[string]int // by the reason
	named        int            // rules and policies that alone say what they were named for
	simulated    int            // also answered by the simulator
	unsimulated  map[string]int // by the reason
	servers      int            // answers about server names
	passedProxy  int            // Cilium asks the proxy, which we know to let everything pass
}

func newTally() *tally { return &tally{undetermined: map[string]int{}, unsimulated: map[string]int{}} }

func (t *tally) String() string {
	return fmt.Sprintf("%d named rules hold alone; undetermined %d %v; the simulator agrees in %d, was not asked in %d %v; %d about server names; %d redirects that pass everything; %d conflicts",
		t.named, sum(t.undetermined), t.undetermined, t.simulated, sum(t.unsimulated), t.unsimulated, t.servers, t.passedProxy, t.conflicts)
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// ask puts one question to everyone.
func (p *pair) ask(q question, t *tally) *disagreement {
	asked := p.asked(q)
	theirs, err := p.cilium.Decide(asked)
	if err != nil {
		t.conflicts++ // two policies for one proxied port; the endpoint keeps what it had
		return nil
	}
	ours := p.ours.Decide(p.query(q))
	t.decisions++
	if ours.Answer == audit.Undetermined {
		t.undetermined[general(ours.Why)]++
		return nil
	}
	if d := compare(ours, theirs); d != nil {
		return d
	}
	if ours.Answer == audit.Allow && theirs.Redirect && !ours.L7 {
		t.passedProxy++
	}
	if theirs.passes() && theirs.Redirect {
		if d := p.askServers(q, t); d != nil {
			return d
		}
	}
	allowed, whyNot := p.cilium.Simulate(asked)
	switch {
	case whyNot != "":
		t.unsimulated[whyNot]++
		return nil
	case allowed != theirs.Allowed:
		return &disagreement{"references", "nothing", fmt.Sprintf("allowed=%v by the simulator, %s by the map state", allowed, theirs)}
	}
	t.simulated++
	return nil
}

// compare holds an answer of ours against the map state: the answer itself,
// whether a rule gave it, and whether the proxy has a say.
func compare(ours audit.Decision, theirs Verdict) *disagreement {
	switch {
	case (ours.Answer == audit.Allow) != theirs.passes():
		return &disagreement{"answer", describe(ours), theirs.String()}
	case ours.Answer == audit.Deny && ours.Why != "" && theirs.denial() == audit.DeniedByRule:
		return nil // said to be possible
	case ours.Answer == audit.Deny && ours.Reason != theirs.denial():
		return &disagreement{"reason", describe(ours), theirs.String()}
	case ours.Answer == audit.Allow && ours.L7 && !theirs.Redirect:
		return &disagreement{"proxy", describe(ours), theirs.String()}
	}
	return nil
}

func describe(d audit.Decision) string {
	var by []string
	for _, p := range d.Policies {
		by = append(by, p.Name+" "+p.Rule)
	}
	return fmt.Sprintf("%s (%s) by %q l7=%v", d.Answer, d.Reason, by, d.L7)
}

// passes tells whether a connection is made in the end.
func (v Verdict) passes() bool { return v.Allowed && !v.Refused }

// denial is the reason why none is made, in our words.
func (v Verdict) denial() audit.Reason {
	switch {
	case v.Allowed:
		return audit.AuthRequired
	case v.Explicit:
		return audit.DeniedByRule
	}
	return audit.DefaultDenied
}

func (v Verdict) String() string {
	return fmt.Sprintf("allowed=%v refused=%v explicit=%v redirect=%v by %q", v.Allowed, v.Refused, v.Explicit, v.Redirect, v.Policies)
}

// general is a reason without the policy that it is about.
func general(why string) string {
	if i := strings.LastIndex(why, ": "); i >= 0 {
		return why[i+2:]
	}
	return why
}
