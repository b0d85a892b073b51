package oracle

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"github.com/segproof/segproof/audit"
)

// object and list are pieces of a policy as they are decoded from JSON.
type (
	object = map[string]any
	list   = []any
)

// random makes clusters and policies. The same seed and number make the same.
type random struct {
	*rand.Rand
	setting Setting
	broken  bool // policies may contain mistakes, which Cilium would reject
	ports   bool // port names are used
}

func newRandom(s Setting, seed, number uint64) *random {
	h := fnv.New64a()
	h.Write([]byte(s.Name)) // no setting sees the clusters of another
	r := &random{Rand: rand.New(rand.NewPCG(seed^h.Sum64(), number)), setting: s}
	r.broken, r.ports = number%4 == 0, number%3 == 0
	return r
}

// chance is true in so many of a hundred cases.
func (r *random) chance(percent int) bool { return r.IntN(100) < percent }

// mistake is true now and then, where policies may contain mistakes.
func (r *random) mistake() bool { return r.broken && r.chance(3) }

// one returns one of the values.
func one[T any](r *random, values ...T) T { return values[r.IntN(len(values))] }

// some returns between least and most values that f makes.
func (r *random) some(least, most int, f func() any) list {
	out := list{}
	for range least + r.IntN(most-least+1) {
		out = append(out, f())
	}
	return out
}

// policies returns a few policies of any kind.
func (r *random) policies() []object {
	var out []object
	for i := range 1 + r.IntN(4) {
		name := fmt.Sprintf("p%d", i)
		switch n := r.IntN(100); {
		case n < 30:
			out = append(out, r.networkPolicy(name))
		case n < 75:
			out = append(out, r.ciliumPolicy(name))
		default:
			out = append(out, r.clusterNetworkPolicy(name))
		}
	}
	return out
}

// declared is a policy as the inventory has it.
func declared(raw object) *audit.Object {
	meta, _ := raw["metadata"].(object)
	o := &audit.Object{Raw: raw}
	o.Kind, _ = raw["kind"].(string)
	o.APIVersion, _ = raw["apiVersion"].(string)
	o.Name, _ = meta["name"].(string)
	o.Namespace, _ = meta["namespace"].(string)
	return o
}

// expression is a requirement of a label selector.
func (r *random) expression(key string) object {
	op := one(r, "In", "NotIn", "Exists", "DoesNotExist")
	e := object{"key": key, "operator": op}
	if (op == "In" || op == "NotIn") != r.mistake() {
		e["values"] = r.some(1, 2, func() any { return one(r, "a", "b", "c", "x", "y", "red") })
	}
	return e
}

// kubernetesSelector selects pods as NetworkPolicies do. Labels that are not
// part of an identity are among its keys.
func (r *random) kubernetesSelector() object {
	s := object{}
	if r.chance(50) {
		s["matchLabels"] = object{one(r, "app", "tier"): one(r, "a", "b", "c")}
	}
	if r.chance(30) {
		s["matchExpressions"] = r.some(0, 2, func() any { return r.expression(one(r, "app", "tier", "pod-template-hash")) })
	}
	return s
}

func (r *random) namespaceSelector() object {
	s := object{}
	if r.chance(50) {
		s["matchLabels"] = object{one(r, "team", "kubernetes.io/metadata.name"): one(r, "x", "nsy", "red")}
	}
	if r.chance(30) {
		s["matchExpressions"] = list{r.expression("team")}
	}
	return s
}

func (r *random) prefix() string {
	if r.mistake() {
		return one(r, "10.0.0.0/33", "foo", "10.0.0.1")
	}
	return one(r, "10.0.0.0/8", "10.9.0.0/16", "10.9.1.1/32", "0.0.0.0/0", "::/0", "2001:db8::/32", "192.168.0.0/16", "10.9.1.0/24")
}

// except cuts something out of a prefix, if anything fits.
func (r *random) except(prefix string) list {
	if r.mistake() {
		return list{"172.16.0.0/16"}
	}
	switch prefix {
	case "10.0.0.0/8":
		return list{one(r, "10.9.0.0/16", "10.9.1.0/24", "10.9.1.1/32")}
	case "10.9.0.0/16":
		return list{"10.9.1.0/24"}
	case "0.0.0.0/0":
		return list{one(r, "10.0.0.0/8", "10.9.1.1/32")}
	case "::/0":
		return list{"2001:db8::/32"}
	}
	return nil
}

// addresses are a prefix with or without exceptions.
func (r *random) addresses() object {
	p := r.prefix()
	b := object{"cidr": p}
	if except := r.except(p); except != nil && r.chance(40) {
		b["except"] = except
	}
	return b
}
