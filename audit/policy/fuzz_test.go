package policy

import (
	"encoding/json"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/segproof/segproof/audit"
)

// FuzzCompile reads hostile documents as every kind of policy: nothing panics,
// every doubt has a reason, and an undetermined answer says what is missing.
func FuzzCompile(f *testing.F) {
	for _, doc := range mixture() {
		b, err := yaml.ToJSON([]byte(doc))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, doc := range []string{
		`{"spec":[]}`, `{"spec":{"ingress":[{"from":[{"ipBlock":{"cidr":"::ffff:0.0.0.0/1","except":["",null]}}]}]}}`,
		`{"spec":{"endpointSelector":{"matchLabels":{":":"","a:b:c":"","$x":""}},"ingress":[{"fromCIDRSet":[{"cidrGroupRef":"g","except":["0.0.0.0/0"]}]}]}}`,
		`{"spec":{"endpointSelector":{},"egress":[{"toPorts":[{"ports":[{"port":"0x","endPort":1e9}]}],"toFQDNs":[{"matchPattern":"**.**"}]}]}}`,
		`{"spec":{"externalCIDRs":[{}]},"specs":[{},null]}`,
		`{"spec":{"tier":"Admin","priority":1,"subject":{"namespaces":{}},"egress":[{"action":"Accept","to":[{"domainNames":["*.a"]},{"networks":["10.0.0.0/8"]},{"nodes":{}}]},{"action":"Pass","to":[{}]}]}}`,
		`{"spec":{"priority":1,"subject":{"pods":{"podSelector":{}}},"ingress":[{"action":"Deny","from":[{"namespaces":{"notSameLabels":["team"]}}],"ports":[{"portRange":{"start":1,"end":2}}]}]}}`,
		`{"spec":{"endpointSelector":{},"ingress":[{"toPorts":[{"ports":[{"port":"80","protocol":"TCP"}],"rules":{"http":[{"path":"/a|b","host":"(","headers":["X: y","Z"],"headerMatches":[{"name":"n","secret":{"name":"s"}}]}]}}]}]}}`,
	} {
		f.Add([]byte(doc))
	}
	questions := []string{"a/x <- b/x TCP 80", "a/x -> 203.0.113.9 TCP 443", "a/x -> world UDP 53", "a/y <- remote-node ICMPv6 128", "host <- reserved:unknown TCP 22"}
	f.Fuzz(func(t *testing.T, b []byte) {
		var raw map[string]any
		if json.Unmarshal(b, &raw) != nil {
			return
		}
		for _, kind := range []string{"NetworkPolicy", "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy", "CiliumCIDRGroup", "ClusterNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy"} {
			o := &audit.Object{Ref: audit.Ref{Kind: kind, Namespace: "x", Name: "p"}, Raw: raw}
			for _, s := range []Semantics{Cilium, Kubernetes} {
				e := Compile(&audit.Inventory{Policies: []*audit.Object{o}}, Options{Semantics: s})
				for _, p := range e.Partly() {
					if p.Why == "" {
						t.Errorf("%s: doubtful without a reason", kind)
					}
				}
				e.DefaultDeny("x", audit.Ingress)
				for _, text := range questions {
					q := query(t, text)
					for _, q.HTTP = range []*audit.HTTP{nil, {Method: "GET", Path: "/a"}} {
						if d := e.Decide(q); d.Reason != audit.DefaultDenied && (d.Answer == audit.Undetermined) != (d.Why != "") {
							t.Errorf("%s: %s: %+v", kind, text, d)
						}
					}
					for _, c := range e.Consider(q) {
						if c.Why == "" || c.Match == "" {
							t.Errorf("%s: %s: %+v", kind, text, c)
						}
					}
				}
			}
		}
	})
}
