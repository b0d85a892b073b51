package suggest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// An allowance is one rule in the making: whom and which ports.
type allowance struct {
	direction audit.Direction
	ports     []port
	pods      map[string]string // labels of the peer
	namespace string            // of the peer
	addresses []netip.Addr      // outside the cluster
	world     bool              // all of it
	entity    string
	note      string
}

// Kinds of policy that are made.
const (
	kubernetes = "NetworkPolicy"
	cilium     = "CiliumNetworkPolicy"
)

// mostAddresses is how many addresses outside a rule may name.
const mostAddresses = 16

var errNoLabels = errors.New("no labels tell the pods of the other end from others")

// allowance is the rule that closes a gap.
func (w *work) allowance(g *gap) (*allowance, error) {
	r := &allowance{direction: g.direction, ports: g.ports}
	o := g.denied[0].Peer
	switch {
	case o.IsPod():
		r.namespace, r.pods = o.Namespace, w.selects(o.Namespace, g.peer)
		if r.pods == nil {
			return nil, errNoLabels
		}
	case o.IsWorld():
		for _, q := range g.denied {
			r.addresses = append(r.addresses, q.Peer.IP)
		}
		slices.SortFunc(r.addresses, netip.Addr.Compare)
		r.addresses = slices.Compact(r.addresses)
		if len(r.addresses) > mostAddresses || !r.addresses[0].IsValid() {
			return nil, errors.New("too many addresses outside the cluster for a rule by address; decide by name (toFQDNs) or range")
		}
		r.note = "the rule is by address: if the addresses of that service change, it must too"
	default:
		r.entity = o.Ref().Name
		if r.entity == "unknown" {
			return nil, errors.New("who the other end is, is not known")
		}
	}
	return r, nil
}

// kind is that of a new policy: a NetworkPolicy unless only Cilium's has the words.
func (r *allowance) kind() string {
	if r.entity != "" || slices.ContainsFunc(r.ports, func(p port) bool { return isICMP(p.proto) }) {
		return cilium
	}
	return kubernetes
}

// fits tells whether a policy of a kind can hold the rule.
func (r *allowance) fits(kind string) bool { return ciliums(kind) || kind == r.kind() }

// ciliums tells whether a kind of policy is written as Cilium writes them.
func ciliums(kind string) bool { return strings.HasPrefix(kind, "Cilium") }

func isICMP(p audit.Protocol) bool { return p == audit.ICMPv4 || p == audit.ICMPv6 }

// rule is the rule as a policy of a kind and namespace writes it.
func (r *allowance) rule(kind, namespace string) map[string]any {
	if ciliums(kind) {
		return r.ciliumRule(namespace)
	}
	return map[string]any{r.way(): r.peers(namespace), "ports": r.kubernetesPorts()}
}

func (r *allowance) way() string {
	if r.direction == audit.Egress {
		return "to"
	}
	return "from"
}

// labelNamespaceName is what Kubernetes labels every namespace with.
const labelNamespaceName = "kubernetes.io/metadata.name"

func (r *allowance) peers(namespace string) []any {
	if r.world {
		return []any{map[string]any{"ipBlock": map[string]any{"cidr": "0.0.0.0/0"}}, map[string]any{"ipBlock": map[string]any{"cidr": "::/0"}}}
	}
	var out []any
	for _, ip := range r.addresses {
		out = append(out, map[string]any{"ipBlock": map[string]any{"cidr": host(ip)}})
	}
	if r.pods == nil {
		return out
	}
	peer := map[string]any{"podSelector": matchLabels(r.pods)}
	if r.namespace != namespace {
		peer["namespaceSelector"] = matchLabels(map[string]string{labelNamespaceName: r.namespace})
	}
	return append(out, peer)
}

func host(ip netip.Addr) string { return netip.PrefixFrom(ip, ip.BitLen()).String() }

func matchLabels(ls map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range ls {
		out[k] = v
	}
	return map[string]any{"matchLabels": out}
}

func (r *allowance) kubernetesPorts() []any {
	var out []any
	for _, p := range r.ports {
		out = append(out, map[string]any{"port": int64(p.number), "protocol": string(p.proto)})
	}
	return out
}

func (r *allowance) ciliumRule(namespace string) map[string]any {
	way := r.way()
	out := map[string]any{}
	switch {
	case r.world:
		out[way+"Entities"] = []any{"world"}
	case r.entity != "":
		out[way+"Entities"] = []any{r.entity}
	case r.pods != nil:
		ls := maps.Clone(r.pods)
		if r.namespace != namespace {
			ls["k8s:"+audit.LabelNamespace] = r.namespace
		}
		out[way+"Endpoints"] = []any{matchLabels(ls)}
	default:
		var to []any
		for _, ip := range r.addresses {
			to = append(to, host(ip))
		}
		out[way+"CIDR"] = to
	}
	var ports, icmps []any
	for _, p := range r.ports {
		if isICMP(p.proto) {
			family := map[audit.Protocol]string{audit.ICMPv4: "IPv4", audit.ICMPv6: "IPv6"}[p.proto]
			icmps = append(icmps, map[string]any{"family": family, "type": int64(p.number)})
		} else {
			ports = append(ports, map[string]any{"port": fmt.Sprint(p.number), "protocol": string(p.proto)})
		}
	}
	if ports != nil {
		out["toPorts"] = []any{map[string]any{"ports": ports}}
	}
	if icmps != nil {
		out["icmps"] = []any{map[string]any{"fields": icmps}}
	}
	return out
}

// policy is the spec of a policy of its own.
func (r *allowance) policy(kind string, selector map[string]string, namespace string) map[string]any {
	return policySpec(kind, r.direction, matchLabels(selector), []any{r.rule(kind, namespace)})
}

// policySpec is the spec of a policy about one direction.
func policySpec(kind string, d audit.Direction, selector map[string]any, rules []any) map[string]any {
	if kind == cilium {
		return map[string]any{"endpointSelector": selector, string(d): rules}
	}
	spec := map[string]any{"podSelector": selector, "policyTypes": []any{strings.ToUpper(string(d[:1])) + string(d[1:])}}
	if len(rules) > 0 {
		spec[string(d)] = rules
	}
	return spec
}

func comparePorts(a, b port) int {
	return cmp.Or(cmp.Compare(a.proto, b.proto), cmp.Compare(a.number, b.number))
}
