package policy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/segproof/segproof/audit"
)

func TestOperatorsTreatAMissingLabelAsTheAPISays(t *testing.T) {
	for expr, want := range map[string]string{
		"{key: app, operator: In, values: [b, c]}":            "allow",
		"{key: app, operator: In, values: [c]}":               "deny(default)",
		"{key: app, operator: NotIn, values: [c]}":            "allow",
		"{key: none, operator: NotIn, values: [c]}":           "allow",
		"{key: app, operator: Exists}":                        "allow",
		"{key: none, operator: Exists}":                       "deny(default)",
		"{key: none, operator: DoesNotExist}":                 "allow",
		"{key: app, operator: DoesNotExist}":                  "deny(default)",
		"{key: pod-template-hash, operator: DoesNotExist}":    "allow", // never part of an identity
		"{key: pod-template-hash, operator: In, values: [a]}": "deny(default)",
	} {
		sel := "{matchExpressions: [" + expr + "]}"
		expect(t, compile(t, knp("p", "{podSelector: {}, ingress: [{from: [{podSelector: "+sel+"}]}]}")), "a/x <- b/x TCP 80 = "+want)
		expect(t, compile(t, cnpIngress("{fromEndpoints: ["+sel+"]}")), "a/x <- b/x TCP 80 = "+want)
	}
}

func TestAKeyWithoutASourceMeansAnySource(t *testing.T) {
	e := compile(t, ccnp("p", "{endpointSelector: {}, ingress: [{fromEndpoints: [{matchExpressions: [{key: 'reserved:world', operator: DoesNotExist}], matchLabels: {host: ''}}]}]}"))
	expect(t, e, "a/x <- host TCP 80 = allow\na/x <- remote-node TCP 80 = deny(default)")
}

func TestACidrLabelAnswersForTheRangesAroundIt(t *testing.T) {
	e := compile(t, ccnp("p", "{endpointSelector: {}, egress: [{toEndpoints: [{matchLabels: {'reserved:world': '', 'cidr:10.0.0.0/8': ''}}]}]}"))
	expect(t, e, `
		a/x -> cidr:10.1.0.0/16 reserved:world TCP 80 = allow
		a/x -> cidr:11.0.0.0/8 reserved:world TCP 80 = deny(default)
		a/x -> world TCP 80 = deny(default)`)
}

func TestASelectorThatOnlyExcludesIsOpenForWhomItExcludes(t *testing.T) {
	e := compile(t, cnpIngress("{fromEndpoints: [{matchExpressions: [{key: 'reserved:health', operator: DoesNotExist}, {key: app, operator: NotIn, values: [b]}]}]}"))
	expect(t, e, "a/x <- c/y TCP 80 = allow\na/x <- b/x TCP 80 = undetermined")
}

func TestALabelThatIsNamedTwiceIsNotUnderstood(t *testing.T) {
	e := compile(t, cnpIngress("{fromEndpoints: [{matchLabels: {app: b, 'any:app': c}}]}"))
	expect(t, e, "a/x <- b/x TCP 80 = undetermined")
	if p := e.Partly(); len(p) != 1 || p[0].NoEffect || !strings.Contains(p[0].Why, "fromEndpoints[0].matchLabels") {
		t.Errorf("%+v", p)
	}
}

func TestSelectorsThatSayTheSameAreOne(t *testing.T) {
	e := compile(t, knp("p", "{podSelector: {matchLabels: {a: b, c: d}}}"), knp("q", "{podSelector: {matchLabels: {c: d, a: b}}}"))
	if n := e.selectors.count(); n != 1 {
		t.Errorf("%d selectors", n)
	}
}

func TestNumbersAreReadFromAnyDecoder(t *testing.T) {
	for _, port := range []any{80, int64(80), uint64(80), 80.0, json.Number("80")} {
		inv := inventory(t, knp("p", "{}"))
		inv.Policies[0].Raw["spec"] = map[string]any{"ingress": []any{map[string]any{"ports": []any{map[string]any{"port": port}}}}}
		expect(t, Compile(inv, Options{}), "a/x <- b/x TCP 80 = allow\na/x <- b/x TCP 81 = deny(default)")
	}
	for _, port := range []any{80.5, json.Number("x"), 1e300, []byte("80")} {
		inv := inventory(t, knp("p", "{}"))
		inv.Policies[0].Raw["spec"] = map[string]any{"ingress": []any{map[string]any{"ports": []any{map[string]any{"port": port}}}}}
		if p := Compile(inv, Options{}).Partly(); len(p) != 1 || !p[0].NoEffect {
			t.Errorf("%v: %+v", port, p)
		}
	}
}

func TestAnEmptyInventoryDeclaresNothing(t *testing.T) {
	for _, inv := range []*audit.Inventory{nil, {}, {Policies: []*audit.Object{nil}}} {
		e := Compile(inv, Options{})
		expect(t, e, "a/x <- b/x TCP 80 = allow\nhost -> a/x TCP 80 = allow")
		if by, unsure := e.DefaultDeny("x", audit.Egress); by != nil || unsure != "" || e.Partly() != nil {
			t.Errorf("%v %q %v", by, unsure, e.Partly())
		}
	}
}
