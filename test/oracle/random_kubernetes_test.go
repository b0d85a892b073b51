package oracle

import "slices"

// faultless lets nothing be a mistake until it is undone: of the kinds of
// Kubernetes itself, an API server would not store it.
func (r *random) faultless() (undo func()) {
	broken := r.broken
	r.broken = false
	return func() { r.broken = broken }
}

func (r *random) networkPolicy(name string) object {
	defer r.faultless()()
	spec := object{"podSelector": object{}}
	if r.chance(40) {
		spec["podSelector"] = r.kubernetesSelector()
	}
	if r.chance(70) {
		spec["ingress"] = r.some(0, 2, func() any { return r.networkPolicyRule("from") })
	}
	if r.chance(70) {
		spec["egress"] = r.some(0, 2, func() any { return r.networkPolicyRule("to") })
	}
	if r.chance(70) {
		spec["policyTypes"] = one(r, list{"Ingress"}, list{"Egress"}, list{"Ingress", "Egress"})
	}
	return object{
		"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
		"metadata": object{"name": name, "namespace": one(r, "x", "x", "nsy")}, "spec": spec,
	}
}

func (r *random) networkPolicyRule(peers string) any {
	rule := object{}
	if r.chance(80) {
		rule[peers] = r.some(0, 2, r.networkPolicyPeer)
	}
	if r.chance(60) {
		rule["ports"] = r.some(0, 2, r.networkPolicyPort)
	}
	return rule
}

func (r *random) networkPolicyPeer() any {
	switch r.IntN(5) {
	case 0:
		return object{"ipBlock": r.addresses()}
	case 1:
		return object{"podSelector": r.kubernetesSelector()}
	case 2:
		return object{"namespaceSelector": r.namespaceSelector()}
	}
	return object{"namespaceSelector": r.namespaceSelector(), "podSelector": r.kubernetesSelector()}
}

func (r *random) networkPolicyPort() any {
	port := object{}
	if r.chance(50) {
		port["protocol"] = one(r, "TCP", "UDP", "SCTP")
	}
	switch r.IntN(4) {
	case 0:
		if r.ports {
			port["port"] = one(r, PortNames()...)
		}
	case 1, 2:
		first := one(r, 80, 443, 53, 8080)
		port["port"] = first
		if r.chance(30) {
			port["endPort"] = first + one(r, 0, 10, 400)
		}
	}
	return port
}

// clusterNetworkPolicy stands above or below all other policies. Priorities
// are few, so that some of them are equal.
func (r *random) clusterNetworkPolicy(name string) object {
	defer r.faultless()()
	spec := object{"tier": one(r, "Admin", "Baseline"), "priority": r.IntN(3)}
	if r.chance(50) {
		spec["subject"] = object{"namespaces": r.namespaceSelector()}
	} else {
		spec["subject"] = object{"pods": r.namespacedPods()}
	}
	if r.chance(80) {
		spec["ingress"] = r.some(0, 3, func() any { return r.tierRule("from") })
	}
	if r.chance(80) {
		spec["egress"] = r.some(0, 3, func() any { return r.tierRule("to") })
	}
	return object{
		"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy",
		"metadata": object{"name": name}, "spec": spec,
	}
}

func (r *random) namespacedPods() object {
	return object{"namespaceSelector": r.namespaceSelector(), "podSelector": r.kubernetesSelector()}
}

func (r *random) tierRule(peers string) any {
	rule := object{"action": one(r, "Accept", "Deny", "Pass")}
	if r.chance(20) {
		rule["name"] = "a rule"
	}
	named := r.ports
	rule[peers] = r.some(1, 2, func() any {
		peer := r.tierPeer(peers == "to", rule["action"] == "Accept")
		named = named && (peer["pods"] != nil || peer["namespaces"] != nil)
		return peer
	})
	if r.chance(50) {
		rule["protocols"] = r.some(1, 2, func() any { return r.tierProtocol(named) })
	}
	return rule
}

func (r *random) tierPeer(egress, accept bool) object {
	n := 2
	if egress {
		n = 5
	}
	switch r.IntN(n) {
	case 0:
		return object{"namespaces": r.namespaceSelector()}
	case 1:
		return object{"pods": r.namespacedPods()}
	case 2:
		return object{"networks": r.some(1, 2, func() any { return r.prefix() })}
	case 3:
		if r.chance(70) { // mostly undetermined: labels of nodes are not known
			return object{"namespaces": r.namespaceSelector()}
		}
		return object{"nodes": object{"matchLabels": object{"kubernetes.io/os": one(r, "linux", "windows")}}}
	}
	if !accept && !r.chance(2) { // only Accept may have names; Cilium checks that itself
		return object{"pods": r.namespacedPods()}
	}
	return object{"domainNames": r.some(1, 2, func() any { return one(r, "foo.com", "*.foo.com", "bar.com") })}
}

func (r *random) tierProtocol(named bool) any {
	if named && r.chance(30) {
		return object{"destinationNamedPort": one(r, PortNames()...)}
	}
	first := one(r, 80, 443, 53, 8080)
	port := object{"number": first}
	if r.chance(30) {
		port = object{"range": object{"start": first, "end": first + one(r, 1, 10, 400)}}
	}
	return object{one(r, "tcp", "tcp", "udp", "sctp"): object{"destinationPort": port}}
}

// storable tells whether an API server would store a policy that was made
// smaller. It is asked about what decides most in a ClusterNetworkPolicy.
func storable(raw object) bool {
	spec, _ := raw["spec"].(object)
	if raw["kind"] != "ClusterNetworkPolicy" {
		return true
	}
	subject, _ := spec["subject"].(object)
	if spec["tier"] == nil || spec["priority"] == nil || len(subject) != 1 {
		return false
	}
	for direction, peers := range map[string]string{"ingress": "from", "egress": "to"} {
		rules, _ := spec[direction].(list)
		for _, rule := range rules {
			rule := rule.(object)
			if !storableRule(rule, peers) {
				return false
			}
		}
	}
	return true
}

func storableRule(rule object, peers string) bool {
	to, _ := rule[peers].(list)
	protocols, limited := rule["protocols"].(list)
	whole := func(v any) bool { return len(v.(object)) == 1 }
	return rule["action"] != nil && len(to) > 0 && limited == (len(protocols) > 0) &&
		!slices.ContainsFunc(slices.Concat(to, protocols), func(v any) bool { return !whole(v) })
}
