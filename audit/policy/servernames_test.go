package policy

import (
	"strings"
	"testing"

	"github.com/segproof/segproof/audit"
)

// tlsTo is a rule for TLS to pods of the namespace.
func tlsTo(names string) string {
	return "{toEndpoints: [{}], toPorts: [{ports: [{port: '443', protocol: TCP}], serverNames: [" + names + "]}]}"
}

// servers checks answers written as "name = answer", one a line; a dash asks
// for none.
func servers(t *testing.T, e *Engine, question, answers string) {
	t.Helper()
	for line := range strings.Lines(answers) {
		name, want, ok := strings.Cut(strings.TrimSpace(line), " = ")
		if !ok {
			continue
		}
		q := query(t, question)
		q.SNI = strings.Trim(name, "-")
		d := e.Decide(q)
		if got := short(d); got != want {
			t.Errorf("%s: got %s, want %s (%v, %s)", name, got, want, d.Policies, d.Why)
		}
		if (d.Answer == audit.Undetermined) != (d.Why != "") {
			t.Errorf("%s: %s, but why is %q", name, d.Answer, d.Why)
		}
	}
}

func TestAConnectionMustAskForAServerNameThatMatchesWhole(t *testing.T) {
	servers(t, compile(t, cnpEgress(tlsTo("example.com, '*.One.example', '**.deep.example', 'sub*.x.example', '*tail.example', '***.many.example'"))), "a/x -> b/x TCP 443", `
		- = allow+L7
		example.com = allow+L7
		EXAMPLE.com = allow+L7
		example.com.evil = deny(l7)+L7
		examplexcom = deny(l7)+L7
		a.one.example = allow+L7
		a.b.one.example = deny(l7)+L7
		one.example = deny(l7)+L7
		a.deep.example = allow+L7
		a.b.deep.example = allow+L7
		deep.example = deny(l7)+L7
		.deep.example = deny(l7)+L7
		subway.x.example = allow+L7
		way.x.example = deny(l7)+L7
		retail.example = allow+L7
		re.tail.example = deny(l7)+L7
		a.b.many.example = allow+L7`)
	servers(t, compile(t, cnpEgress(tlsTo("'*'"))), "a/x -> b/x TCP 443", "a.b = allow+L7\n- = allow+L7")
	servers(t, compile(t, cnpEgress(tlsTo("a.example"))), "a/x -> b/y TCP 443", "a.example = deny(default)")
}

func TestAServerNameThatIsNoneIsRejected(t *testing.T) {
	reject(t, []rejected{
		{cnpEgress(tlsTo("'a b'")), "serverNames[0]: expected a server name"},
		{cnpEgress(tlsTo("'a..b'")), "serverNames[0]: expected a server name"},
		{cnpEgress(tlsTo("a, ''")), "serverNames[1]: a server name may not be empty"},
	})
}

func TestAllRulesForOnePeerAndPortAskForServerNamesIfOneDoes(t *testing.T) {
	const question = "a/x -> b/x TCP 443"
	beside := func(rule string) *Engine { return compile(t, cnpEgress(tlsTo("a.example")+", "+rule)) }
	for rule, want := range map[string]string{
		"{toEndpoints: [{}], toPorts: [{ports: [{port: '443', protocol: TCP}]}]}":           "deny(l7)+L7",
		"{toEndpoints: [{}], toPorts: [{ports: [{port: '443'}]}]}":                          "deny(l7)+L7",
		"{toEndpoints: [{}, {matchLabels: {app: c}}], toPorts: [{ports: [{port: '443'}]}]}": "deny(l7)+L7",
		"{toEndpoints: [{}]}": "allow",
		"{toEndpoints: [{matchLabels: {app: b}}], toPorts: [{ports: [{port: '443'}]}]}":                     "allow",
		"{toEndpoints: [{}], toPorts: [{ports: [{port: '443', endPort: 444, protocol: TCP}]}]}":             "allow",
		"{toPorts: [{ports: [{port: '443', protocol: TCP}]}]}":                                              "allow",
		"{toEndpoints: [{matchLabels: {app: c}}], toPorts: [{ports: [{port: '443'}]}]}":                     "deny(l7)+L7",
		"{toEndpoints: [{}], toPorts: [{ports: [{port: '443', protocol: TCP}], serverNames: [b.example]}]}": "allow+L7",
	} {
		servers(t, beside(rule), question, "a.example = allow"+map[bool]string{true: "", false: "+L7"}[want == "allow"]+"\nb.example = "+want)
	}
	expect(t, beside("{toEndpoints: [{}], toPorts: [{ports: [{port: '443'}]}]}"), "a/x -> b/x UDP 443 = allow\na/x -> b/x TCP 443 = allow+L7")
	both := "{toEntities: [host], toPorts: [{ports: [{port: '443', protocol: TCP}], serverNames: [a.example]}]}, {toEntities: [host, remote-node], toPorts: [{ports: [{port: '443', protocol: TCP}]}]}"
	servers(t, compile(t, cnpEgress(both)), "a/x -> host TCP 443", "b.example = deny(l7)+L7")
	servers(t, compile(t, cnpEgress(both)), "a/x -> remote-node TCP 443", "b.example = allow")
}

func TestAServerNameLeavesOpenWhatIsInsideTheConnection(t *testing.T) {
	e := compile(t, cnpEgress("{toPorts: [{ports: [{port: '443', protocol: TCP}], terminatingTLS: {secret: {name: s}}, serverNames: [a.example], rules: {http: [{path: /a}]}}]}, {toPorts: [{ports: [{port: '8443', protocol: TCP}], originatingTLS: {secret: {name: s}}}]}"))
	servers(t, e, "a/x -> b/x TCP 443", "a.example = undetermined+L7\nb.example = deny(l7)+L7")
	servers(t, e, "a/x -> b/x TCP 8443", "a.example = allow+L7")
	q := query(t, "a/x -> b/x TCP 443")
	for path, want := range map[string]string{"/a": "allow+L7", "/b": "deny(l7)+L7"} {
		q.SNI, q.HTTP = "a.example", &audit.HTTP{Method: "GET", Path: path}
		if got := short(e.Decide(q)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestConsiderNamesTheServerNamesThatARuleWants(t *testing.T) {
	q := query(t, "a/x -> b/x TCP 443")
	q.SNI = "b.example"
	got := compile(t, cnpEgress(tlsTo("a.example"))).Consider(q)
	if len(got) != 1 || got[0].L7 != "no" || got[0].Why != "lets pass server name a.example; the request is to server name b.example" {
		t.Errorf("%+v", got)
	}
}
