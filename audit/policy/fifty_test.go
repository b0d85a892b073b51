package policy

import (
	"strings"
	"testing"
)

const (
	everyone  = "b/x=allow b/y=allow world=allow 10.9.1.1=allow host=allow remote-node=allow kube-apiserver=allow unmanaged=allow"
	nobody    = "b/x=deny(default) b/y=deny(default) world=deny(default) 10.9.1.1=deny(default) host=allow(local) remote-node=deny(default) kube-apiserver=deny(default) unmanaged=deny(default)"
	ownB      = "b/x=allow b/y=deny(default) world=deny(default) 10.9.1.1=deny(default) host=allow(local) remote-node=deny(default) kube-apiserver=deny(default) unmanaged=deny(default)"
	anyPod    = "b/x=allow b/y=allow world=deny(default) 10.9.1.1=deny(default) host=allow(local) remote-node=deny(default) kube-apiserver=deny(default) unmanaged=deny(default)"
	worldOnly = "b/x=deny(default) b/y=deny(default) world=allow 10.9.1.1=allow host=allow(local) remote-node=deny(default) kube-apiserver=deny(default) unmanaged=deny(default)"
	fromB     = "{fromEndpoints: [{matchLabels: {app: b}}]}"
)

// The questions were put to the engine of Cilium v1.20.2, and these are its
// answers. Where the subject is a starting pod Cilium denies, and we do not
// judge. Where a rule passes, Cilium denies the rest by a rule that it adds,
// which for us is the default.
type answered struct {
	name   string
	policy string
	want   string // whole questions, or who may reach pod a of namespace x on TCP 80
}

func cnpIngress(rule string) string { return cnp("p", "{endpointSelector: {}, ingress: ["+rule+"]}") }
func cnpEgress(rule string) string  { return cnp("p", "{endpointSelector: {}, egress: ["+rule+"]}") }

func TestWhomRulesMeanIsAnsweredAsCiliumAnswers(t *testing.T) {
	answer(t, []answered{
		{"1 KNP one empty rule", knp("p", "{podSelector: {}, ingress: [{}]}"), everyone},
		{"2 KNP no rule", knp("p", "{podSelector: {}, ingress: [], policyTypes: [Ingress]}"), nobody},
		{"3 CNP one empty rule", cnpIngress("{}"), nobody},
		{"4 CNP empty selector", cnpIngress("{fromEndpoints: [{}]}"), ownB},
		{"5 CNP empty list of selectors", cnpIngress("{fromEndpoints: []}"), nobody},
		{"6 CNP a port", cnpIngress(`{toPorts: [{ports: [{port: "80"}]}]}`), everyone},
		{"6 CNP a port has every transport", cnpIngress(`{toPorts: [{ports: [{port: "80"}]}]}`),
			"a/x <- b/x ICMPv4 8 = deny(default)\na/x <- b/x UDP 80 = allow\na/x <- b/x SCTP 80 = allow"},
		{"7 CNP ports without a port", cnpIngress("{toPorts: [{}]}"), nobody},
		{"8 CNP entity all", cnpIngress("{fromEntities: [all]}"), everyone},
		{"9 CNP entity cluster", cnpIngress("{fromEntities: [cluster]}"),
			"b/x=allow b/y=allow world=deny(default) 10.9.1.1=deny(default) host=allow remote-node=allow kube-apiserver=allow unmanaged=allow"},
		{"10 CNP entity world", cnpIngress("{fromEntities: [world]}"), worldOnly},
		{"11 CNP every address", cnpIngress("{fromCIDR: [0.0.0.0/0]}"), worldOnly},
		{"12 KNP every address", knp("p", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}"), worldOnly},
		{"13 KNP every namespace", knp("p", "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}"), anyPod},
		{"14 KNP empty list of peers", knp("p", "{podSelector: {}, ingress: [{from: []}]}"), everyone},
		{"15 KNP ingress rules although only Egress is listed",
			knp("p", "{podSelector: {}, policyTypes: [Egress], ingress: [{from: [{podSelector: {matchLabels: {app: b}}}]}]}"), ownB},
		{"16 KNP egress rules isolate ingress", knp("p", "{podSelector: {}, egress: [{}]}"), nobody},
		{"17 KNP port without protocol", knp("p", "{podSelector: {}, ingress: [{ports: [{port: 80}]}]}"),
			"a/x <- b/x TCP 80 = allow\na/x <- b/x UDP 80 = deny(default)\na/x <- b/x ICMPv4 8 = deny(default)"},
		{"18 KNP protocol without port", knp("p", "{podSelector: {}, ingress: [{ports: [{protocol: UDP}]}]}"),
			"a/x <- b/x TCP 80 = deny(default)\na/x <- b/x UDP 80 = allow\na/x <- b/x UDP 1 = allow"},
		{"19 CNP peers without ports", cnpIngress(fromB), "a/x <- b/x ICMPv4 8 = allow\na/x <- b/x other 0 = allow"},
		{"20 CNP ICMP type", cnpIngress("{icmps: [{fields: [{type: 8}]}]}"),
			"a/x <- b/x ICMPv4 8 = allow\na/x <- b/x ICMPv4 3 = deny(default)\na/x <- b/x TCP 80 = deny(default)\na/x <- b/x ICMPv6 128 = deny(default)"},
	})
}

func TestDeniesAndDefaultsAreAnsweredAsCiliumAnswers(t *testing.T) {
	answer(t, []answered{
		{"21 CNP deny isolates", cnp("p", "{endpointSelector: {}, ingressDeny: ["+fromB+"]}"),
			strings.Replace(nobody, "b/x=deny(default)", "b/x=deny(rule)", 1)},
		{"22 CNP deny without default deny", cnp("p", "{endpointSelector: {}, enableDefaultDeny: {ingress: false}, ingressDeny: ["+fromB+"]}"),
			strings.Replace(everyone, "b/x=allow", "b/x=deny(rule)", 1)},
		{"23 default deny of one is enough", cnpIngress(fromB) + "---\n" + cnp("q", "{endpointSelector: {}, enableDefaultDeny: {ingress: false}, ingress: [{}]}"), ownB},
		{"24 broad deny beats narrow allow",
			cnp("p", `{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: "80"}, {port: "443"}]}]}], ingressDeny: [{toPorts: [{ports: [{port: "1", endPort: 100}]}]}]}`),
			"a/x <- b/x TCP 80 = deny(rule)\na/x <- b/x TCP 443 = allow"},
		{"25 deny of all beats the local host", cnp("p", "{endpointSelector: {}, ingressDeny: [{fromEntities: [all]}]}"),
			strings.ReplaceAll(everyone, "allow", "deny(rule)")},
		{"26 deny of the host beats the local host",
			cnp("p", "{endpointSelector: {}, ingress: [{fromEntities: [all]}], ingressDeny: [{fromEntities: [host]}]}"),
			strings.Replace(everyone, "host=allow", "host=deny(rule)", 1)},
		{"27 CCNP empty selector", ccnp("p", "{endpointSelector: {}, ingress: [{fromEndpoints: [{}]}]}"), anyPod},
		{"28 CCNP for every endpoint", ccnp("p", "{endpointSelector: {}, ingress: [{}]}"),
			"health <- remote-node TCP 80 = deny(default)\ningress <- world TCP 80 = deny(default)\ninit <- b/x TCP 80 = deny(default)\nhost <- b/x TCP 80 = allow"},
		{"29 no policy", "", "init <- b/x TCP 80 = deny(default)\na/x <- b/x TCP 80 = allow"},
	})
}

func TestTiersAreAnsweredAsCiliumAnswers(t *testing.T) {
	const subject, pods = "subject: {namespaces: {}}", "from: [{namespaces: {}}]"
	tiered := func(name, tier, action string) string {
		return kcnp(name, "{tier: "+tier+", priority: 10, "+subject+", ingress: [{action: "+action+", "+pods+"}]}")
	}
	denied := strings.ReplaceAll(strings.Replace(everyone, "b/x=allow b/y=allow", "b/x=deny(rule) b/y=deny(rule)", 1), "host=allow(local)", "host=allow")
	none := knp("k", "{podSelector: {}, policyTypes: [Ingress]}")
	answer(t, []answered{
		{"30 KNP selects and allows nothing, baseline accepts", none + "---\n" + tiered("p", "Baseline", "Accept"), anyPod},
		{"31 admin passes, KNP allows nothing, baseline accepts",
			tiered("p", "Admin", "Pass") + "---\n" + none + "---\n" + tiered("q", "Baseline", "Accept"), anyPod},
		{"32 admin accept beats CNP deny", tiered("p", "Admin", "Accept") + "---\n" + cnp("c", "{endpointSelector: {}, ingressDeny: ["+fromB+"]}"), anyPod},
		{"33 baseline deny without KNP", tiered("p", "Baseline", "Deny"), denied},
		{"34 two policies of one priority", tiered("p", "Admin", "Accept") + "---\n" + tiered("q", "Admin", "Deny"), denied},
		{"48 subjects are not nodes", tiered("p", "Admin", "Deny"), "host <- b/x TCP 80 = allow"},
		{"49 networks are not pods", kcnp("p", "{tier: Admin, priority: 10, "+subject+", egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]}"),
			"a/x -> b/x TCP 80 = allow\na/x -> 8.8.8.8 TCP 80 = deny(rule)"},
		{"50 deny from every namespace", tiered("p", "Admin", "Deny"), denied},
	})
}

func TestReferencesAndSelectorsAreAnsweredAsCiliumAnswers(t *testing.T) {
	answer(t, []answered{
		{"35 CNP Service that is not there", cnpEgress(`{toServices: [{k8sService: {serviceName: s, namespace: x}}], toPorts: [{ports: [{port: "80"}]}]}`),
			"a/x -> b/x TCP 80 = allow\na/x -> 8.8.8.8 TCP 80 = allow"},
		{"36 CNP except", cnpEgress("{toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.9.0.0/16]}]}"), "a/x -> 10.9.1.1 TCP 80 = deny(default)"},
		{"37 CNP except is no deny", cnpEgress("{toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.9.0.0/16]}]}, {toCIDR: [10.9.0.0/16]}"), "a/x -> 10.9.1.1 TCP 80 = allow"},
		{"38 CNP name", cnpEgress("{toFQDNs: [{matchName: foo.com}]}"),
			"a/x -> fqdn:foo.com reserved:world TCP 80 = allow\na/x -> 8.8.8.8 TCP 80 = deny(default)"},
		{"39 CNP proxy rule beside an open one",
			cnpIngress(`{fromEndpoints: [{matchLabels: {app: b}}], toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{path: /a}]}}]}, {toPorts: [{ports: [{port: "80", protocol: TCP}]}]}`),
			"a/x <- b/x TCP 80 = allow\na/x <- b/y TCP 80 = allow"},
		{"40 CNP field of another version", cnpIngress(`{toPorts: [{ports: [{port: "80"}], rules: {kafka: [{}]}}]}`), "a/x <- b/x TCP 80 = undetermined"},
		{"41 CCNP for nodes", ccnp("p", "{nodeSelector: {}, ingressDeny: [{fromEndpoints: [{matchLabels: {app: b}}]}]}"),
			"host <- b/x TCP 80 = deny(rule)\nremote-node <- b/x TCP 80 = allow\na/x <- b/x TCP 80 = allow"},
		{"42 CNP for another namespace", cnp("p", "{endpointSelector: {matchLabels: {'k8s:io.kubernetes.pod.namespace': 'y'}}, ingress: [{}]}"),
			"a/x <- b/x TCP 80 = deny(default)\nb/y <- a/x TCP 80 = allow"},
		{"43 CNP peers of another namespace", cnpIngress("{fromEndpoints: [{matchLabels: {'k8s:io.kubernetes.pod.namespace': 'y'}}]}"),
			strings.Replace(nobody, "b/y=deny(default)", "b/y=allow", 1)},
		{"44 CNP peers of any namespace", cnpIngress("{fromEndpoints: [{matchExpressions: [{key: 'k8s:io.kubernetes.pod.namespace', operator: Exists}]}]}"), anyPod},
		{"45 CNP reserved label", cnpIngress("{fromEndpoints: [{matchLabels: {'reserved:remote-node': ''}}]}"),
			"b/x=deny(default) b/y=deny(default) world=deny(default) 10.9.1.1=deny(default) host=allow(local) remote-node=allow kube-apiserver=allow unmanaged=deny(default)"},
		{"46 CNP NotIn without the key", cnpIngress("{fromEndpoints: [{matchExpressions: [{key: nokey, operator: NotIn, values: [v]}]}]}"), ownB},
		{"47 CNP API server worldOnly", cnpIngress("{fromEntities: [kube-apiserver]}"),
			"a/x <- cidr:192.168.0.9/32 reserved:kube-apiserver reserved:world TCP 80 = allow"},
	})
}

func answer(t *testing.T, tests []answered) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var docs []string
			if tt.policy != "" {
				docs = strings.Split(tt.policy, "---\n")
			}
			inv := inventory(t, docs...)
			inv.Services = services()
			e := Compile(inv, Options{})
			want := tt.want
			if !strings.Contains(want, " = ") {
				var lines []string
				for w := range strings.FieldsSeq(want) {
					name, answer, _ := strings.Cut(w, "=")
					lines = append(lines, "a/x <- "+name+" TCP 80 = "+answer)
				}
				want = strings.Join(lines, "\n")
			}
			expect(t, e, want)
			for _, p := range e.Partly() {
				if p.NoEffect {
					t.Errorf("rejected: %s", p.Why)
				}
			}
		})
	}
}
