package policy

import "testing"

func TestAnAddressOutsideIsHeldAgainstTheRange(t *testing.T) {
	e := compile(t, cnp("p", "{endpointSelector: {}, egress: [{toCIDRSet: [{cidr: 203.0.113.0/24, except: [203.0.113.64/28]}]}, {toCIDR: [198.51.100.7, '2001:db8::/32']}]}"))
	expect(t, e, `
		a/x -> 203.0.113.10 TCP 443 = allow
		a/x -> 203.0.113.66 TCP 443 = deny(default)
		a/x -> 198.51.100.7 TCP 443 = allow
		a/x -> 198.51.100.8 TCP 443 = deny(default)
		a/x -> 2001:db8::9 TCP 443 = allow
		a/x -> ::ffff:203.0.113.10 TCP 443 = allow`)
}

func TestWithoutAnAddressTheNarrowestRangeInTheLabelsCounts(t *testing.T) {
	e := compile(t, cnp("p", "{endpointSelector: {}, egress: [{toCIDRSet: [{cidr: 203.0.113.0/24, except: [203.0.113.64/28]}]}]}"))
	expect(t, e, `
		a/x -> cidr:203.0.113.0/28 cidr:203.0.0.0/16 reserved:world TCP 443 = allow
		a/x -> cidr:203.0.113.66/32 reserved:world TCP 443 = deny(default)
		a/x -> cidr:203.0.113.0/24 reserved:world TCP 443 = undetermined
		a/x -> cidr:203.0.0.0/16 reserved:world TCP 443 = undetermined
		a/x -> cidr:10.0.0.0/8 reserved:world TCP 443 = deny(default)
		a/x -> cidr:2001:db8::/32 reserved:world TCP 443 = deny(default)
		a/x -> cidr:2001-db8--/32 reserved:world TCP 443 = deny(default)
		a/x -> world TCP 443 = undetermined`)
}

func TestAnotherRuleSettlesWhatARangeCannot(t *testing.T) {
	e := compile(t, cnp("p", "{endpointSelector: {}, egress: [{toCIDR: [203.0.113.0/24]}, {toEntities: [world], toPorts: [{ports: [{port: '443'}]}]}]}"))
	expect(t, e, `
		a/x -> world TCP 443 = allow
		a/x -> world TCP 80 = undetermined`)
	e = compile(t, cnp("p", "{endpointSelector: {}, egress: [{toEntities: [world]}], egressDeny: [{toCIDR: [203.0.113.0/24]}]}"))
	expect(t, e, `
		a/x -> world TCP 443 = undetermined
		a/x -> 8.8.8.8 TCP 443 = allow`)
}

func TestEveryAddressNeedsTheFamilyToBeKnown(t *testing.T) {
	dual := func(list string) *Engine {
		return Compile(with(inventory(t, knp("p", "{podSelector: {}, egress: [{to: ["+list+"]}]}")), "enable-ipv6", "true"), Options{})
	}
	expect(t, dual("{ipBlock: {cidr: 0.0.0.0/0}}"), `
		a/x -> reserved:world-ipv4 TCP 443 = allow
		a/x -> reserved:world-ipv6 TCP 443 = deny(default)
		a/x -> world TCP 443 = undetermined`)
	expect(t, dual("{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}"), "a/x -> world TCP 443 = allow")
	expect(t, dual("{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}, {ipBlock: {cidr: '::/0'}}"), "a/x -> world TCP 443 = undetermined")
}

func TestRangesSelectNodesAndPodsOnlyIfTheAgentIsToldSo(t *testing.T) {
	inv := inventory(t, cnp("p", "{endpointSelector: {}, egress: [{toCIDR: [10.0.0.0/8]}, {toCIDR: [0.0.0.0/0], toPorts: [{ports: [{port: '9'}]}]}]}"))
	const node = "cidr:10.0.0.4/32 reserved:remote-node"
	expect(t, Compile(inv, Options{}), "a/x -> "+node+" TCP 80 = deny(default)\na/x -> b/x TCP 80 = deny(default)")
	nodes := Compile(with(inv, "policy-cidr-match-mode", "nodes"), Options{})
	expect(t, nodes, "a/x -> "+node+" TCP 80 = allow\na/x -> remote-node TCP 80 = undetermined\na/x -> "+node+" TCP 9 = allow\na/x -> cidr:172.16.0.1/32 reserved:remote-node TCP 9 = deny(default)\na/x -> b/x TCP 80 = deny(default)")
	both := Compile(with(inv, "policy-cidr-match-mode", "nodes,pods"), Options{})
	expect(t, both, "a/x -> cidr:172.16.0.1/32 reserved:remote-node TCP 9 = allow\na/x -> b/x TCP 80 = undetermined")
}

func TestGroupsOfAddressesAreResolved(t *testing.T) {
	group := "kind: CiliumCIDRGroup\nmetadata: {name: g, labels: {role: vpn}}\nspec: {externalCIDRs: [203.0.113.0/24, nonsense]}\n"
	rules := "{endpointSelector: {}, egress: [{toCIDRSet: [{cidrGroupRef: g, except: [203.0.113.1/32]}]}, {toCIDRSet: [{cidrGroupSelector: {matchLabels: {role: vpn}}}], toPorts: [{ports: [{port: '9'}]}]}]}"
	expect(t, compile(t, group, cnp("p", rules)), `
		a/x -> 203.0.113.9 TCP 80 = allow
		a/x -> 203.0.113.1 TCP 80 = deny(default)
		a/x -> 203.0.113.1 TCP 9 = allow
		a/x -> 8.8.8.8 TCP 9 = deny(default)`)
	expect(t, compile(t, cnp("p", rules)), `
		a/x -> cidrgroup:io.cilium.policy.cidrgroupname/g reserved:world TCP 80 = allow
		a/x -> 203.0.113.9 TCP 80 = undetermined
		a/x -> b/x TCP 80 = deny(default)`)
}
