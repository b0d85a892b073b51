package rules

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/segproof/segproof/audit"
)

// IMDS finds pods that reach the cloud's metadata service.
var IMDS = &audit.Rule{
	ID: "SEG408", Name: "flow-imds", Severity: audit.High, Needs: audit.Flows,
	Doc: audit.Doc{
		Title: "A pod reaches the cloud's metadata service",
		Why:   "It hands out the node's credentials to whoever asks: a pod that is taken over becomes the node, and with its rights often the cluster.",
		Fix: "Deny it for all pods that need not: a CiliumClusterwideNetworkPolicy with `egressDeny: [{toCIDR: [169.254.169.254/32, \"fd00:ec2::254/128\"]}]` and `enableDefaultDeny: {egress: false}`; " +
			"give pods their own identity instead (IRSA, Workload Identity).",
		Blind: "The connection left the pod; whether the metadata service answered, or refuses what comes over a second hop, is not seen. Pods on the node's network are the node and are not found, " +
			"and agents in system namespaces are left out.",
	},
	References: []string{"ATT&CK T1552.005", "MS-TA9033"},
	Check:      imds,
}

// Addresses of the metadata service: of most clouds, and of AWS over IPv6.
var metadataAddresses = []netip.Addr{netip.AddrFrom4([4]byte{169, 254, 169, 254}), netip.MustParseAddr("fd00:ec2::254")}

func imds(p *audit.Pass) {
	for _, c := range calls(p, func(c *audit.Conversation) (audit.Ref, bool) {
		return addressRefOf(c), slices.Contains(metadataAddresses, c.To.IP.Unmap()) && (c.Protocol == audit.TCP || c.Protocol == audit.UDP)
	}) {
		f := c.finding()
		f.Message = fmt.Sprintf("%s reaches the cloud's metadata service", c.from.Name)
		p.Report(f)
	}
}

func addressRefOf(c *audit.Conversation) audit.Ref {
	if ip := c.To.IP.Unmap(); ip.IsValid() {
		return addressRef(ip)
	}
	return c.To.Ref()
}
