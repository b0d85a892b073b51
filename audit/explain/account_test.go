package explain

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

func account(t *testing.T, x *Explainer, q Query, tr *audit.Traffic) string {
	t.Helper()
	a, err := x.Account(&q, tr)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := a.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func between(from, to End, port int) Query {
	return Query{From: from, To: to, Protocol: audit.TCP, Port: &port}
}

func TestAnAccountArguesFromTheSourceToTheDestination(t *testing.T) {
	x := explainer(t)
	got := account(t, x, between(End{Namespace: "shop", Pod: "web"}, End{Namespace: "data", Pod: "db"}, 5432), observed(t, x))
	const want = `shop/web → data/db, TCP 5432: allowed
  shop/web: 2 pods

1. Egress at the source, shop/web: allowed
   Nothing isolates its egress, so everything is allowed.
   Observed: 4 connections forwarded, last seen 2026-03-01 12:01:00 UTC.

2. Ingress at the destination, data/db: allowed
   Allowed by
     NetworkPolicy data/db ingress[0]  (testdata/objects.yaml:95)
       it wants pods with app=web of namespaces with team=red on TCP 5432
   Observed: 4 connections forwarded, last seen 2026-03-01 12:01:00 UTC.

Flows were seen from 2026-03-01 12:00:00 to 2026-03-01 12:05:00 UTC: 12, and 3 lost. What did not talk then is not among them.
`
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestAnAccountOfADenySaysWhatIsolatesAndWhatWasSeen(t *testing.T) {
	x := explainer(t)
	got := account(t, x, between(End{Namespace: "shop", Pod: "batch"}, End{Namespace: "data", Pod: "db"}, 5432), observed(t, x))
	for _, want := range []string{
		"TCP 5432: denied\n", "  shop/batch: by its template, since no pod of it is declared\n",
		"1. Egress at the source, shop/batch: denied\n   No rule allows it, and its egress is isolated by\n     CiliumNetworkPolicy shop/batch  (testdata/objects.yaml:106)\n",
		"   What came closest:\n", "       would allow: it wants kube-apiserver; ", "     CiliumNetworkPolicy shop/batch egress[0]  (testdata/objects.yaml:106)\n",
		"   Observed: 2 connections dropped (POLICY_DENIED), last seen 2026-03-01 12:01:00 UTC.\n",
		"2. Ingress at the destination, data/db: denied\n", "   Observed: nothing of it.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestWhatWasSeenAgainstWhatIsDeclaredIsPointedOut(t *testing.T) {
	x := explainer(t)
	tr := &audit.Traffic{Conversations: []audit.Conversation{talk(t, x, "shop/batch", "data/db", 5432, delivered)}}
	got := account(t, x, between(End{Namespace: "shop", Pod: "batch"}, End{Namespace: "data", Pod: "db"}, 5432), tr)
	if !strings.Contains(got, "That is not what is declared now") {
		t.Error(got)
	}
}

func TestARequestLeftOpenIsAskedFor(t *testing.T) {
	x := explainer(t)
	q := between(End{Namespace: "shop", Pod: "web"}, End{Namespace: "data", Labels: map[string]string{"app": "door"}}, 80)
	if got := account(t, x, q, nil); !strings.Contains(got, "A proxy decides on") {
		t.Error(got)
	}
	q.HTTP = &Request{HTTP: audit.HTTP{Method: "GET", Path: "/secret"}}
	if got := account(t, x, q, nil); strings.Contains(got, "A proxy decides on") || !strings.Contains(got, "TCP 80, HTTP GET /secret: denied") ||
		!strings.Contains(got, "which refuses the request by\n     CiliumNetworkPolicy data/door ingress[0]") {
		t.Error(got)
	}
}

func TestWithoutFlowsNothingIsSaidOfThem(t *testing.T) {
	x := explainer(t)
	q := between(End{IP: "10.0.0.1"}, End{IP: "10.96.0.9"}, 80)
	if got := account(t, x, q, nil); strings.Contains(got, "Observed") || !strings.Contains(got, "answered by 1 pod on TCP 5432; policy sees the backend") {
		t.Error(got)
	}
}

func TestThePortsThatWereSeenAreFound(t *testing.T) {
	x := explainer(t)
	for _, c := range []struct {
		from, to string
		want     []Port
	}{
		{"shop/web", "data/db", []Port{{audit.TCP, 9}, {audit.TCP, 5432}}},
		{"shop/web", "entity:world", []Port{{audit.TCP, 443}, {audit.TCP, 5432}}}, // as flows tell it
		{"shop/web", "203.0.113.7", []Port{{audit.TCP, 443}}},
		{"shop/web", "203.0.113.8", nil},
	} {
		from, _ := ParseEnd(c.from)
		to, _ := ParseEnd(c.to)
		got, err := x.Ports(from, to, observed(t, x))
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%s → %s: %v (-want +got):\n%s", c.from, c.to, err, d)
		}
	}
}

func TestHostileNamesAreHarmlessInAnAccount(t *testing.T) {
	x := explainer(t)
	const hostile = "evil.example\x1b[31m\u202e"
	q := between(End{Namespace: "shop", Pod: "batch"}, End{IP: "203.0.113.7"}, 443)
	q.DNS = hostile
	if got := account(t, x, q, nil); strings.ContainsAny(got, "\x1b\u202e") || !strings.Contains(got, `\u001b`) {
		t.Errorf("%q", got)
	}
}
