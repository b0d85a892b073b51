package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// NodeSplit finds nodes that carry what other nodes drop by the same policy.
var NodeSplit = &audit.Rule{
	ID: "SEG107", Name: "enforce-node-split", Severity: audit.Critical, Needs: audit.Policies | audit.Flows,
	Doc: audit.Doc{
		Title: "A node carries what other nodes drop by the same policy",
		Why:   "Enforcement is each node's own. Whoever tests the policy may be on a node that drops, while the same workload is open where its other replica happens to run.",
		Fix: "Look at the agent of the node named (`kubectl -n kube-system get pods -l k8s-app=cilium -o wide`, then `cilium-dbg status` and `cilium-dbg endpoint list` in its pod): " +
			"version, configuration, failed regenerations. Drain the node until it enforces.",
		Blind: "A node is named only if it carried denied connections and dropped none by the same policies, while another node did drop. " +
			"Where a connection left a pod is known only from events of the pod's own node.",
	},
	References: []string{"NIST 800-53 SC-7", "NIST 800-53 CM-6"},
	Check:      nodeSplit,
}

// A denial is what a set of policies denies in one direction.
type denial struct {
	end      audit.Direction
	policies string
}

func nodeSplit(p *audit.Pass) {
	carried, dropped := map[denial]map[string][]*audit.Judged{}, map[denial]map[string][]*audit.Judged{}
	for i := range p.Judgement.Ends {
		v := &p.Judgement.Ends[i]
		switch v.Outcome {
		case audit.Contradicted:
			file(carried, v)
		case audit.Refused, audit.Proven:
			file(dropped, v)
		}
	}
	open, by := map[string]*edge{}, map[string][]string{}
	for d, nodes := range carried {
		if len(dropped[d]) == 0 {
			continue
		}
		for n, ends := range nodes {
			if dropped[d][n] != nil {
				continue
			}
			if open[n] == nil {
				open[n] = &edge{}
			}
			open[n].ends = append(open[n].ends, ends...)
			by[n] = append(by[n], slices.Collect(maps.Keys(dropped[d]))...)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(open)) {
		e := open[n]
		e.subject = audit.Ref{Kind: "Node", Name: n}
		others := slices.Sorted(slices.Values(by[n]))
		ps := e.policies()
		p.Report(audit.Finding{
			Subject: e.subject, Policies: ps, Evidence: e.evidence(),
			Message: fmt.Sprintf("%s carries what %s drops by %s", n, some(slices.Compact(others)), cmp.Or(names(e.subject, ps), "the cluster's default")),
		})
	}
}

// file notes an end under what denies it and the nodes at which it was decided.
func file(by map[denial]map[string][]*audit.Judged, v *audit.Judged) {
	var ps []string
	for _, r := range v.Decision.Policies {
		ps = append(ps, r.Ref.String()+" "+r.Rule)
	}
	slices.Sort(ps)
	d := denial{v.End, strings.Join(ps, "\n")}
	for _, n := range decidedAt(v) {
		if by[d] == nil {
			by[d] = map[string][]*audit.Judged{}
		}
		by[d][n] = append(by[d][n], v)
	}
}

// decidedAt lists the nodes that decided: those that reported, unless it was
// the destination that told of what the source had let pass.
func decidedAt(v *audit.Judged) []string {
	if v.End == audit.Egress && v.Event == audit.Delivered {
		return nil
	}
	var out []string
	for _, n := range v.Nodes {
		out = append(out, n[strings.LastIndexByte(n, '/')+1:]) // Hubble calls a node cluster/node
	}
	return out
}
