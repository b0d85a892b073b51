package policy

import (
	"testing"

	"github.com/segproof/segproof/audit"
)

func TestRangesOfPortsIncludeBothEnds(t *testing.T) {
	const answers = `
		a/x <- b/x TCP 79 = deny(default)
		a/x <- b/x TCP 80 = allow
		a/x <- b/x TCP 90 = allow
		a/x <- b/x TCP 91 = deny(default)`
	expect(t, compile(t, knp("p", "{podSelector: {}, ingress: [{ports: [{port: 80, endPort: 90}]}]}")), answers)
	expect(t, compile(t, cnp("p", "{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: '80', endPort: 90}]}]}]}")), answers)
}

func TestPortZeroIsEveryPortButNotICMP(t *testing.T) {
	expect(t, compile(t, cnp("p", "{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: '0', protocol: ANY}]}]}]}")), `
		a/x <- b/x TCP 1 = allow
		a/x <- b/x SCTP 65535 = allow
		a/x <- b/x ICMPv4 8 = deny(default)
		a/x <- b/x other 0 = deny(default)`)
}

func TestAReversedRangeIsItsFirstPort(t *testing.T) {
	expect(t, compile(t, cnp("p", "{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: '80', endPort: 70}]}]}]}")), `
		a/x <- b/x TCP 80 = allow
		a/x <- b/x TCP 75 = deny(default)`)
}

func TestICMPTypesAreNumbersOrNamesOfTheFamily(t *testing.T) {
	e := compile(t, cnp("p", "{endpointSelector: {}, ingress: [{icmps: [{fields: [{type: EchoRequest}, {type: '13'}, {family: IPv6, type: PacketTooBig}]}]}]}"))
	expect(t, e, `
		a/x <- b/x ICMPv4 8 = allow
		a/x <- b/x ICMPv4 13 = allow
		a/x <- b/x ICMPv4 2 = deny(default)
		a/x <- b/x ICMPv6 2 = allow
		a/x <- b/x ICMPv6 8 = deny(default)
		a/x <- b/x ICMPv4 0 = deny(default)`)
}

func TestICMPTypeZeroIsEveryTypeAsInTheMapsOfCilium(t *testing.T) {
	expect(t, compile(t, cnp("p", "{endpointSelector: {}, ingress: [{icmps: [{fields: [{type: 0}]}]}]}")), `
		a/x <- b/x ICMPv4 0 = allow
		a/x <- b/x ICMPv4 8 = allow
		a/x <- b/x ICMPv6 128 = deny(default)`)
}

func TestAProtocolWithoutPortsIsNotKnownFromAFlow(t *testing.T) {
	expect(t, compile(t, cnp("p", "{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: '0', protocol: GRE}]}]}]}")), `
		a/x <- b/x other 0 = undetermined
		a/x <- b/x TCP 80 = deny(default)`)
}

// named is a pod of namespace x with a named port.
func named(app string, port uint16) audit.Pod {
	return audit.Pod{Namespace: "x", Name: app, Labels: map[string]string{"app": app}, Ports: []audit.NamedPort{{Name: "http", Protocol: audit.TCP, Port: port}}}
}

func TestAPortNameIsResolvedWhereThePortIsListenedOn(t *testing.T) {
	inv := inventory(t, knp("p", "{podSelector: {}, ingress: [{ports: [{port: http}]}], egress: [{ports: [{port: http}]}]}"))
	inv.Pods = []audit.Pod{named("a", 8080), named("b", 9090)}
	inv.Pods[1].Labels["pod-template-hash"] = "1" // no part of the identity
	expect(t, Compile(inv, Options{}), `
		a/x <- b/x TCP 8080 = allow
		a/x <- b/x TCP 9090 = deny(default)
		a/x -> b/x TCP 9090 = allow
		a/x -> b/x TCP 8080 = deny(default)
		a/x -> b/x UDP 9090 = deny(default)
		a/x -> 8.8.8.8 TCP 9090 = deny(default)
		a/x -> c/x TCP 9090 = undetermined`)
}

func TestAPortNameThatThePodDoesNotHaveMatchesNothing(t *testing.T) {
	inv := inventory(t, cnp("p", "{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: metrics}]}]}]}"))
	inv.Pods = []audit.Pod{named("a", 8080)}
	expect(t, Compile(inv, Options{}), "a/x <- b/x TCP 8080 = deny(default)")
}

func TestPodsThatDisagreeLeaveAPortNameOpen(t *testing.T) {
	inv := inventory(t, knp("p", "{podSelector: {}, ingress: [{ports: [{port: http}]}]}"))
	inv.Pods = []audit.Pod{named("a", 8080), named("a", 8081)}
	expect(t, Compile(inv, Options{}), `
		a/x <- b/x TCP 8080 = undetermined
		a/x <- b/x TCP 80 = deny(default)`)
}

func TestWorkloadsTellPortNamesWhereNoPodIsDeclared(t *testing.T) {
	inv := inventory(t, knp("p", "{podSelector: {}, ingress: [{ports: [{port: http}]}]}"))
	inv.Workloads = []audit.Workload{{Ref: audit.Ref{Kind: "Deployment", Namespace: "x", Name: "a"}, PodLabels: map[string]string{"app": "a"}, Ports: named("a", 8080).Ports}}
	expect(t, Compile(inv, Options{}), "a/x <- b/x TCP 8080 = allow\na/x <- b/x TCP 80 = deny(default)")
}

func TestTheIdentityTellsPortNamesFirst(t *testing.T) {
	inv := inventory(t, knp("p", "{podSelector: {}, egress: [{ports: [{port: http}]}]}"))
	inv.Pods = []audit.Pod{named("b", 8080)}
	const b = "gen:io.cilium.k8s.named-ports=dns.UDP.53 gen:io.cilium.k8s.named-ports-1=http.TCP.7070 k8s:app=b k8s:io.kubernetes.pod.namespace=x"
	expect(t, Compile(inv, Options{}), "a/x -> "+b+" TCP 7070 = allow\na/x -> "+b+" TCP 8080 = deny(default)")
}
