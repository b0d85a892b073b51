package policy

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/segproof/segproof/audit"
)

// services are those of the cluster in the tests.
func services() []audit.Service {
	return []audit.Service{
		{Namespace: "y", Name: "backend", Selector: map[string]string{"app": "b"}, Labels: map[string]string{"part": "shop"}},
		{Namespace: "y", Name: "external"},
		{Namespace: "y", Name: "far", Labels: map[string]string{"part": "shop"}, Backends: []audit.Backend{
			{IP: netip.MustParseAddr("203.0.113.7"), Protocol: audit.TCP, Port: 443},
			{IP: netip.MustParseAddr("203.0.113.8"), Protocol: audit.TCP, Port: 443, Headless: true},
			{IP: netip.MustParseAddr("2001:db8::7"), Protocol: audit.TCP, Port: 443},
		}},
		{Namespace: "y", Name: "nowhere", Backends: []audit.Backend{}},
		{Namespace: "y", Name: "others", Labels: map[string]string{labelProxiedBy: "mine", "part": "others"}, Selector: map[string]string{"app": "b"}},
	}
}

// toServices compiles a policy with these references.
func toServices(t *testing.T, refs string, settings ...string) *Engine {
	t.Helper()
	inv := with(inventory(t, cnp("p", "{endpointSelector: {}, egress: [{toServices: ["+refs+"], toPorts: [{ports: [{port: '80'}]}]}]}")), settings...)
	inv.Services = services()
	return Compile(inv, Options{})
}

func TestAServiceWithoutASelectorIsItsBackends(t *testing.T) {
	const far = "{k8sService: {serviceName: far, namespace: 'y'}}"
	e := toServices(t, far)
	expect(t, e, `
		a/x -> 203.0.113.7 TCP 80 = allow
		a/x -> 203.0.113.7 TCP 443 = deny(default)
		a/x -> 203.0.113.8 TCP 80 = deny(default)
		a/x -> 2001:db8::7 TCP 80 = deny(default)
		a/x -> b/y TCP 80 = deny(default)`)
	if p := e.Partly(); len(p) > 0 {
		t.Errorf("partly %+v", p)
	}
	expect(t, toServices(t, far, "enable-gateway-api", "true"), "a/x -> 203.0.113.8 TCP 80 = allow")
	expect(t, toServices(t, far, "enable-ipv6", "true"), "a/x -> 2001:db8::7 TCP 80 = allow")
}

func TestAServiceWithNothingBehindItIsTakenForAnyDestination(t *testing.T) {
	e := toServices(t, "{k8sService: {serviceName: nowhere}}")
	expect(t, e, "a/x -> 203.0.113.7 TCP 80 = allow\na/x -> 203.0.113.7 TCP 81 = deny(default)")
	if p := e.Partly(); len(p) != 1 || !strings.Contains(p[0].Why, noSuchService) {
		t.Errorf("partly %+v", p)
	}
	expect(t, toServices(t, "{k8sService: {serviceName: nowhere}}, {k8sService: {serviceName: backend}}"), `
		a/x -> 203.0.113.7 TCP 80 = deny(default)
		a/x -> b/y TCP 80 = allow`)
}

func TestServicesAreSelectedByTheirLabelsInAnyNamespaceUnlessOneIsNamed(t *testing.T) {
	const shop = `
		a/x -> b/y TCP 80 = allow
		a/x -> 203.0.113.7 TCP 80 = allow
		a/x -> b/x TCP 80 = deny(default)`
	expect(t, toServices(t, "{k8sServiceSelector: {selector: {matchLabels: {part: shop}}}}"), shop)
	expect(t, toServices(t, "{k8sServiceSelector: {selector: {matchLabels: {'k8s:part': shop}}, namespace: 'y'}}"), shop)
	expect(t, toServices(t, "{k8sServiceSelector: {selector: {matchExpressions: [{key: part, operator: Exists}]}}}"), shop)
	expect(t, toServices(t, "{k8sServiceSelector: {selector: {matchLabels: {part: shop}}, namespace: x}}, {k8sService: {serviceName: far}}"), `
		a/x -> b/y TCP 80 = deny(default)
		a/x -> 203.0.113.7 TCP 80 = allow`)
}

func TestAServiceOfAnotherProxyIsNotThere(t *testing.T) {
	const others = "{k8sServiceSelector: {selector: {matchLabels: {part: others}}}}, {k8sService: {serviceName: far}}"
	expect(t, toServices(t, others), "a/x -> b/y TCP 80 = deny(default)\na/x -> 203.0.113.7 TCP 80 = allow")
	expect(t, toServices(t, others, "k8s-service-proxy-name", "mine"), "a/x -> b/y TCP 80 = allow")
}

func TestBackendsThatWereNotReadLeaveOnlyAddressesOutsideOpen(t *testing.T) {
	expect(t, toServices(t, "{k8sService: {serviceName: external}}"), "a/x -> 8.8.8.8 TCP 80 = undetermined\na/x -> b/y TCP 80 = deny(default)")
	expect(t, toServices(t, "{k8sService: {serviceName: external}}, {k8sService: {serviceName: far}}"), "a/x -> 203.0.113.7 TCP 80 = allow")
}

func TestADenyNeverLooksServicesUp(t *testing.T) {
	inv := inventory(t, cnp("p", "{endpointSelector: {}, egress: [{toEntities: [all]}], egressDeny: [{toServices: [{k8sService: {serviceName: backend}}], toPorts: [{ports: [{port: '80'}]}]}, {toServices: [{k8sService: {serviceName: far}}]}]}"))
	inv.Services = services()
	expect(t, Compile(inv, Options{}), `
		a/x -> 8.8.8.8 TCP 80 = deny(rule)
		a/x -> 203.0.113.7 TCP 81 = allow`)
}
