package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// OverbroadAllow finds rules that allow far more than was used.
var OverbroadAllow = &audit.Rule{
	ID: "SEG406", Name: "flow-overbroad-allow", Severity: audit.Medium, Needs: audit.Policies | audit.Flows,
	Doc: audit.Doc{
		Title: "A rule opens every port or everybody, and few were used in thirty days",
		Why:   "The rest of what it opens serves nobody but an intruder: it is the way on from the first pod taken.",
		Fix:   "Name the ports or peers that the evidence shows: `segproof suggest --rule SEG406` writes the tightened rule, proven to break nothing that was seen.",
		Blind: "At most three ports or peers must have been used, over thirty days in which nothing was lost, no node was silent and 99 percent were seen; less is withheld and counted. " +
			"Rules about a few ports or peers are not held against their use. System namespaces are left out.",
	},
	References: []string{"NIST 800-53 AC-6", "PCI DSS 1.2.5"},
	Check:      overbroadAllow,
}

// usedFew is how many ports or peers at most are few.
const usedFew = 3

func overbroadAllow(p *audit.Pass) {
	used, enough := usages(p)
	found := flaws{}
	eachAllow(p, func(r policy.Rule) {
		ref := r.Policy()
		u := used[ruleKey{ref.Ref, ref.Rule}]
		if u == nil {
			return
		}
		what := tooMuch(r, u)
		switch {
		case what == "":
		case !enough || !inForce(p, ref.Object):
			p.Withhold(1)
		default:
			found.add(ref, r.Direction(), at(ref, what))
		}
	})
	found.report(p, func(k flawed, places string) (string, string) {
		return fmt.Sprintf("%s of %s allows far more than was used (%s)", k.direction, k.policy.Name, places), ""
	})
}

// tooMuch says what a rule opens beyond its use; "" if that is not much.
func tooMuch(r policy.Rule, u *usage) string {
	var out []string
	if r.EveryPort() && len(u.ports) <= usedFew {
		out = append(out, "opens every port, and used were "+portsUsed(u))
	}
	if anybody(r) && len(u.peers) <= usedFew && !unnamed(u) {
		out = append(out, "is for everybody, and used it was by "+peersUsed(u))
	}
	return strings.Join(out, "; ")
}

// anybody tells whether a rule is for the world or for every pod of the cluster.
func anybody(r policy.Rule) bool {
	return r.World() != "" || slices.ContainsFunc(r.Selectors(), func(s policy.Selector) bool {
		pods, namespaces := s.Names()
		return len(pods) == 0 && !slices.ContainsFunc(namespaces, func(k string) bool { return k != audit.LabelNamespace }) && s.String() == "every pod"
	})
}

// unnamed tells whether some peers outside were too many to be kept apart.
func unnamed(u *usage) bool {
	for k := range u.peers {
		if k.peer.Kind == "Entity" && k.peer.Name == "world" && !k.ip.IsValid() {
			return true
		}
	}
	return false
}

func portsUsed(u *usage) string {
	var out []string
	for _, k := range slices.SortedFunc(maps.Keys(u.ports), func(a, b portKey) int {
		return cmp.Or(cmp.Compare(a.proto, b.proto), cmp.Compare(a.port, b.port))
	}) {
		out = append(out, audit.PortName(k.proto, k.port))
	}
	return some(out)
}

func peersUsed(u *usage) string {
	var out []string
	for k := range u.peers {
		if k.ip.IsValid() {
			out = append(out, k.ip.String())
		} else {
			out = append(out, k.peer.String())
		}
	}
	slices.Sort(out)
	return some(out)
}
