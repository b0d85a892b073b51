package policy

import (
	"strings"
	"testing"

	"github.com/segproof/segproof/audit"
)

// http is a rule for requests to pod a of namespace x, from pods of the namespace.
func http(rules string) string {
	return cnpIngress("{fromEndpoints: [{}], toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [" + rules + "]}}]}")
}

// request reads "GET host/path Header=value …"; a dash is what is not known.
func request(s string) *audit.HTTP {
	words := strings.Fields(s)
	q := &audit.HTTP{Method: strings.Trim(words[0], "-")}
	if i := strings.IndexByte(words[1], '/'); i >= 0 {
		q.Host, q.Path = words[1][:i], words[1][i:]
	}
	for _, h := range words[2:] {
		if q.Headers == nil {
			q.Headers = map[string]string{}
		}
		k, v, _ := strings.Cut(h, "=")
		q.Headers[k] = v
	}
	return q
}

// requests checks answers written as "GET host/path = answer", one a line.
func requests(t *testing.T, e *Engine, question, answers string) {
	t.Helper()
	for line := range strings.Lines(answers) {
		text, want, ok := strings.Cut(strings.TrimSpace(line), " = ")
		if !ok {
			continue
		}
		q := query(t, question)
		q.HTTP = request(text)
		d := e.Decide(q)
		if got := short(d); got != want {
			t.Errorf("%s: got %s, want %s (%v, %s)", text, got, want, d.Policies, d.Why)
		}
		if (d.Answer == audit.Undetermined) != (d.Why != "") {
			t.Errorf("%s: %s, but why is %q", text, d.Answer, d.Why)
		}
	}
}

func TestARequestMustMatchAWholeRule(t *testing.T) {
	requests(t, compile(t, http("{method: GET, path: '/public(/.*)?', host: 'shop\\.example(:80)?'}, {method: 'POST|PUT', path: /private}, {path: '/a|/b$'}")), "a/x <- b/x TCP 80", `
		GET shop.example/public = allow+L7
		GET shop.example:80/public/x = allow+L7
		GET shop.example/public/../public = allow+L7
		GET shop.example//public = allow+L7
		GET shop.example/publicity = deny(l7)+L7
		GET shop.example/public?x=1 = deny(l7)+L7
		GET shop.example/%70ublic = undetermined+L7
		GET shop.example/public/a%20b = allow+L7
		GET SHOP.example/public = deny(l7)+L7
		get shop.example/public = deny(l7)+L7
		GET -/public = deny(l7)+L7
		GET /public = undetermined+L7
		- shop.example/public = undetermined+L7
		GET shop.example = undetermined+L7
		POST shop.example/private = allow+L7
		POSTS shop.example/private = deny(l7)+L7
		GET shop.example/a = allow+L7
		GET shop.example/b = allow+L7
		GET shop.example/ab = deny(l7)+L7
		GET shop.example/HUBBLE_REDACTED = undetermined+L7`)
}

func TestACallOfGRPCIsARequest(t *testing.T) {
	requests(t, compile(t, http("{method: POST, path: /shop.Cart/Add}")), "a/x <- b/x TCP 80", `
		POST shop/shop.Cart/Add = allow+L7
		POST shop/shop.Cart/Clear = deny(l7)+L7`)
}

func TestHeadersMustBeThereAndExact(t *testing.T) {
	requests(t, compile(t, http("{headers: ['X-Key: a b', X-Here, 'host: shop']}")), "a/x <- b/x TCP 80", `
		GET shop/ x-key=HUBBLE_REDACTED X-HERE=1 = undetermined+L7
		GET shop/ x-key=a X-Here=1 = deny(l7)+L7
		GET shop/ X-Here=1 = deny(l7)+L7
		GET shop/ = deny(l7)+L7`)
	requests(t, compile(t, http("{headerMatches: [{name: X-Key, value: v}, {name: X-Log, value: w, mismatch: LOG}, {name: X-Any}]}")), "a/x <- b/x TCP 80", `
		GET shop/ x-key=v x-any=1 = allow+L7
		GET shop/ x-key=w x-any=1 = deny(l7)+L7
		GET shop/ x-key=v = deny(l7)+L7`)
	requests(t, compile(t, http("{headerMatches: [{name: X-Key, secret: {name: s}}]}")), "a/x <- b/x TCP 80", `
		GET shop/ X-Key=v = undetermined+L7
		GET shop/ = deny(l7)+L7`)
}

func TestTheAnswerNamesTheRulesThatLetARequestPassOrWereAsked(t *testing.T) {
	e := compile(t, http("{method: GET}"), strings.Replace(http("{method: 'GET|PUT'}"), `"p"`, `"q"`, 1))
	for method, want := range map[string]string{"GET": "p q", "PUT": "q", "POST": "p q"} {
		q := query(t, "a/x <- b/x TCP 80")
		q.HTTP = &audit.HTTP{Method: method, Path: "/"}
		var names []string
		for _, p := range e.Decide(q).Policies {
			names = append(names, p.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s, want %s", method, got, want)
		}
	}
}

func TestAnOpenPortMakesTheProxysRulesMoot(t *testing.T) {
	for _, open := range []string{
		"{fromEndpoints: [{}]}", "{fromEndpoints: [{matchLabels: {app: b}}], toPorts: [{ports: [{port: '1', endPort: 100}]}]}", "{toPorts: [{ports: [{port: '80'}]}]}",
	} {
		requests(t, compile(t, http("{path: /a}"), cnp("open", "{endpointSelector: {}, ingress: ["+open+"]}")), "a/x <- b/x TCP 80", "GET h/b = allow")
	}
	requests(t, compile(t, http("{path: /a}"), kcnp("open", "{tier: Baseline, priority: 1, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {}}]}]}")),
		"a/x <- b/x TCP 80", "GET h/b = allow+L7") // passed over by the proxy, and then accepted
	requests(t, compile(t, cnpIngress("{toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [{path: /a}]}}]}")), "a/x <- host TCP 80", "GET h/b = allow(local)+L7")
	requests(t, compile(t, cnp("p", "{endpointSelector: {}, enableDefaultDeny: {ingress: false}, ingress: [{toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [{path: /a}]}}]}]}")),
		"a/x <- b/x TCP 80", "GET h/b = allow")
}

func TestWhatOnlyAnotherProxyKnowsLeavesARequestOpen(t *testing.T) {
	e := compile(t, cnp("p", `{endpointSelector: {}, egress: [
		{toPorts: [{ports: [{port: '443', protocol: TCP}], serverNames: [example.com]}]},
		{toPorts: [{ports: [{port: '8443', protocol: TCP}], terminatingTLS: {secret: {name: s}}, serverNames: [example.com], rules: {http: [{path: /a}]}}]},
		{toPorts: [{ports: [{port: '8080', protocol: TCP}], listener: {name: l, envoyConfig: {name: e}}}]}]}`))
	requests(t, e, "a/x -> b/x TCP 443", "GET h/a = undetermined+L7")
	requests(t, e, "a/x -> b/x TCP 8443", "GET h/a = undetermined+L7\nGET h/b = deny(l7)+L7")
	requests(t, e, "a/x -> b/x TCP 8080", "GET h/a = undetermined+L7")
}

func TestAnExpressionThatEnvoyCannotReadIsNotUnderstood(t *testing.T) {
	e := compile(t, http("{host: '('}"))
	expect(t, e, "a/x <- b/x TCP 80 = undetermined")
	if p := e.Partly(); len(p) != 1 || p[0].NoEffect || !strings.Contains(p[0].Why, "http[0].host: expected a regular expression") {
		t.Errorf("%+v", p)
	}
}

func TestARequestIsDecidedOnlyWhereTheConnectionIsLetThrough(t *testing.T) {
	e := compile(t, http("{path: /a}"))
	requests(t, e, "a/x <- b/y TCP 80", "GET h/a = deny(default)")
	requests(t, e, "a/x <- b/x TCP 81", "GET h/a = deny(default)")
	requests(t, e, "a/y <- b/x TCP 80", "GET h/b = allow")
}

func TestPathsAreComparedAsWrittenIfTheProxyIsToldSo(t *testing.T) {
	inv := inventory(t, http("{path: /b}"))
	requests(t, Compile(inv, Options{}), "a/x <- b/x TCP 80", "GET h/a/../b = allow+L7")
	requests(t, Compile(with(inv, "http-normalize-path", "false"), Options{}), "a/x <- b/x TCP 80", "GET h/a/../b = deny(l7)+L7")
}

// lookups checks answers written as "name = answer", one a line.
func lookups(t *testing.T, e *Engine, question, answers string) {
	t.Helper()
	for line := range strings.Lines(answers) {
		name, want, ok := strings.Cut(strings.TrimSpace(line), " = ")
		if !ok {
			continue
		}
		q := query(t, question)
		q.DNS = name
		if d := e.Decide(q); short(d) != want {
			t.Errorf("%s: got %s, want %s (%v, %s)", name, short(d), want, d.Policies, d.Why)
		}
	}
}

func TestNamesThatMayBeLookedUp(t *testing.T) {
	dns := func(rules string) string {
		return cnpEgress("{toEndpoints: [{matchLabels: {app: b}}], toPorts: [{ports: [{port: '53'}], rules: {dns: [" + rules + "]}}]}")
	}
	lookups(t, compile(t, dns("{matchName: api.example.com}, {matchPattern: '*.cdn.example'}, {matchPattern: '**.deep.example'}, {matchPattern: 'sub*.example.org'}")), "a/x -> b/x UDP 53", `
		api.example.com = allow+L7
		API.example.com. = allow+L7
		xapi.example.com = deny(l7)+L7
		a.cdn.example = allow+L7
		a.b.cdn.example = deny(l7)+L7
		cdn.example = deny(l7)+L7
		a.b.deep.example = allow+L7
		deep.example = deny(l7)+L7
		sub.example.org = allow+L7
		sub-1.example.org = allow+L7`)
	lookups(t, compile(t, dns("{matchPattern: '*'}")), "a/x -> b/x UDP 53", "anything.at.all = allow+L7")
	lookups(t, compile(t, dns("{}")), "a/x -> b/x UDP 53", "a = deny(l7)+L7")
	requests(t, compile(t, dns("{matchPattern: '*'}")), "a/x -> b/x TCP 53", "GET h/ = deny(l7)+L7")
}

func TestOnlyAnOpenRuleForTheVeryPortOpensEveryName(t *testing.T) {
	const dns = "{toEndpoints: [{}], toPorts: [{ports: [{port: '53', protocol: UDP}], rules: {dns: [{matchName: a.example}]}}]}"
	for open, want := range map[string]string{
		"{toEndpoints: [{}], toPorts: [{ports: [{port: '53'}]}]}":                "allow",
		"{toEntities: [all], toPorts: [{ports: [{port: '53', protocol: UDP}]}]}": "allow",
		"{toEndpoints: [{}]}": "deny(l7)+L7",
		"{toEndpoints: [{}], toPorts: [{ports: [{port: '1', endPort: 99}]}]}": "deny(l7)+L7",
	} {
		lookups(t, compile(t, cnpEgress(dns+", "+open)), "a/x -> b/x UDP 53", "b.example = "+want)
	}
}

func TestAWarmDecisionAllocatesNothing(t *testing.T) {
	e := compile(t, mixture()...)
	q := query(t, "a/x <- b/x TCP 80")
	e.Decide(q)
	if n := testing.AllocsPerRun(100, func() { e.Decide(q) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
