package explain

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/cluster"
	"github.com/segproof/segproof/audit/policy"
)

// declared reads a file as --manifests does.
func declared(t *testing.T, file string) *audit.Inventory {
	t.Helper()
	inv, err := (&cluster.Manifests{Paths: []string{file}}).Inventory(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.Problems) > 0 {
		t.Fatal(inv.Problems)
	}
	return inv
}

func explainer(t *testing.T) *Explainer {
	t.Helper()
	return New(declared(t, filepath.Join("testdata", "objects.yaml")), policy.Options{})
}

// ask answers a text of queries and returns the lines of the answer.
func ask(t *testing.T, x *Explainer, queries string) ([]string, Asked) {
	t.Helper()
	var out bytes.Buffer
	asked, err := x.Answers(context.Background(), strings.NewReader(queries), &out, "q.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), asked
}

// short is an answer as verdict egress/reason ingress/reason.
func short(t *testing.T, line string) string {
	t.Helper()
	var a struct {
		Answer
		Error string
	}
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	if a.Error != "" {
		return "error: " + a.Error
	}
	return fmt.Sprintf("%s %s/%s %s/%s", a.Verdict, a.Egress.Verdict, a.Egress.Reason, a.Ingress.Verdict, a.Ingress.Reason)
}

const (
	web      = `{"namespace":"shop","pod":"web-1"}`
	workload = `{"namespace":"shop","pod":"batch"}`
	db       = `{"namespace":"data","pod":"db"}`
	door     = `{"namespace":"data","labels":{"app":"door"}}`
)

func query(from, to, rest string) string {
	return `{"from":` + from + `,"to":` + to + `,` + rest + `}`
}

func TestAnEndIsWhoPolicySees(t *testing.T) {
	const free = "allow/not-isolated"
	x := explainer(t)
	for _, c := range []struct{ name, from, to, rest, want string }{
		{"a pod", web, db, `"protocol":"TCP","port":5432`, "allow " + free + " allow/allowed-by-rule"},
		{"another port", web, db, `"protocol":"TCP","port":80`, "deny " + free + " deny/default-deny"},
		{"a workload of pods that are alike", `{"namespace":"shop","pod":"web"}`, db, `"protocol":"TCP","port":5432`, "allow " + free + " allow/allowed-by-rule"},
		{"a workload of pods that differ", `{"namespace":"shop","pod":"mixed"}`, db, `"protocol":"TCP","port":5432`, "undetermined " + free + " undetermined/unknown"},
		{"a workload by its template", workload, db, `"protocol":"TCP","port":5432`, "deny deny/default-deny deny/default-deny"},
		{"labels without a pod", `{"namespace":"shop","labels":{"app":"web"}}`, db, `"protocol":"TCP","port":5432`, "allow " + free + " allow/allowed-by-rule"},
		{"the same in another namespace", `{"namespace":"data","labels":{"app":"web"}}`, db, `"protocol":"TCP","port":5432`, "deny " + free + " deny/default-deny"},
		{"labels in a namespace that is not declared", `{"namespace":"new","labels":{"allowed":"yes"}}`, db, `"protocol":"TCP","port":1`, "allow " + free + " allow/allowed-by-rule"},
		{"the address of a pod", `{"ip":"10.0.0.1"}`, `{"ip":"10.0.0.9"}`, `"protocol":"TCP","port":5432`, "allow " + free + " allow/allowed-by-rule"},
		{"the same written as IPv6", `{"ip":"::ffff:10.0.0.1"}`, db, `"protocol":"TCP","port":5432`, "allow " + free + " allow/allowed-by-rule"},
		{"an address outside", `{"ip":"203.0.113.7"}`, db, `"protocol":"TCP","port":5432`, "deny " + free + " deny/default-deny"},
		{"the node of the pod", `{"ip":"192.0.2.1"}`, db, `"protocol":"TCP","port":5432`, "allow " + free + " allow/local-host"},
		{"another node", `{"ip":"192.0.2.2"}`, db, `"protocol":"TCP","port":5432`, "deny " + free + " deny/default-deny"},
		{"a pod on another node's network", `{"namespace":"data","pod":"agent"}`, db, `"protocol":"TCP","port":5432`, "deny " + free + " deny/default-deny"},
		{"a node that only a pod on its network tells of", `{"ip":"192.0.2.3"}`, db, `"protocol":"TCP","port":5432`, "deny " + free + " deny/default-deny"},
		{"a node seen from a pod that may run on it", `{"ip":"192.0.2.1"}`, `{"namespace":"data","labels":{"app":"db"}}`, `"protocol":"TCP","port":5432`, "undetermined " + free + " undetermined/unknown"},
		{"the world", db, `{"entity":"world"}`, `"protocol":"UDP","port":53`, "allow " + free + " " + free},
		{"the API server's node", workload, `{"ip":"192.0.2.2"}`, `"protocol":"TCP","port":6443`, "allow allow/allowed-by-rule " + free},
		{"the Service of the API server", workload, `{"ip":"10.96.0.1"}`, `"protocol":"TCP","port":443`, "allow allow/allowed-by-rule " + free},
		{"a Service by the backend's port name", web, `{"ip":"10.96.0.9"}`, `"protocol":"TCP","port":80`, "allow " + free + " allow/allowed-by-rule"},
		{"a Service whose port name no pod has", web, `{"ip":"10.96.0.9"}`, `"protocol":"TCP","port":81`, "undetermined undetermined/unknown undetermined/unknown"},
		{"a Service without a selector", web, `{"ip":"10.96.0.10"}`, `"protocol":"TCP","port":80`, "undetermined undetermined/unknown undetermined/unknown"},
		{"a name that was looked up", workload, `{"ip":"203.0.113.7"}`, `"protocol":"TCP","port":443,"dns":"Example.com."`, "allow allow/allowed-by-rule " + free},
		{"another name", workload, `{"ip":"203.0.113.7"}`, `"protocol":"TCP","port":443,"dns":"example.org"`, "deny deny/default-deny " + free},
		{"an address of which no name is known", workload, `{"ip":"203.0.113.7"}`, `"protocol":"TCP","port":443`, "undetermined undetermined/unknown " + free},
		{"a request that the proxy lets pass", web, door, `"protocol":"TCP","port":80,"http":{"method":"GET","path":"/public","scheme":"http"}`, "allow " + free + " allow/allowed-by-rule"},
		{"a request that it refuses", web, door, `"protocol":"TCP","port":80,"http":{"method":"GET","path":"/secret"}`, "deny " + free + " deny/l7-denied"},
		{"a name that may be asked for", door, `{"namespace":"data","labels":{"app":"dns"}}`, `"protocol":"UDP","port":53,"dns":"example.com"`, "allow allow/allowed-by-rule " + free},
		{"a name that may not", door, `{"namespace":"data","labels":{"app":"dns"}}`, `"protocol":"UDP","port":53,"dns":"example.org"`, "deny deny/l7-denied " + free},
		{"an ICMP type of zero", web, db, `"protocol":"ICMPv4","port":0`, "deny " + free + " deny/default-deny"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines, _ := ask(t, x, query(c.from, c.to, c.rest))
			if got := short(t, lines[0]); got != c.want {
				t.Errorf("got  %s\nwant %s\n%s", got, c.want, lines[0])
			}
		})
	}
}

func TestTheAnswerRepeatsTheQueryAndNamesTheRule(t *testing.T) {
	q := `{ "id": 7, "from":` + web + `,"to":` + db + `,"protocol":"TCP","port":5432 }`
	lines, _ := ask(t, explainer(t), q)
	var got, want any
	const answer = `{"id":7,"from":{"namespace":"shop","pod":"web-1"},"to":{"namespace":"data","pod":"db"},"protocol":"TCP","port":5432,
		"verdict":"allow","egress":{"verdict":"allow","reason":"not-isolated","policies":[]},
		"ingress":{"verdict":"allow","reason":"allowed-by-rule","policies":[{"kind":"NetworkPolicy","namespace":"data","name":"db","rule":"ingress[0]"}]}}`
	for text, to := range map[string]*any{lines[0]: &got, answer: &want} {
		if err := json.Unmarshal([]byte(text), to); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	withoutLocations(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	again, asked := ask(t, explainer(t), lines[0])
	if asked.Failed > 0 || strings.Count(again[0], `"verdict":"allow","egress"`) != 1 {
		t.Errorf("an answer that is asked again: %s", again[0])
	}
}

// withoutLocations removes where a policy was read, which the engine may tell.
func withoutLocations(v any) {
	switch v := v.(type) {
	case []any:
		for _, c := range v {
			withoutLocations(c)
		}
	case map[string]any:
		delete(v, "location")
		for _, c := range v {
			withoutLocations(c)
		}
	}
}

func TestABadQueryNamesFileAndLineAndTheRestIsAnswered(t *testing.T) {
	good := query(web, db, `"protocol":"TCP","port":5432`)
	tcp := `"protocol":"TCP","port":80`
	for _, c := range []struct{ name, line, want string }{
		{"broken", `{"from":`, "not JSON: the line ends too early"},
		{"no object", `[1]`, "expected an object with from, to, protocol and port, found array"},
		{"null", `null`, "from: is missing"},
		{"two values", good + good, "more than one JSON value"},
		{"no end", `{` + tcp + `}`, `from: is missing; expected {"namespace","pod"}`},
		{"one end", `{"from":` + web + `,` + tcp + `}`, "to: is missing"},
		{"two ways to say an end", query(web, `{"ip":"1.2.3.4","entity":"world"}`, tcp), "to: pod, ip, entity, labels: exactly one is needed, found 2"},
		{"unknown pod", query(`{"namespace":"shop","pod":"web-3"}`, db, tcp), "from: no pod or workload shop/web-3 is declared; near it: shop/web"},
		{"pod of another namespace", query(`{"namespace":"data","pod":"web-1"}`, db, tcp), "there is one in shop"},
		{"unknown namespace", query(`{"namespace":"shopp","pod":"web-3"}`, db, tcp), "there is no namespace shopp either; near it: shop"},
		{"pod without a namespace", query(`{"pod":"web-1"}`, db, tcp), "from: namespace is missing"},
		{"unknown entity", query(web, `{"entity":"moon"}`, tcp), `to: no entity "moon"; expected one of world, `},
		{"entity of many", query(web, `{"entity":"cluster"}`, tcp), `entity "cluster" stands for many`},
		{"no address", query(web, `{"ip":"1.2.3"}`, tcp), `to: ip "1.2.3": expected an address`},
		{"loopback", query(web, `{"ip":"127.0.0.1"}`, tcp), "never leaves the pod"},
		{"Service as the source", query(`{"ip":"10.96.0.9"}`, db, tcp), "from: ip 10.96.0.9 is that of Service data/db, which opens no connections"},
		{"port that a Service lacks", query(web, `{"ip":"10.96.0.9"}`, `"protocol":"UDP","port":80`), "to: the Service data/db has no UDP 80; its ports are TCP 80, TCP 81"},
		{"no port", query(web, db, `"protocol":"TCP"`), "port is missing: expected a number from 1 to 65535"},
		{"port too high", query(web, db, `"protocol":"TCP","port":65536`), "port 65536: expected a number from 1 to 65535"},
		{"port zero", query(web, db, `"protocol":"UDP","port":0`), "port 0: expected"},
		{"port as text", query(web, db, `"protocol":"TCP","port":"http"`), "port: expected a whole number, found string"},
		{"ICMP type too high", query(web, db, `"protocol":"ICMPv6","port":256`), "port 256: expected the ICMP type, from 0 to 255"},
		{"unknown protocol", query(web, db, `"protocol":"ICMP","port":8`), `protocol "ICMP": expected TCP, UDP, SCTP, ICMPv4 or ICMPv6`},
		{"misspelt field", query(web, db, tcp+`,"htpp":{}`), `unknown field "htpp"; is "http" meant?`},
		{"unknown field of an end", query(`{"namespace":"shop","pod":"web-1","cluster":"x"}`, db, tcp), `unknown field "cluster"`},
		{"request over UDP", query(web, db, `"protocol":"UDP","port":80,"http":{"method":"GET"}`), "http is asked about over TCP only"},
		{"label of the namespace", query(`{"namespace":"shop","labels":{"io.cilium.k8s.namespace.labels.team":"blue"}}`, db, tcp), "belongs to the namespace"},
		{"reserved label", query(`{"namespace":"shop","labels":{"reserved:host":""}}`, db, tcp), "is not one of a pod"},
		{"too long", `{"x":"` + strings.Repeat("x", maxLine) + `"}`, "the line is longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines, asked := ask(t, explainer(t), good+"\n\n"+c.line+"\n"+good)
			if len(lines) != 3 || asked != (Asked{3, 1, asked.First}) {
				t.Fatalf("%d lines, %+v", len(lines), asked)
			}
			if got := short(t, lines[1]); !strings.HasPrefix(got, "error: q.jsonl:3: ") || !strings.Contains(got, c.want) || strings.Contains(got, "\n") {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
			for _, n := range []int{0, 2} {
				if got := short(t, lines[n]); got != "allow allow/not-isolated allow/allowed-by-rule" {
					t.Errorf("line %d: %s", n, got)
				}
			}
		})
	}
}

func TestManyAnswersStandInTheOrderOfTheirQueries(t *testing.T) {
	var in strings.Builder
	for n := range 3 * batchSize {
		fmt.Fprintln(&in, query(web, db, fmt.Sprintf(`"protocol":"TCP","port":%d`, n+1)))
	}
	x := explainer(t)
	lines, asked := ask(t, x, in.String())
	if asked.Queries != 3*batchSize || asked.Failed != 0 {
		t.Fatalf("%+v", asked)
	}
	for n, line := range lines {
		if !strings.Contains(line, fmt.Sprintf(`"port":%d,`, n+1)) {
			t.Fatalf("line %d: %s", n, line)
		}
	}
	if again, _ := ask(t, x, in.String()); !cmp.Equal(lines, again) {
		t.Error("asked twice, answered differently")
	}
}

func TestWritingThatFailsEndsTheAnswers(t *testing.T) {
	_, err := explainer(t).Answers(context.Background(), strings.NewReader(query(web, db, `"protocol":"TCP","port":1`)), closed{}, "q.jsonl")
	if err == nil || !strings.HasPrefix(err.Error(), "write answers: ") {
		t.Errorf("got %v", err)
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestAnEndIsParsedAsAPersonWritesIt(t *testing.T) {
	for s, want := range map[string]End{
		"shop/web":         {Namespace: "shop", Pod: "web"},
		"203.0.113.7":      {IP: "203.0.113.7"},
		"2001:db8::1":      {IP: "2001:db8::1"},
		"entity:world":     {Entity: "world"},
		"web":              {},
		"/web":             {},
		"Deployment/a/web": {},
	} {
		got, err := ParseEnd(s)
		if d := cmp.Diff(want, got); d != "" || (err != nil) != cmp.Equal(want, End{}) {
			t.Errorf("%s: %v %s", s, err, d)
		}
	}
}

func FuzzEveryLineGetsOneAnswer(f *testing.F) {
	f.Add(query(web, db, `"protocol":"TCP","port":80`))
	f.Add(query(`{"ip":"::1"}`, `{"entity":"all"}`, `"protocol":"icmpv6","port":128,"error":{}`))
	f.Add("{}\n[\n\"\xff\"\n" + `{"from":{"labels":null},"id":"}"}`)
	inv := &audit.Inventory{Pods: []audit.Pod{{Namespace: "shop", Name: "web-1"}, {Namespace: "data", Name: "db"}}}
	x := New(inv, policy.Options{})
	f.Fuzz(func(t *testing.T, queries string) {
		var out bytes.Buffer
		asked, err := x.Answers(context.Background(), strings.NewReader(queries), &out, "q")
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "\n"); n != asked.Queries {
			t.Errorf("%d queries, %d lines", asked.Queries, n)
		}
		for line := range strings.Lines(out.String()) {
			var a map[string]any
			if err := json.Unmarshal([]byte(line), &a); err != nil || (a["error"] == nil) == (a["verdict"] == nil) {
				t.Errorf("%v: %s", err, line)
			}
		}
	})
}
