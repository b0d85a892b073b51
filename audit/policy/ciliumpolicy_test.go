package policy

import (
	"strings"
	"testing"
)

func TestSpecAndSpecsCountTogether(t *testing.T) {
	e := compile(t, object("CiliumNetworkPolicy", "x", "p", `
spec: {endpointSelector: {}, ingress: [{fromEndpoints: [{matchLabels: {app: b}}]}]}
specs:
- {endpointSelector: {}, egress: [{}]}
- {endpointSelector: {matchLabels: {app: a}}, egressDeny: [{toEntities: [host]}, {toEndpoints: [{matchLabels: {app: b}}]}]}
`))
	expect(t, e, `
		a/x <- b/x TCP 80 = allow
		a/x -> c/x TCP 80 = deny(default)`)
	d := asking(t, e, "a/x -> b/x TCP 80")
	if len(d.Policies) != 1 || d.Policies[0].Rule != "specs[1].egressDeny[1]" {
		t.Errorf("policies %v", d.Policies)
	}
}

func TestDefaultDenyIsPerDirectionAndNeedsARule(t *testing.T) {
	e := compile(t, cnp("p", "{endpointSelector: {}, enableDefaultDeny: {ingress: true, egress: false}, egress: [{toEntities: [host]}]}"))
	expect(t, e, `
		a/x <- b/x TCP 80 = allow
		a/x -> b/x TCP 80 = allow`)
	inv := with(inventory(t, cnp("p", "{endpointSelector: {}, enableDefaultDeny: {egress: false}, egress: [{toEntities: [host]}]}")), "enable-non-default-deny-policies", "false")
	expect(t, Compile(inv, Options{}), "a/x -> b/x TCP 80 = deny(default)")
}

func TestPeersAreOfTheNamespaceUnlessTheSelectorSaysOtherwise(t *testing.T) {
	e := compile(t, cnp("p", "{endpointSelector: {}, ingress: [{fromEndpoints: [{matchLabels: {'k8s:io.cilium.k8s.namespace.labels.team': blue}}]}]}"))
	expect(t, e, `
		a/x <- b/y TCP 80 = allow
		a/x <- b/x TCP 80 = deny(default)`)
	e = compile(t, cnp("p", "{endpointSelector: {}, ingress: [{fromEndpoints: [{matchLabels: {'any:app': b}}]}]}"))
	expect(t, e, `
		a/x <- b/x TCP 80 = allow
		a/x <- b/y TCP 80 = deny(default)`)
}

func TestAnUnprefixedForeignNamespaceInTheSubjectSelectsNobody(t *testing.T) {
	e := compile(t, cnp("p", "{endpointSelector: {matchLabels: {io.kubernetes.pod.namespace: 'y'}}, ingress: [{}]}"))
	expect(t, e, `
		a/x <- b/x TCP 80 = allow
		a/y <- b/x TCP 80 = allow`)
}

func TestPeersAreOfOurClusterUnlessTheSelectorOrTheAgentSaysOtherwise(t *testing.T) {
	const far = "k8s:app=b k8s:io.cilium.k8s.policy.cluster=far k8s:io.kubernetes.pod.namespace=x"
	spec := "{endpointSelector: {}, ingress: [{fromEndpoints: [{matchLabels: {app: b}}]}]}"
	expect(t, compile(t, cnp("p", spec)), "a/x <- "+far+" TCP 80 = deny(default)\na/x <- b/x TCP 80 = allow")
	expect(t, Compile(with(inventory(t, cnp("p", spec)), "policy-default-local-cluster", "false"), Options{}), "a/x <- "+far+" TCP 80 = allow")
	named := "{endpointSelector: {}, ingress: [{fromEndpoints: [{matchLabels: {app: b, io.cilium.k8s.policy.cluster: far}}]}]}"
	expect(t, compile(t, cnp("p", named)), "a/x <- "+far+" TCP 80 = allow\na/x <- b/x TCP 80 = deny(default)")
	unknown := inventory(t, cnp("p", spec))
	delete(unknown.Settings, "cluster-name")
	expect(t, Compile(unknown, Options{}), "a/x <- "+far+" TCP 80 = allow")
}

func TestEntitiesOfTheMeshIncludeOtherClusters(t *testing.T) {
	const far = "k8s:io.cilium.k8s.policy.cluster=far k8s:io.kubernetes.pod.namespace=x"
	for entity, want := range map[string]string{"cluster": "deny(default)", "cluster-mesh": "allow"} {
		e := compile(t, cnp("p", "{endpointSelector: {}, egress: [{toEntities: ["+entity+"]}]}"))
		expect(t, e, "a/x -> "+far+" TCP 80 = "+want+"\na/x -> b/y TCP 80 = allow\na/x -> health TCP 80 = allow\na/x -> 8.8.8.8 TCP 80 = deny(default)")
	}
}

func TestAnEntityIsJustThatIdentity(t *testing.T) {
	e := compile(t, cnp("p", "{endpointSelector: {}, ingress: [{fromEntities: [remote-node, ingress, none]}]}"))
	expect(t, e, `
		a/x <- remote-node TCP 80 = allow
		a/x <- kube-apiserver TCP 80 = allow
		a/x <- ingress TCP 80 = allow
		a/x <- health TCP 80 = deny(default)
		a/x <- unmanaged TCP 80 = deny(default)
		a/x <- b/x TCP 80 = deny(default)`)
}

func TestTheWorldOfOneFamilyIsThatOfItsAddresses(t *testing.T) {
	inv := inventory(t, cnp("p", "{endpointSelector: {}, ingress: [{fromEntities: [world-ipv4]}]}"))
	expect(t, Compile(inv, Options{}), "a/x <- 8.8.8.8 TCP 80 = deny(default)") // one family only: such an identity does not exist
	expect(t, Compile(with(inv, "enable-ipv6", "true"), Options{}), `
		a/x <- 8.8.8.8 TCP 80 = allow
		a/x <- 2001:db8::1 TCP 80 = deny(default)
		a/x <- reserved:world-ipv4 TCP 80 = allow
		a/x <- world TCP 80 = undetermined`)
}

func TestNamesMatchTheLabelsThatTheProxyLearnt(t *testing.T) {
	e := compile(t, cnp("p", "{endpointSelector: {}, egress: [{toFQDNs: [{matchName: API.example.com}, {matchPattern: '*.cdn.example'}, {matchPattern: '**.deep.example'}]}]}"))
	expect(t, e, `
		a/x -> fqdn:api.example.com reserved:world TCP 443 = allow
		a/x -> fqdn:api.example.com. reserved:world TCP 443 = allow
		a/x -> fqdn:*.cdn.example reserved:world TCP 443 = allow
		a/x -> fqdn:a.cdn.example reserved:world TCP 443 = allow
		a/x -> fqdn:a.b.cdn.example reserved:world TCP 443 = deny(default)
		a/x -> fqdn:a.b.deep.example reserved:world TCP 443 = allow
		a/x -> fqdn:deep.example reserved:world TCP 443 = deny(default)
		a/x -> fqdn:*.example.com reserved:world TCP 443 = deny(default)
		a/x -> b/x TCP 443 = deny(default)`)
}

func TestServicesAreThePodsBehindThem(t *testing.T) {
	spec := func(ref string) string {
		return cnp("p", "{endpointSelector: {}, egress: [{toServices: ["+ref+"], toPorts: [{ports: [{port: '80'}]}]}]}")
	}
	ask := func(ref, answers string) {
		t.Helper()
		inv := inventory(t, spec(ref))
		inv.Services = services()
		expect(t, Compile(inv, Options{}), answers)
		inv.Policies[0].Source.File = "policies.yaml"
		if ref == "{k8sService: {serviceName: none}}" {
			expect(t, Compile(inv, Options{}), "a/x -> b/y TCP 80 = undetermined\na/x -> b/y TCP 81 = deny(default)")
		}
	}
	ask("{k8sService: {serviceName: backend, namespace: 'y'}}", "a/x -> b/y TCP 80 = allow\na/x -> b/y TCP 81 = deny(default)\na/x -> b/x TCP 80 = deny(default)")
	ask("{k8sService: {serviceName: backend}}", "a/x -> b/y TCP 80 = allow")
	ask("{k8sService: {serviceName: external, namespace: 'y'}}", "a/x -> 8.8.8.8 TCP 80 = undetermined\na/x -> 8.8.8.8 TCP 81 = deny(default)")
	ask("{k8sServiceSelector: {selector: {matchLabels: {part: nothing}}}}", "a/x -> b/y TCP 80 = allow\na/x -> b/y TCP 81 = deny(default)")
	ask("{k8sService: {serviceName: none}}", "a/x -> b/y TCP 80 = allow")
}

func TestAProxyRuleIsAnAllowAsFarAsTheProxy(t *testing.T) {
	const http = "{fromEndpoints: [{}], toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [{method: GET}]}}]}"
	expect(t, compile(t, cnp("p", "{endpointSelector: {}, ingress: ["+http+"]}")), "a/x <- b/x TCP 80 = allow+L7\na/x <- b/y TCP 80 = deny(default)")
	expect(t, compile(t, cnp("p", "{endpointSelector: {}, enableDefaultDeny: {ingress: false}, ingress: ["+http+"]}")), "a/x <- b/x TCP 80 = allow")
	e := compile(t, cnp("p", `{endpointSelector: {}, egress: [
		{toPorts: [{ports: [{port: '53'}], rules: {dns: [{matchPattern: '*'}]}}]},
		{toPorts: [{ports: [{port: '443', protocol: TCP}], serverNames: [example.com]}]},
		{toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: []}}]}], ingress: [{fromEndpoints: [{}], authentication: {mode: required}}]}`))
	expect(t, e, `
		a/x -> b/x UDP 53 = allow+L7
		a/x -> b/x TCP 443 = allow+L7
		a/x -> b/x TCP 80 = allow
		a/x <- b/x TCP 80 = allow`)
}

func TestPoliciesForNodesNeedTheHostFirewallAndKnownLabels(t *testing.T) {
	all := inventory(t, ccnp("p", "{nodeSelector: {}, ingress: [{fromEntities: [cluster]}]}"))
	expect(t, Compile(all, Options{}), "host <- 8.8.8.8 TCP 22 = deny(default)\nhost <- b/x TCP 22 = allow")
	expect(t, Compile(with(all, "enable-host-firewall", "false"), Options{}), "host <- 8.8.8.8 TCP 22 = undetermined")
	expect(t, compile(t, ccnp("p", "{nodeSelector: {matchLabels: {role: w}}, ingress: [{fromEntities: [cluster]}]}")), "host <- 8.8.8.8 TCP 22 = undetermined")
}

func TestAnAuthenticationThatAlwaysFailsRefusesWhatItsRuleAllows(t *testing.T) {
	fails := cnp("p", "{endpointSelector: {}, ingress: [{fromEndpoints: [{matchLabels: {app: b}}], authentication: {mode: test-always-fail}}]}")
	expect(t, compile(t, fails), `
		a/x <- b/x TCP 80 = deny(auth)
		a/x <- c/x TCP 80 = deny(default)`)
	plain := cnp("q", "{endpointSelector: {}, ingress: [{fromEndpoints: [{}]}]}")
	expect(t, compile(t, fails, plain), `
		a/x <- b/x TCP 80 = undetermined
		a/x <- c/x TCP 80 = allow`)
	expect(t, compile(t, strings.ReplaceAll(fails, "test-always-fail", "required")), "a/x <- b/x TCP 80 = allow")
	first := kcnp("first", "{tier: Admin, priority: 0, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {}}]}]}")
	expect(t, compile(t, fails, first), `
		a/x <- b/x TCP 80 = undetermined
		a/x <- c/x TCP 80 = allow`)
}
