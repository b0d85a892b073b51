package policy

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// A rejected policy, and a part of what is said about it.
type rejected struct{ policy, why string }

func toPorts(entry string) string { return cnpIngress("{toPorts: [" + entry + "]}") }
func knpFrom(peer string) string  { return knp("p", "{podSelector: {}, ingress: [{from: ["+peer+"]}]}") }
func knpPorts(port string) string {
	return knp("p", "{podSelector: {}, ingress: [{ports: ["+port+"]}]}")
}

func TestACiliumPolicyThatIsRejectedDecidesNothingAndSaysWhere(t *testing.T) {
	reject(t, []rejected{
		{object("CiliumNetworkPolicy", "x", "p", ""), "spec: either spec or specs"},
		{cnp("p", "{endpointSelector: {}, ingress: []}"), "spec: at least one of"},
		{cnp("p", "{ingress: [{}]}"), "spec: exactly one of endpointSelector"},
		{cnp("p", "{endpointSelector: {}, nodeSelector: {}, ingress: [{}]}"), "spec: exactly one of endpointSelector"},
		{cnp("p", "{nodeSelector: {}, ingress: [{}]}"), "spec.nodeSelector: only a clusterwide"},
		{cnp("p", "{endpointSelector: {}, ingress: {}}"), "spec.ingress: expected a list, found an object"},
		{cnp("p", "{endpointSelector: {}, ingress: [null]}"), "spec.ingress[0]: expected a value"},
		{cnp("p", "{endpointSelector: {matchLabels: {a: true}}, ingress: [{}]}"), "spec.endpointSelector.matchLabels.a: expected a string, found true"},
		{cnp("p", "{endpointSelector: {matchLabels: {'a b': c}}, ingress: [{}]}"), `"a b" is not a label key`},
		{cnp("p", "{endpointSelector: {matchLabels: {a: 'b c'}}, ingress: [{}]}"), `"b c" is not a label value`},
		{cnp("p", "{endpointSelector: {matchExpressions: [{key: a, operator: Like}]}, ingress: [{}]}"), "matchExpressions[0].operator: expected In, NotIn"},
		{cnp("p", "{endpointSelector: {matchExpressions: [{key: a, operator: In}]}, ingress: [{}]}"), "matchExpressions[0].values: In and NotIn need values"},
		{cnp("p", "{endpointSelector: {}, enableDefaultDeny: {ingress: 'yes'}, ingress: [{}]}"), "spec.enableDefaultDeny.ingress: expected true or false"},
		{cnpIngress("{fromEndpoints: [{}], fromCIDR: [10.0.0.0/8]}"), "spec.ingress[0].fromCIDR: fromEndpoints and fromCIDR may not be combined"},
		{cnpIngress("{fromCIDR: [10.0.0.0/33]}"), `spec.ingress[0].fromCIDR[0]: expected an address range such as 10.0.0.0/8, found "10.0.0.0/33"`},
		{cnpIngress("{fromCIDRSet: [{cidr: 10.0.0.0}]}"), "spec.ingress[0].fromCIDRSet[0].cidr: expected an address range"},
		{cnpIngress("{fromCIDRSet: [{cidr: 10.0.0.0/8, except: [11.0.0.0/16]}]}"), "except[0]: 11.0.0.0/16 is not inside 10.0.0.0/8"},
		{cnpIngress("{fromCIDRSet: [{cidr: 10.0.0.0/8, cidrGroupRef: g}]}"), "exactly one of cidr"},
		{cnpIngress("{fromEntities: [moon]}"), `spec.ingress[0].fromEntities[0]: there is no entity "moon"`},
		{cnpIngress("{fromNodes: [{}]}"), "enable-node-selector-labels"},
		{cnpIngress("{authentication: {mode: maybe}}"), "authentication.mode: expected disabled"},
		{cnpIngress("{icmps: [{fields: [{type: 8}]}], toPorts: [{ports: [{port: '80'}]}]}"), "toPorts and icmps may not be combined"},
		{cnpIngress("{icmps: [{fields: [{type: Nonsense}]}]}"), `there is no ICMP type "Nonsense"`},
		{cnpIngress("{icmps: [{fields: [{type: 256}]}]}"), "expected a number from 0 to 255"},
		{cnpIngress("{icmps: [{fields: [{family: IPv5, type: 8}]}]}"), "expected IPv4 or IPv6"},
		{cnpIngress("{icmps: [{fields: [{}]}]}"), "expected an ICMP type"},
	})
}

func TestPortsThatAreRejectedSayWhere(t *testing.T) {
	reject(t, []rejected{
		{toPorts("{ports: [{port: 80}]}"), "spec.ingress[0].toPorts[0].ports[0].port: expected a string, found the number 80"},
		{toPorts("{ports: [{port: '70000'}]}"), `"70000" is neither a port number nor a port name`},
		{toPorts("{ports: [{protocol: TCP}]}"), "ports[0].port: expected a port"},
		{toPorts("{ports: [{port: '80', protocol: ICMP}]}"), "there is no protocol"},
		{toPorts("{ports: [{port: '80', protocol: GRE}]}"), "this protocol has no ports"},
		{toPorts("{ports: [" + strings.Repeat("{port: '80'},", 41) + "]}"), "expected at most 40 ports, found 41"},
		{toPorts("{ports: [{port: '80'}], rules: {http: [{}]}}"), "HTTP rules need the protocol TCP"},
		{toPorts("{ports: [{port: '0', protocol: TCP}], rules: {http: [{}]}}"), "layer 7 rules need a port other than 0"},
		{toPorts("{ports: [{port: '80', protocol: TCP}], rules: {http: [{path: '('}]}}"), "http[0].path: expected a regular expression"},
		{toPorts("{ports: [{port: '80', protocol: TCP}], rules: {http: [{}], dns: [{}]}}"), "DNS rules are possible at egress only"},
		{toPorts("{ports: [{port: '80', protocol: TCP}], rules: {http: [{headerMatches: [{value: v}]}]}}"), "expected the name of a header"},
		{toPorts("{ports: [{port: '80', protocol: TCP}], rules: {http: [{headerMatches: [{name: X, secret: {}}]}]}}"), "secret: expected the name of a Secret"},
		{cnpEgress("{toPorts: [{ports: [{port: '53'}], rules: {dns: [{matchName: '*.a'}]}}]}"), "dns[0].matchName: expected a DNS name"},
		{toPorts("{ports: [{port: '443', protocol: TCP}], serverNames: ['']}"), "a server name may not be empty"},
		{toPorts("{ports: [{port: '443', protocol: TCP}], serverNames: [a], rules: {http: [{}]}}"), "need terminatingTLS"},
		{toPorts("{ports: [{port: '443'}], listener: {name: l}}"), "a listener may be neither at ingress"},
		{cnpEgress("{toPorts: [{ports: [{port: '53', endPort: 54}], rules: {dns: [{matchPattern: '*'}]}}]}"), "DNS rules may not have a port range"},
		{cnpEgress("{toPorts: [{rules: {dns: [{matchPattern: '*'}]}}]}"), "DNS rules need a port"},
		{cnpEgress("{toPorts: [{ports: [{port: '53'}], rules: {dns: [{matchName: 'a b'}]}}]}"), "expected a DNS name"},
		{cnpEgress("{toFQDNs: [{matchName: a, matchPattern: b}]}"), "only one of matchName and matchPattern"},
		{cnpEgress("{toFQDNs: [{matchName: 'a*'}]}"), "toFQDNs[0].matchName: expected a DNS name"},
		{cnp("p", "{endpointSelector: {}, ingressDeny: [{toPorts: [{ports: [{port: '80'}], rules: {http: [{}]}}]}]}"), "a rule that denies may not have layer 7 rules"},
		{ccnp("p", "{nodeSelector: {}, egress: [{toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [{}]}}]}]}"), "a policy for nodes may have DNS rules at egress only"},
	})
}

func TestWhatAnAPIServerWouldNotStoreDecidesNothing(t *testing.T) {
	reject(t, []rejected{
		{knp("p", "{podSelector: {}, policyTypes: [Sideways]}"), "spec.policyTypes[0]: expected Ingress or Egress"},
		{knp("p", "{podSelector: {matchLabels: {'k8s:app': a}}}"), "is not a label key"},
		{knpFrom("{}"), "spec.ingress[0].from[0]: expected podSelector"},
		{knpFrom("{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}"), "an ipBlock must stand alone"},
		{knpFrom("{ipBlock: {cidr: moon}}"), "ipBlock.cidr: expected an address range"},
		{knpPorts("{port: 0}"), "spec.ingress[0].ports[0].port: expected a number from 1 to 65535, found 0"},
		{knpPorts("{port: '80'}"), `"80" is neither a port number nor a port name`},
		{knpPorts("{port: 80, endPort: 70}"), "endPort: expected a number that is not below"},
		{knpPorts("{port: http, endPort: 90}"), "endPort: expected a number that is not below"},
		{knpPorts("{port: 80, protocol: ICMP}"), "protocol: expected TCP, UDP or SCTP"},
	})
}

func reject(t *testing.T, tests []rejected) {
	t.Helper()
	for _, tt := range tests {
		e := compile(t, tt.policy)
		p := e.Partly()
		if len(p) != 1 || !p[0].NoEffect || !strings.Contains(p[0].Why, tt.why) || !strings.HasPrefix(p[0].Why, "spec") {
			t.Errorf("want %q, got %+v of\n%s", tt.why, p, tt.policy)
		}
		expect(t, e, "a/x <- b/x TCP 80 = allow\na/x -> b/x TCP 80 = allow\nhost -> b/x TCP 80 = allow")
	}
}

func TestWhatTheAgentIsToldNotToKnowIsRejected(t *testing.T) {
	http := cnp("p", "{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [{}]}}]}]}")
	icmp := cnp("p", "{endpointSelector: {}, ingress: [{icmps: [{fields: [{type: 8}]}]}]}")
	for key, policy := range map[string]string{"enable-l7-proxy": http, "enable-icmp-rules": icmp} {
		p := Compile(with(inventory(t, policy), key, "false"), Options{}).Partly()
		if len(p) != 1 || !p[0].NoEffect || !strings.Contains(p[0].Why, key) {
			t.Errorf("%s: %+v", key, p)
		}
	}
	bare := inventory(t, cnp("p", "{endpointSelector: {}, ingress: [{toPorts: [{ports: [{protocol: GRE}]}]}]}"))
	if p := Compile(with(bare, "enable-extended-ip-protocols", "true"), Options{}).Partly(); len(p) != 0 {
		t.Errorf("%+v", p)
	}
}

func TestHostileTextIsCutShort(t *testing.T) {
	long := strings.Repeat("\u00e9", 100_000)
	inv := inventory(t, cnp("p", "{}"), cnp("q", "{}"), cnp("r", "{}"))
	rule := func(i int, key string, value any) {
		inv.Policies[i].Raw["spec"] = map[string]any{"endpointSelector": map[string]any{}, "ingress": []any{map[string]any{key: value}}}
	}
	rule(0, long, 1.0)
	rule(1, "fromEntities", []any{long})
	rule(2, "fromEndpoints", []any{map[string]any{"matchLabels": map[string]any{long: long}}})
	partly := Compile(inv, Options{}).Partly()
	if len(partly) != 3 {
		t.Fatalf("%d policies", len(partly))
	}
	for _, p := range partly {
		if len(p.Why) > 800 || !utf8.ValidString(p.Why) {
			t.Errorf("%s: why has %d bytes", p.Name, len(p.Why))
		}
	}
}
