package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/segproof/segproof/audit"
)

// The properties hold for NetworkPolicies and Cilium's own policies, which are
// one union. Policies with tiers are ordered on purpose; for them only the order
// of objects may not matter.

// pick writes a policy from what a fuzzer chose: a kind, whom it is about, one
// rule in one direction.
func pick(r *rand.Rand, name string, denies bool) string {
	dir := [2]string{"ingress", "egress"}[r.IntN(2)]
	way := map[string]string{"ingress": "from", "egress": "to"}[dir]
	labels := []string{"{}", "{matchLabels: {app: a}}", "{matchLabels: {app: b}}", "{matchExpressions: [{key: app, operator: Exists}]}"}
	one := func(s []string) string { return s[r.IntN(len(s))] }
	if !denies && r.IntN(2) == 0 {
		peers := []string{"podSelector: " + one(labels), "namespaceSelector: {matchLabels: {team: blue}}", "ipBlock: {cidr: 203.0.113.0/24}"}
		ports := []string{"", ", ports: [{port: 80}]", ", ports: [{protocol: UDP}]", ", ports: [{port: 1, endPort: 9000}]"}
		return knp(name, fmt.Sprintf("{podSelector: %s, policyTypes: [%s], %s: [{%s: [{%s}]%s}]}", one(labels), strings.ToUpper(dir[:1])+dir[1:], dir, way, one(peers), one(ports)))
	}
	peers := []string{way + "Endpoints: [" + one(labels) + "]", way + "Entities: [" + one([]string{"all", "world", "cluster", "host", "remote-node"}) + "]", way + "CIDR: [203.0.113.0/24]"}
	ports := []string{"", ", toPorts: [{ports: [{port: '80', protocol: TCP}]}]", ", toPorts: [{ports: [{port: '0', protocol: UDP}]}]", ", icmps: [{fields: [{type: 8}]}]"}
	kind := dir
	if denies {
		kind += "Deny"
	}
	spec := fmt.Sprintf("{endpointSelector: %s, %s: [{%s%s}]}", one(labels), kind, one(peers), one(ports))
	if r.IntN(3) == 0 {
		return ccnp(name, spec)
	}
	return cnp(name, spec)
}

// known tells whether all is known of the ends of a question: who they are and,
// outside, their address.
func known(question string) bool {
	return !strings.Contains(question, "unknown") && !strings.Contains(question, "world")
}

// FuzzProperties holds random sets of policies, all wholly understood, against
// four laws: where an end is isolated already, one more allowing policy takes
// nothing away; one more denying policy opens nothing; between known ends every
// question is answered; and the order of policies does not matter.
func FuzzProperties(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint8(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, size uint8) {
		r := rand.New(rand.NewPCG(seed, 0))
		docs := []string{knp("isolates", "{podSelector: {}, policyTypes: [Ingress, Egress]}"), ccnp("all", "{endpointSelector: {}, ingress: [{}], egress: [{}]}")}
		for i := range int(size % 6) {
			docs = append(docs, pick(r, fmt.Sprint("p", i), r.IntN(3) == 0))
		}
		before := interrogate(t, compile(t, docs...))
		allowed := interrogate(t, compile(t, append(docs[:len(docs):len(docs)], pick(r, "more", false))...))
		denied := interrogate(t, compile(t, append(docs[:len(docs):len(docs)], pick(r, "less", true))...))
		for q, d := range before {
			if strings.HasPrefix(q, "host") {
				continue // no policy here is about nodes
			}
			// One more policy may bring a doubt about an end that is not known,
			// but of more that allow, or more that deny, an answer stays.
			if d.Answer == audit.Allow && allowed[q].Answer != audit.Allow {
				t.Errorf("%s: allowed, and %s once one more policy allows (%s)", q, allowed[q].Answer, allowed[q].Why)
			}
			if d.Answer == audit.Deny && denied[q].Answer != audit.Deny {
				t.Errorf("%s: denied, and %s once one more policy denies (%s)", q, denied[q].Answer, denied[q].Why)
			}
			for _, one := range []audit.Decision{d, allowed[q], denied[q]} {
				if known(q) && one.Answer == audit.Undetermined {
					t.Errorf("%s: undetermined, though all is known: %s", q, one.Why)
				}
			}
		}
		docs = append(docs, kcnp("k", "{tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Pass, from: [{namespaces: {}}]}]}"))
		ordered := interrogate(t, compile(t, docs...))
		r.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
		if d := cmp.Diff(ordered, interrogate(t, compile(t, docs...)), cmpopts.IgnoreFields(audit.PolicyRef{}, "Object")); d != "" {
			t.Errorf("another order, another answer: %s", d)
		}
	})
}
