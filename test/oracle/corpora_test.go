package oracle

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// besides is where the tables are looked for unless SEGPROOF_CORPORA says
// otherwise: in a folder beside the checkout.
const besides = "../../../shared/data/corpora"

// An account is what came of the expectations of one folder.
type account struct {
	right   int
	leftOut map[string]int // by table and reason
}

func (a *account) leave(table, reason string) { a.leftOut[table+": "+reason]++ }

// Others' tables are not part of this project: who has them, has them checked.
func TestEveryTableOfOthersIsAnsweredAsExpected(t *testing.T) {
	root := cmp.Or(os.Getenv("SEGPROOF_CORPORA"), besides)
	if _, err := os.Stat(root); err != nil {
		t.Logf("LEFT OUT: no tables of expected answers at %s (%v); SEGPROOF_CORPORA says where they are", root, err)
		return
	}
	for _, folder := range []struct {
		name      string
		semantics policy.Semantics // whose word the tables are written by
	}{
		{"cilium-cli-connectivity", policy.Cilium},
		{"k8s-clusternetworkpolicy-conformance", policy.Kubernetes},
		{"policy-assistant-anp", policy.Kubernetes},
	} {
		t.Run(folder.name, func(t *testing.T) {
			tables, err := readTables(filepath.Join(root, folder.name))
			if err != nil {
				t.Fatal(err)
			}
			if len(tables) == 0 {
				t.Logf("LEFT OUT: no tables in %s", folder.name)
				return
			}
			a := &account{leftOut: map[string]int{}}
			for _, table := range tables {
				for i := range table.Steps {
					table.Steps[i].check(t, fmt.Sprintf("%s[%d]", table.Name, i), folder.semantics, a)
				}
			}
			t.Logf("%d expectations right, %d left out", a.right, sum(a.leftOut))
			for _, key := range slices.Sorted(maps.Keys(a.leftOut)) {
				t.Logf("left out %d: %s", a.leftOut[key], key)
			}
		})
	}
}

// check asks everything of one state.
func (s *step) check(t *testing.T, name string, semantics policy.Semantics, a *account) {
	c, places := s.cluster()
	e := policy.Compile(inventory(Settings()[0], c, s.Policies), policy.Options{Semantics: semantics})
	p := &pair{ours: e}
	for i := range c.ends {
		p.ends = append(p.ends, twin{name: c.ends[i].name, ours: peerOf(e, &c.ends[i])})
	}
	for i := range s.Expect {
		x := &s.Expect[i]
		if x.From == x.To {
			a.leave(name, "a pod and itself, which the network does not carry")
			continue
		}
		egress, ingress := p.decide(x, places, audit.Egress), p.decide(x, places, audit.Ingress)
		if why := x.undecided(egress, ingress); why != "" {
			a.leave(name, why)
			continue
		}
		if wrong := x.wrong(egress, ingress); wrong != "" {
			t.Errorf("%s: %s -> %s %s/%d %v: %s\n egress %s\ningress %s", name, x.From, x.To, x.Protocol, x.Port, x.request(), wrong, describe(egress), describe(ingress))
			continue
		}
		a.right++
	}
}

// peerOf is an end without Cilium's engine to tell its labels.
func peerOf(e *policy.Engine, of *end) audit.Peer {
	var p audit.Peer
	switch {
	case of.pod != nil:
		p = e.PodPeer(of.pod)
	case of.entity != "":
		p = policy.EntityPeer(of.entity)
	default:
		p = audit.Peer{Labels: audit.NewLabels(append([]string{"reserved:world-ipv4"}, of.labels...)...)}
	}
	p.IP = of.ip
	return p
}

func (p *pair) decide(x *expectation, places map[string]int, d audit.Direction) audit.Decision {
	q := p.query(x.question(places, d))
	q.HTTP = x.request()
	return p.ours.Decide(q)
}

// undecided says why an expectation can't be held against the answers.
func (x *expectation) undecided(egress, ingress audit.Decision) string {
	for _, d := range []audit.Decision{egress, ingress} {
		if d.Answer == audit.Undetermined {
			return general(d.Why)
		}
		if d.Answer == audit.Allow && d.L7 && x.request() == nil {
			return "the proxy decides, and the request is encrypted"
		}
	}
	return ""
}

// wrong says what is not as expected: the answer at an end or as a whole, and
// where it is told, who drops and whether a rule does.
func (x *expectation) wrong(egress, ingress audit.Decision) string {
	allows := func(d audit.Decision) bool { return d.Answer == audit.Allow }
	if x.Allowed != nil && *x.Allowed != (allows(egress) && allows(ingress)) {
		return fmt.Sprintf("want allowed=%v", *x.Allowed)
	}
	for _, at := range []struct {
		name string
		want *bool
		got  audit.Decision
	}{{"egress", x.Egress, egress}, {"ingress", x.Ingress, ingress}} {
		if x.Reason == "auth-required" && at.name == "ingress" && at.got.Reason != audit.AuthRequired {
			return "want a denial for want of authentication"
		}
		if at.want != nil && *at.want != allows(at.got) {
			return fmt.Sprintf("want %s=%v", at.name, *at.want)
		}
		if x.DropAt != at.name {
			continue
		}
		reason := map[string]audit.Reason{"default-deny": audit.DefaultDenied, "policy-deny": audit.DeniedByRule}[x.Reason]
		if at.got.Reason != reason {
			return fmt.Sprintf("want it dropped at %s by %s", at.name, x.Reason)
		}
	}
	return ""
}

// The same states are put to Cilium's engine, whatever the tables expect.
func TestCiliumDecidesTheTablesOfOthersAsWeDo(t *testing.T) {
	root := cmp.Or(os.Getenv("SEGPROOF_CORPORA"), besides)
	all := newTally()
	for _, name := range []string{"cilium-cli-connectivity", "k8s-clusternetworkpolicy-conformance"} {
		tables, err := readTables(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			for i := range table.Steps {
				table.Steps[i].compare(t, fmt.Sprintf("%s[%d]", table.Name, i), all)
			}
		}
	}
	if all.decisions == 0 {
		t.Logf("LEFT OUT: no tables of expected answers at %s; SEGPROOF_CORPORA says where they are", root)
		return
	}
	t.Logf("%d decisions: %s", all.decisions, all)
}

func (s *step) compare(t *testing.T, name string, all *tally) {
	c, places := s.cluster()
	p, d, err := newPair(Settings()[0], c, s.Policies)
	if err != nil || d != nil {
		t.Errorf("%s: %v %v", name, err, d)
		return
	}
	for i := range s.Expect {
		for _, direction := range []audit.Direction{audit.Egress, audit.Ingress} {
			q := s.Expect[i].question(places, direction)
			if q.subject == q.peer || c.ends[q.subject].pod == nil {
				continue
			}
			if d := p.ask(q, all); d != nil {
				t.Errorf("%s: %s\n%s", name, d, p.text(q))
			}
		}
	}
}
