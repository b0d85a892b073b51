package rules

import (
	"fmt"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// NamedPortMiss finds rules for a port name that no pod concerned has.
var NamedPortMiss = &audit.Rule{
	ID: "SEG307", Name: "rule-named-port-miss", Severity: audit.Medium, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A rule names a port that no pod concerned has",
		Why:   "A port name that no container declares matches nothing: what the rule should allow is denied, what it should deny passes. Nothing tells so.",
		Fix:   "Give the container's port that name (`ports: [{name: …, containerPort: …}]`), or write the number.",
		Blind: "At ingress the pods that the policy selects are asked, at egress those that the rule names. The ports of containers that run beside others (sidecars) count, those of init containers that end " +
			"do not. If one of the pods has the name it is no finding.",
	},
	References: []string{"NIST 800-53 CM-6"},
	Check:      namedPortMiss,
}

func namedPortMiss(p *audit.Pass) {
	ms, found := membersOf(p), flaws{}
	for _, s := range specs(p) {
		if s.Host() {
			continue
		}
		for _, d := range both() {
			for _, r := range s.Rules(d) {
				ports, _ := r.Ports()
				for _, port := range ports {
					if port.Name == "" {
						continue
					}
					has, asked, sure := listeners(ms, s, r, port)
					switch {
					case has || asked == 0:
					case !sure || s.Unsure() != "":
						p.Withhold(1)
					default:
						found.add(r.Policy(), d, at(r.Policy(), fmt.Sprintf("no pod concerned has the %s", port.Text)))
					}
				}
			}
		}
	}
	found.report(p, func(k flawed, places string) (string, string) {
		return fmt.Sprintf("%s names an %s port that no pod concerned has (%s)", k.policy.Name, k.direction, places), ""
	})
}

// listeners tells whether any pod that a rule's port is about has a port of
// that name, and how many were asked.
func listeners(ms members, s policy.Spec, r policy.Rule, port policy.Port) (has bool, asked int, sure bool) {
	subjects, sure := ms.of(s)
	if r.Direction() == audit.Ingress {
		for _, m := range subjects {
			is, certain := r.Listens(&m.peer, port)
			has, sure, asked = has || is, sure && certain, asked+1
		}
		return has, asked, sure
	}
	if len(subjects) == 0 {
		return false, 0, sure
	}
	for _, list := range ms.within("") {
		for _, m := range list {
			is, certain := r.Matches(&subjects[0].peer, &m.peer)
			if sure = sure && certain; !is {
				continue
			}
			is, certain = r.Listens(&m.peer, port)
			has, sure, asked = has || is, sure && certain, asked+1
		}
	}
	return has, asked, sure
}
