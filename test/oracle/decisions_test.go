package oracle

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/segproof/segproof/audit"
)

// Flags of the differential tests.
var (
	decisions = flag.Int("decisions", 20_000, "how many random decisions to compare, over all settings together")
	seed      = flag.Uint64("seed", 1, "what the random clusters and policies grow from")
	setting   = flag.String("setting", "", "compare under this setting only, in this process")
)

// perCluster is how many questions are asked of one cluster: few, so that a
// given number of decisions sees many policies.
const perCluster = 50

// maxUndetermined is how many in a hundred answers may be undetermined. Most
// are about ends of which less is known than Cilium knows, such as the labels
// of nodes.
const maxUndetermined = 5

// Cilium's options are process-wide, so each setting is a process of its own.
func TestEveryDecisionIsTheOneThatCiliumMakes(t *testing.T) {
	if *setting != "" {
		s, err := SettingNamed(*setting)
		if err != nil {
			t.Fatal(err)
		}
		compareMany(t, s, *decisions)
		return
	}
	for i, s := range Settings() {
		n := *decisions / 2 / (len(Settings()) - 1)
		if i == 0 {
			n = *decisions - n*(len(Settings())-1)
		}
		t.Run(s.Name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEveryDecisionIsTheOneThatCiliumMakes$", "-test.v",
				"-setting="+s.Name, fmt.Sprintf("-decisions=%d", n), fmt.Sprintf("-seed=%d", *seed))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("setting %s: %v\n%s", s.Name, err, out)
				return
			}
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "decisions") {
					t.Log(strings.TrimSpace(line))
				}
			}
		})
	}
}

// compareMany asks until n decisions are made. It ends with the first
// disagreement, made small.
func compareMany(t *testing.T, s Setting, n int) {
	all := newTally()
	clusters, rejected := 0, 0
	for all.decisions < n {
		r := newRandom(s, *seed, uint64(clusters))
		clusters++
		c, policies := r.cluster(), r.policies()
		p, d, err := newPair(s, c, policies)
		if err != nil {
			t.Fatalf("cluster %d of seed %d: %v", clusters-1, *seed, err)
		}
		if d != nil {
			report(t, trial{s, c, question{}}, policies, d)
			t.FailNow()
		}
		rejected += len(p.ours.Partly())
		for range min(perCluster, n-all.decisions) {
			q := r.question(c)
			tr := trial{s, c, q}
			d := p.ask(q, all)
			if d == nil && all.decisions%everyNamed == 0 {
				d = tr.checkNamed(policies, p.ours.Decide(p.query(q)), all)
			}
			if d != nil {
				report(t, tr, policies, d)
				t.FailNow()
			}
		}
	}
	t.Logf("%s: %d decisions on %d clusters, none differs; %d policies rejected or partly understood; %s", s.Name, all.decisions, clusters, rejected, all)
	if n := sum(all.undetermined); n*100 > all.decisions*maxUndetermined {
		t.Errorf("%d of %d answers are undetermined, want at most %d in a hundred", n, all.decisions, maxUndetermined)
	}
}

// question picks ends, a port and a direction. Only pods, nodes and the few
// others that have an endpoint are subjects of policies.
func (r *random) question(c *cluster) question {
	q := question{direction: one(r, audit.Ingress, audit.Egress)}
	for {
		q.subject = r.IntN(len(c.ends))
		e := &c.ends[q.subject]
		if e.pod != nil && e.elsewhere == "" || r.chance(20) && (e.entity == "host" || e.entity == "health" || e.entity == "ingress") {
			break
		}
	}
	for q.peer = q.subject; q.peer == q.subject; {
		q.peer = r.IntN(len(c.ends))
	}
	switch q.protocol = one(r, audit.TCP, audit.TCP, audit.TCP, audit.UDP, audit.SCTP, audit.ICMPv4, audit.ICMPv6, audit.Other); q.protocol {
	case audit.ICMPv4, audit.ICMPv6:
		q.port = one[uint16](r, 0, 3, 8, 128)
	case audit.Other:
	default:
		q.port = one[uint16](r, 80, 8080, 443, 53, 85, 90, 499)
	}
	return q
}

// A trial is one question that can be asked again about other policies.
type trial struct {
	setting Setting
	cluster *cluster
	question
}

// about tells whether the policies still lead to a disagreement of that kind.
// While they are made smaller they may become what no API server would store,
// and then Cilium may panic.
func (tr trial) about(kind string, policies []object) (p *pair, d *disagreement) {
	defer func() {
		if recover() != nil {
			p, d = nil, nil
		}
	}()
	if slices.ContainsFunc(policies, func(raw object) bool { return !storable(raw) }) {
		return nil, nil
	}
	p, d, err := newPair(tr.setting, tr.cluster, policies)
	if err == nil && d == nil && tr.subject != tr.peer {
		if d = p.ask(tr.question, newTally()); d == nil && kind == "named" {
			d = tr.checkNamed(policies, p.ours.Decide(p.query(tr.question)), newTally())
		}
	}
	if err != nil || d == nil || d.about != kind {
		return nil, nil
	}
	return p, d
}

// report shrinks the policies and prints what is left.
func report(t *testing.T, tr trial, policies []object, d *disagreement) {
	t.Helper()
	policies = shrink(policies, func(fewer []object) bool {
		_, still := tr.about(d.about, fewer)
		return still != nil
	})
	p, smallest := tr.about(d.about, policies)
	if smallest == nil {
		t.Fatalf("%s: not seen again", d)
	}
	asked := ""
	if p != nil {
		asked = p.text(tr.question)
	}
	var b strings.Builder
	for _, raw := range policies {
		text, err := yaml.Marshal(raw)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "---\n%s", text)
	}
	t.Errorf("setting %s, seed %d: %s\n%s\n%s", tr.setting.Name, *seed, smallest, asked, &b)
}
