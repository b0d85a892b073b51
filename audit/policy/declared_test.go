package policy

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/segproof/segproof/audit"
)

// A spec of each kind, as an object in namespace x with a name of its own.
func knp(name, spec string) string { return object("NetworkPolicy", "x", name, "spec: "+spec) }
func cnp(name, spec string) string { return object("CiliumNetworkPolicy", "x", name, "spec: "+spec) }
func ccnp(name, spec string) string {
	return object("CiliumClusterwideNetworkPolicy", "", name, "spec: "+spec)
}

func kcnp(name, spec string) string { return object("ClusterNetworkPolicy", "", name, "spec: "+spec) }
func anp(name, spec string) string  { return object("AdminNetworkPolicy", "", name, "spec: "+spec) }
func banp(spec string) string {
	return object("BaselineAdminNetworkPolicy", "", "default", "spec: "+spec)
}

func object(kind, namespace, name, rest string) string {
	return fmt.Sprintf("kind: %s\nmetadata: {name: %q, namespace: %q}\n%s\n", kind, name, namespace, rest)
}

// inventory is what a cluster named lab with namespaces x (team red) and y
// (team blue) declares.
func inventory(t testing.TB, docs ...string) *audit.Inventory {
	t.Helper()
	inv := &audit.Inventory{
		Namespaces: []audit.Namespace{{Name: "x", Labels: map[string]string{"team": "red"}}, {Name: "y", Labels: map[string]string{"team": "blue"}}},
		Settings:   map[string]string{"cluster-name": "lab", "enable-ipv6": "false", "enable-host-firewall": "true", "enable-k8s-cluster-network-policy": "true"},
	}
	for _, doc := range docs {
		b, err := yaml.ToJSON([]byte(doc))
		if err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		var raw map[string]any
		if err := json.Unmarshal(b, &raw); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		meta := raw["metadata"].(map[string]any)
		o := &audit.Object{Ref: audit.Ref{Kind: raw["kind"].(string), Name: meta["name"].(string)}, Raw: raw}
		o.Namespace, _ = meta["namespace"].(string)
		if ls, ok := meta["labels"].(map[string]any); ok {
			o.Labels = map[string]string{}
			for k, v := range ls {
				o.Labels[k] = v.(string)
			}
		}
		inv.Policies = append(inv.Policies, o)
	}
	return inv
}

// with changes settings; an even number of keys and values.
func with(inv *audit.Inventory, settings ...string) *audit.Inventory {
	for i := 0; i < len(settings); i += 2 {
		inv.Settings[settings[i]] = settings[i+1]
	}
	return inv
}

func compile(t testing.TB, docs ...string) *Engine {
	t.Helper()
	return Compile(inventory(t, docs...), Options{})
}

// peers by the names that the tests use.
func peer(name string) audit.Peer {
	team := map[string]string{"x": "red", "y": "blue"}
	if ip, err := netip.ParseAddr(name); err == nil {
		return audit.Peer{Labels: audit.NewLabels("reserved:world"), IP: ip}
	}
	if strings.Contains(name, ":") {
		return audit.Peer{Labels: audit.NewLabels(strings.Fields(name)...)}
	}
	if app, ns, ok := strings.Cut(name, "/"); ok {
		return PodPeer(&audit.Pod{Namespace: ns, Name: app, Labels: map[string]string{"app": app}},
			&audit.Namespace{Name: ns, Labels: map[string]string{"team": team[ns]}}, "lab")
	}
	return EntityPeer(name)
}

// asking puts one question in the words "a/x <- b/x TCP 80" or "a/x -> world ICMPv4 8".
func asking(t testing.TB, e *Engine, question string) audit.Decision {
	t.Helper()
	return e.Decide(query(t, question))
}

func query(t testing.TB, question string) audit.Query {
	t.Helper()
	q := audit.Query{Direction: audit.Ingress}
	subject, rest, ok := strings.Cut(question, " <- ")
	if !ok {
		q.Direction = audit.Egress
		subject, rest, ok = strings.Cut(question, " -> ")
	}
	words := strings.Fields(rest)
	if !ok || len(words) < 3 {
		t.Fatalf("question %q", question)
	}
	n := len(words) - 2
	if _, err := fmt.Sscan(words[n+1], &q.Port); err != nil {
		t.Fatalf("question %q: %v", question, err)
	}
	s, p := peer(subject), peer(strings.Join(words[:n], " "))
	q.Subject, q.Peer, q.Protocol = &s, &p, audit.Protocol(words[n])
	return q
}

// short is a decision in a few words.
func short(d audit.Decision) string {
	s := string(d.Answer)
	switch d.Reason {
	case audit.DeniedByRule:
		s += "(rule)"
	case audit.DefaultDenied:
		s += "(default)"
	case audit.LocalHost:
		s += "(local)"
	case audit.AuthRequired:
		s += "(auth)"
	case audit.L7Denied:
		s += "(l7)"
	}
	if d.L7 {
		s += "+L7"
	}
	return s
}

// expect checks answers written as "question = answer", one a line.
func expect(t *testing.T, e *Engine, answers string) {
	t.Helper()
	for line := range strings.Lines(answers) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		question, want, _ := strings.Cut(line, " = ")
		d := asking(t, e, question)
		if got := short(d); got != want {
			t.Errorf("%s: got %s, want %s (%s, %v, %s)", question, got, want, d.Reason, d.Policies, d.Why)
		}
		if d.Reason != audit.DefaultDenied && (d.Answer == audit.Undetermined) != (d.Why != "") {
			t.Errorf("%s: %s, but why is %q", question, d.Answer, d.Why)
		}
	}
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
