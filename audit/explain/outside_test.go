package explain

import (
	"path/filepath"
	"testing"

	"github.com/segproof/segproof/audit/policy"
)

func TestAServerNameAndAServiceWithoutSelectorAreDecided(t *testing.T) {
	x := New(declared(t, filepath.Join("testdata", "outside.yaml")), policy.Options{})
	const from = `{"namespace":"shop","pod":"web"}`
	for _, c := range []struct{ name, to, rest, want string }{
		{"the server name of the rule", `{"ip":"203.0.113.9"}`, `"port":443,"serverName":"api.example.org"`, "allow allow/allowed-by-rule allow/not-isolated"},
		{"another server name", `{"ip":"203.0.113.9"}`, `"port":443,"serverName":"evil.example.org"`, "deny deny/l7-denied allow/not-isolated"},
		{"an address of the Service", `{"ip":"198.51.100.7"}`, `"port":5432`, "allow allow/allowed-by-rule allow/not-isolated"},
		{"another port of it, which Cilium allows too", `{"ip":"198.51.100.7"}`, `"port":22`, "allow allow/allowed-by-rule allow/not-isolated"},
		{"an address beside it", `{"ip":"198.51.100.8"}`, `"port":5432`, "deny deny/default-deny allow/not-isolated"},
	} {
		lines, _ := ask(t, x, query(from, c.to, `"protocol":"TCP",`+c.rest))
		if got := short(t, lines[0]); got != c.want {
			t.Errorf("%s: %s, want %s\n%s", c.name, got, c.want, lines[0])
		}
	}
}
