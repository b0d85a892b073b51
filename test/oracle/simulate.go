package oracle

import (
	"fmt"
	"slices"

	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/option"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/testutils"
	"github.com/cilium/cilium/pkg/policy/types"
	"github.com/cilium/cilium/pkg/u8proto"

	"github.com/segproof/segproof/audit"
)

// unasked is a port that no question is about. It stands for a port name that
// an end does not have, which the simulator can't express.
const unasked = 9

// Simulate walks the rules one by one, as Cilium's own fuzz tests do. It says
// why not where the simulator leaves out something that Cilium does: ICMP, what
// is allowed or denied without a rule, and port names of no single protocol.
func (c *Cilium) Simulate(q Question) (allowed bool, whyNot string) {
	switch {
	case q.Protocol != u8proto.TCP && q.Protocol != u8proto.UDP && q.Protocol != u8proto.SCTP:
		return false, "a protocol without ports"
	case policy.GetPolicyEnabled() != option.DefaultEnforcement:
		return false, "isolated without a policy"
	case q.Subject.ID == identity.ReservedIdentityInit:
		return false, "isolated without a policy"
	case q.Peer.ID == identity.ReservedIdentityHost && q.Direction == audit.Ingress:
		return false, "the local host"
	}
	defer func() {
		// It panics on a port name of a protocol that it was not given names for.
		if p := recover(); p != nil {
			allowed, whyNot = false, fmt.Sprint(p)
		}
	}()
	entries := c.about(q.Subject)
	if slices.ContainsFunc(entries, hasOddPort) {
		return false, "ports that it reads in its own way"
	}
	flow := types.Flow{From: q.Subject.Identity, To: q.Peer.Identity, Proto: q.Protocol, Dport: q.Port}
	listener := q.Peer
	if q.Direction == audit.Ingress {
		flow.From, flow.To, listener = flow.To, flow.From, q.Subject
	}
	flow.NamedPortsTCP, flow.NamedPortsUDP = listener.named(u8proto.TCP), listener.named(u8proto.UDP)
	result, egressBy, ingressBy := testutils.IteratePolicy(entries, flow)
	decision, by := result.Egress, egressBy
	if q.Direction == audit.Ingress {
		decision, by = result.Ingress, ingressBy
	}
	if decision == types.DecisionDenied && slices.Equal(by.GetModel(), []string{"reserved:default-deny"}) && !isolated(entries, q) {
		return false, "what every rule passes on, which it denies although nothing isolates"
	}
	return decision == types.DecisionAllowed, ""
}

// isolated tells whether a rule turns the default of the subject into a denial.
func isolated(entries types.PolicyEntries, q Question) bool {
	return slices.ContainsFunc(entries, func(e *types.PolicyEntry) bool {
		return e.DefaultDeny && e.Ingress == (q.Direction == audit.Ingress) && e.Subject.Matches(q.Subject.LabelArray)
	})
}

// about is what the simulator is given. It does not tell policies for nodes
// from those for pods, and takes a rule that names nothing for one about
// everybody, where the engine takes it for one about nobody.
func (c *Cilium) about(subject *Identity) types.PolicyEntries {
	host := subject.ID == identity.ReservedIdentityHost
	var out types.PolicyEntries
	for _, e := range c.entries {
		if e.Node != host {
			continue
		}
		if len(e.L3) == 0 && len(e.L4) == 0 {
			nobody := *e
			nobody.L3 = nil
			e = &nobody
		}
		out = append(out, e)
	}
	return out
}

// hasOddPort tells whether a rule has a port range that begins with a name or
// with zero, which to the engine is every port, or a port without a protocol,
// which to the engine is one of any.
func hasOddPort(e *types.PolicyEntry) bool {
	for _, rule := range e.L4 {
		for _, p := range rule.Ports {
			named := slices.Contains(PortNames(), p.Port)
			if p.Protocol == "" || p.EndPort != 0 && (p.Port == "0" || named) {
				return true
			}
		}
	}
	return false
}

// PortNames are the names that policies of the tests may use for ports.
func PortNames() []string { return []string{"dns", "dns-tcp", "http", "metrics", "none"} }

// named gives each port name its number on this end.
func (i *Identity) named(p u8proto.U8proto) map[string]uint16 {
	out := map[string]uint16{}
	for _, name := range PortNames() {
		out[name] = unasked
		if port, err := i.ports.GetNamedPort(name, p); err == nil && port != 0 {
			out[name] = port
		}
	}
	return out
}
