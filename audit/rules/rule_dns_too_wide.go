package rules

import (
	"fmt"
	"slices"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// DNSTooWide finds rules for DNS that let pods ask anybody.
var DNSTooWide = &audit.Rule{
	ID: "SEG310", Name: "rule-dns-too-wide", Severity: audit.Medium, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A rule meant for DNS opens port 53 to any pod or to the world",
		Why: "Port 53 to everybody is a tunnel: any pod of the cluster, or a resolver outside, may listen there and carry data out, query by query. " +
			"A namespaceSelector that is empty selects every namespace, not the one of the cluster's DNS.",
		Fix: "Pin the peer to the cluster's DNS: namespace `kubernetes.io/metadata.name: kube-system` and pods `k8s-app: kube-dns` in one peer, ports UDP and TCP 53. " +
			"For NodeLocal DNSCache add its address.",
		Blind: "A rule counts as one for DNS if it names no other port than 53. One whose names the DNS proxy limits is left out, and so are system namespaces. Rules that name a namespace, " +
			"or a resolver by address, are narrow enough.",
	},
	References: []string{"NIST 800-53 SC-7", "ATT&CK T1071.004"},
	Check:      dnsTooWide,
}

func dnsTooWide(p *audit.Pass) {
	found := flaws{}
	for _, s := range specs(p) {
		if s.Host() || p.IsSystem(s.Policy().Namespace) {
			continue
		}
		for _, r := range s.Rules(audit.Egress) {
			if !r.Allows() || !dnsOnly(r) || namesLimited(r) {
				continue
			}
			to := wide(p, r)
			switch {
			case to == "":
			case s.Unsure() != "":
				p.Withhold(1)
			default:
				found.add(r.Policy(), audit.Egress, at(r.Policy(), fmt.Sprintf("%s on %s", to, portsText(r))))
			}
		}
	}
	found.report(p, func(k flawed, places string) (string, string) {
		return fmt.Sprintf("%s opens port 53 to more than the cluster's DNS (%s)", k.policy.Name, places), ""
	})
}

// dnsOnly tells whether a rule is about port 53, by number or name, and about
// nothing else.
func dnsOnly(r policy.Rule) bool {
	ports, whole := r.Ports()
	return !whole && len(ports) > 0 && !slices.ContainsFunc(ports, func(p policy.Port) bool {
		return p.All || p.Last > p.First || p.First != 53 && p.Name != "dns" && p.Name != "dns-tcp"
	})
}

// namesLimited tells whether the DNS proxy lets only some names pass on every
// port of a rule.
func namesLimited(r policy.Rule) bool {
	ports, _ := r.Ports()
	return !slices.ContainsFunc(ports, func(p policy.Port) bool { return !p.Proxied || p.AnyName })
}

// wide says whom a rule names beside any resolver: the world, or pods of a
// namespace that nobody has thought of; "" if neither.
func wide(p *audit.Pass, r policy.Rule) string {
	if w := r.World(); w != "" {
		return w
	}
	const nowhere = "a namespace of any name"
	ls := []string{"k8s:" + audit.LabelNamespace + "=" + nowhere}
	if name := p.Settings["cluster-name"]; name != "" {
		ls = append(ls, "k8s:"+audit.LabelCluster+"="+name)
	}
	pod := &audit.Peer{Namespace: nowhere, Labels: audit.NewLabels(ls...)}
	if is, _ := r.Matches(pod, pod); is {
		return "any pod of any namespace"
	}
	return ""
}
