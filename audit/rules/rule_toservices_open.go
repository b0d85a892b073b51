package rules

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// ToServicesOpen finds rules for Services that do not exist, which Cilium takes
// for rules for everybody.
var ToServicesOpen = &audit.Rule{
	ID: "SEG313", Name: "rule-toservices-open", Severity: audit.High, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A rule for Services that do not exist is taken for any destination on its port",
		Why: "If `toServices` matches nothing and the rule names ports, Cilium 1.20 drops the peers and keeps the ports: an allow for one Service becomes an allow for the whole world " +
			"on that port, and a denial becomes one for everybody.",
		Fix: "Correct the name or the namespace of the Service, or name its pods with `toEndpoints`.",
		Blind: "Services are known by name; a `k8sServiceSelector` is not looked at. The inventory must be that of a whole cluster (with nodes, namespaces, pods and Services), " +
			"or the finding is withheld.",
	},
	References: []string{"NIST 800-53 SC-7"},
	Check:      toServicesOpen,
}

func toServicesOpen(p *audit.Pass) {
	found := flaws{}
	for _, s := range specs(p) {
		if s.Host() || !isCilium(s.Policy().Ref) {
			continue
		}
		for _, r := range s.Rules(audit.Egress) {
			raw := written(s, r)
			missing, names := missingServices(p, children(raw, "toServices"))
			ports, whole := r.Ports()
			switch {
			case !missing || whole || len(ports) == 0:
			case !servicesKnown(p):
				p.Withhold(1)
			default:
				found.add(r.Policy(), audit.Egress, at(r.Policy(), fmt.Sprintf("there is no Service %s, so it is for any destination on %s", some(names), portsText(r))))
			}
		}
	}
	found.report(p, func(k flawed, places string) (string, string) {
		return fmt.Sprintf("%s names Services that do not exist, which Cilium takes for any destination (%s)", k.policy.Name, places), ""
	})
}

// servicesKnown tells whether all Services are known.
func servicesKnown(p *audit.Pass) bool {
	return whole(p) && len(p.Services) > 0 && !unreadable(p, "services")
}

// missingServices tells whether none of the Services named is declared, and
// which they are.
func missingServices(p *audit.Pass, refs []map[string]any) (missing bool, names []string) {
	for _, ref := range refs {
		svc := child(ref, "k8sService")
		name, ns := text(svc, "serviceName"), text(svc, "namespace")
		if name == "" {
			return false, nil
		}
		for _, s := range p.Services {
			if s.Name == name && (ns == "" || ns == s.Namespace) {
				return false, nil
			}
		}
		if ns != "" {
			name = ns + "/" + name
		}
		names = append(names, name)
	}
	return len(refs) > 0, names
}

// written is a rule of a Cilium policy as its text has it.
func written(s policy.Spec, r policy.Rule) map[string]any {
	place := r.Policy().Rule
	place = place[strings.LastIndexByte(place, '.')+1:]
	name, index, _ := strings.Cut(strings.TrimSuffix(place, "]"), "[")
	list, _ := s.Raw()[name].([]any)
	n, err := strconv.Atoi(index)
	if err != nil || n < 0 || n >= len(list) {
		return nil
	}
	out, _ := list[n].(map[string]any)
	return out
}
