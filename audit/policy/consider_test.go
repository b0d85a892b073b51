package policy

import (
	"strings"
	"testing"

	"github.com/segproof/segproof/audit"
)

// considered are the rules that speak of a question, one a line.
func considered(e *Engine, q audit.Query) string {
	var out []string
	for _, c := range e.Consider(q) {
		does := "allow"
		switch {
		case c.Deny:
			does = "deny"
		case c.Pass:
			does = "pass"
		}
		out = append(out, strings.Join([]string{c.Name, c.Rule, does, c.Match, c.Peer + "/" + c.Port + "/" + c.L7, c.Why}, " | "))
	}
	return strings.Join(out, "\n")
}

func TestConsideredAreAllRulesInOrderWithWhatTheyWant(t *testing.T) {
	inv := inventory(t,
		cnp("web", `{endpointSelector: {matchLabels: {app: a}}, ingress: [
			{fromEndpoints: [{matchLabels: {app: gateway, 'k8s:io.kubernetes.pod.namespace': infra}}], toPorts: [{ports: [{port: '80', protocol: TCP}]}]},
			{fromEndpoints: [{matchLabels: {app: b}}], toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [{method: GET, path: /public}]}}]},
			{fromCIDRSet: [{cidr: 10.0.0.0/8, except: [10.9.0.0/16]}]}, {fromEntities: [host, health]}, {fromMoon: [x]}],
			ingressDeny: [{fromEndpoints: [{matchExpressions: [{key: debug, operator: Exists}]}]}]}`),
		tiered("admin", "Admin", 1, "{action: Pass, from: [{namespaces: {matchLabels: {team: blue}}}]}"),
		tiered("last", "Baseline", 1, "{action: Deny, "+fromPods+", protocols: [{tcp: {destinationPort: {range: {start: 8000, end: 9000}}}}]}"),
		cnp("others", "{endpointSelector: {matchLabels: {app: z}}, ingress: [{}]}"))
	e := Compile(inv, Options{})
	q := query(t, "a/x <- b/x TCP 80")
	q.HTTP = &audit.HTTP{Method: "POST", Path: "/public"}
	want := strings.TrimSpace(`
admin | ingress[0] | pass | no | no/yes/yes | wants every pod of namespaces with team=blue; the peer is app=b of namespace x
web | ingress[0] | allow | no | no/yes/yes | wants pods with app=gateway of namespace infra; the peer is app=b of namespace x
web | ingress[1] | allow | no | yes/yes/no | lets pass GET /public; the request is POST /public
web | ingress[2] | allow | no | no/yes/yes | wants addresses in 10.0.0.0/8 but not 10.9.0.0/16; the peer is app=b of namespace x
web | ingress[3] | allow | no | no/yes/yes | wants host or health; the peer is app=b of namespace x
web | ingress[4] | allow | maybe | maybe/maybe/maybe | it is not wholly understood: spec.ingress[4].fromMoon: unknown field
web | ingressDeny[0] | deny | no | no/yes/yes | wants pods with debug of namespace x; the peer is app=b of namespace x
last | ingress[0] | deny | no | yes/no/yes | wants TCP 8000-9000; asked is TCP 80`)
	if got := considered(e, q); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestARuleThatMatchesSaysWhatItWants(t *testing.T) {
	e := compile(t, cnpIngress("{fromEndpoints: [{matchLabels: {app: b}}], toPorts: [{ports: [{port: '80'}, {port: http, protocol: TCP}]}]}"))
	want := "p | ingress[0] | allow | yes | yes/yes/yes | wants pods with app=b of namespace x on port 80 or TCP port http"
	if got := considered(e, query(t, "a/x <- b/x TCP 80")); got != want {
		t.Errorf("got %s", got)
	}
}

func TestWithoutARequestItIsOpenWhatTheProxyDoes(t *testing.T) {
	e := compile(t, http("{path: /a}"))
	want := "p | ingress[0] | allow | yes | yes/yes/maybe | lets pass /a; the request is not named (the query names none)"
	if got := considered(e, query(t, "a/x <- b/x TCP 80")); got != want {
		t.Errorf("got %s", got)
	}
}

func TestNothingIsConsideredOfAnEndThatNoPolicyCanBeAbout(t *testing.T) {
	e := compile(t, mixture()...)
	for _, subject := range []string{"world", "reserved:unknown", "remote-node"} {
		if c := e.Consider(query(t, subject+" <- b/x TCP 80")); c != nil {
			t.Errorf("%s: %v", subject, c)
		}
	}
}
