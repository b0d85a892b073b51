package rules

import (
	"fmt"
	"slices"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// WorldOpen finds rules that let everybody in on every port.
var WorldOpen = &audit.Rule{
	ID: "SEG301", Name: "rule-world-open", Severity: audit.High, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A rule accepts everybody, the world included, on every port",
		Why: "Of isolation nothing is left at this end: whoever can reach the pod's address may connect to any port of it. An ingress rule without peers, or with an empty list of them, " +
			"reads like nothing and allows all.",
		Fix: "Name the peers (`podSelector`, `namespaceSelector`, a narrow CIDR) and the ports that are served. A tier that must be public needs one port, not all. " +
			"After thirty days of flows `segproof suggest --rule SEG301` writes the rule that is needed.",
		Blind: "Whether the world can reach the pod's address at all is not looked at. A policy or namespace with the annotation `segproof.dev/public: \"true\"` is public on purpose and left out. " +
			"System namespaces are left out.",
	},
	References: []string{"NIST 800-53 SC-7", "ATT&CK T1133"},
	Check: func(p *audit.Pass) {
		worldOpen(p, func(r policy.Rule) bool { return r.Direction() == audit.Ingress && r.EveryPort() })
	},
}

// WorldOpenPort finds rules that open some ports to the world, or let pods call it.
var WorldOpenPort = &audit.Rule{
	ID: "SEG302", Name: "rule-world-open-port", Severity: audit.Medium, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A rule opens a port to the world, or lets pods call all of it",
		Why: "A range that leaves nothing out (0.0.0.0/0, ::/0), the entities world and all, and a rule without peers mean everybody. Outwards it is the way by which data leaves; " +
			"inwards it is the door that every scanner knocks at.",
		Fix: "Narrow it: outwards to `toFQDNs` or the CIDRs that are used, inwards to the ingress controller or the load balancer's range. " +
			"After thirty days of flows `segproof suggest --rule SEG302` writes the rule that is needed, by address.",
		Blind: "A policy or namespace with the annotation `segproof.dev/public: \"true\"` is public on purpose and left out, and so are system namespaces and rules for ICMP. " +
			"Rules for DNS alone are `rule-dns-too-wide`'s matter; ingress from everybody on every port is `rule-world-open`'s.",
	},
	References: []string{"NIST 800-53 SC-7", "ATT&CK T1133"},
	Check: func(p *audit.Pass) {
		worldOpen(p, func(r policy.Rule) bool {
			ports, whole := r.Ports()
			return (whole || len(ports) > 0) && !(r.Direction() == audit.Ingress && r.EveryPort()) && !(r.Direction() == audit.Egress && dnsOnly(r))
		})
	},
}

func worldOpen(p *audit.Pass, ours func(policy.Rule) bool) {
	found := flaws{}
	for _, s := range specs(p) {
		ref := s.Policy()
		if s.Host() || p.IsSystem(ref.Namespace) || marked(p, ref.Object, "segproof.dev/public") {
			continue
		}
		for _, d := range both() {
			for _, r := range s.Rules(d) {
				how := r.World()
				if how == "" || !r.Allows() || !ours(r) {
					continue
				}
				if s.Unsure() != "" {
					p.Withhold(1)
					continue
				}
				found.add(r.Policy(), d, at(r.Policy(), fmt.Sprintf("%s on %s", how, portsText(r))))
			}
		}
	}
	found.report(p, func(k flawed, places string) (string, string) {
		if k.direction == audit.Egress {
			return fmt.Sprintf("%s lets pods call the whole world (%s)", k.policy.Name, places), ""
		}
		return fmt.Sprintf("%s lets the whole world in (%s)", k.policy.Name, places), ""
	})
}

func portsText(r policy.Rule) string {
	ports, whole := r.Ports()
	if whole {
		return "every port"
	}
	var out []string
	for _, p := range ports {
		out = append(out, p.Text)
	}
	return some(slices.Compact(out))
}
