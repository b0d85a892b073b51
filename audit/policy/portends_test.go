package policy

import (
	"testing"

	"github.com/segproof/segproof/audit"
)

func TestARangeMayBeginAtAPortNameOnlyAtIngress(t *testing.T) {
	inv := inventory(t, cnp("p", "{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: http, endPort: 500}]}]}], egress: [{toPorts: [{ports: [{port: http, endPort: 500}]}]}]}"))
	inv.Pods = []audit.Pod{named("a", 80), named("b", 80)}
	e := Compile(inv, Options{})
	expect(t, e, `
		a/x <- b/x TCP 80 = allow
		a/x <- b/x TCP 500 = allow
		a/x <- b/x TCP 501 = deny(default)
		a/x <- b/x TCP 79 = deny(default)
		a/x -> b/x TCP 80 = allow
		a/x -> b/x TCP 81 = deny(default)`)
	if p := e.Partly(); len(p) > 0 {
		t.Errorf("partly %+v", p)
	}
}

func TestOfSeveralRangesAtOnePortNameOnlyTheNarrowestIsSure(t *testing.T) {
	inv := inventory(t,
		cnp("p", "{endpointSelector: {matchLabels: {app: a}}, ingress: [{fromEndpoints: [{}], toPorts: [{ports: [{port: http, endPort: 500}, {port: http, endPort: 90}]}]}]}"),
		cnp("q", "{endpointSelector: {matchLabels: {app: b}}, ingress: [{toPorts: [{ports: [{port: http, protocol: UDP}, {port: http, endPort: 90, protocol: TCP}]}]}]}"))
	inv.Pods = []audit.Pod{named("a", 80), named("b", 80)}
	expect(t, Compile(inv, Options{}), `
		a/x <- b/x TCP 90 = allow
		a/x <- b/x TCP 91 = undetermined
		a/x <- b/x TCP 501 = deny(default)
		a/x <- b/y TCP 91 = deny(default)
		b/x <- a/x TCP 90 = allow
		b/x <- a/x TCP 91 = deny(default)`)
}
