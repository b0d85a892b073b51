package policy

import (
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// settings are those of Cilium's that change what a policy means, with the
// defaults of Cilium 1.20.
type settings struct {
	seen          bool // the agent's configuration is known
	semantics     Semantics
	cluster       string // name that pods of this cluster carry; "" if it is not known
	localOnly     bool   // peers are those of this cluster unless a policy says otherwise
	always        bool   // every pod is isolated, with or without a policy
	localHost     bool   // a node may reach its own pods
	cidrNodes     bool   // address ranges select nodes too
	cidrPods      bool   // and pods
	family        int    // 4 or 6 in a single-stack cluster, else 0
	mayNotIsolate bool   // enableDefaultDeny is honoured
	l7            bool
	icmp          bool
	nodeSelectors bool
	hostFirewall  bool
	extended      bool // protocols without ports may be named without one
	normalize     bool // the proxy normalises paths before it compares them

	headless        bool   // headless Services are looked at
	serviceProxy    string // Services are those that name this proxy
	clusterPolicies bool   // ClusterNetworkPolicy is in force
	adminPolicies   bool   // its predecessors are
	requires        truth  // fromRequires and toRequires have a meaning
	filter          *labelFilter
}

func readSettings(m map[string]string, sem Semantics) *settings {
	s := &settings{
		seen:          m != nil,
		semantics:     sem,
		cluster:       m["cluster-name"],
		localOnly:     on(m, "policy-default-local-cluster", true),
		always:        strings.EqualFold(m["enable-policy"], "always"),
		localHost:     !strings.EqualFold(m["allow-localhost"], "policy"),
		mayNotIsolate: on(m, "enable-non-default-deny-policies", true),
		l7:            on(m, "enable-l7-proxy", true),
		icmp:          on(m, "enable-icmp-rules", true),
		nodeSelectors: on(m, "enable-node-selector-labels", false),
		hostFirewall:  on(m, "enable-host-firewall", false),
		extended:      on(m, "enable-extended-ip-protocols", false),
		normalize:     on(m, "http-normalize-path", true),
		filter:        newLabelFilter(m["labels"]),

		headless:        on(m, "enable-gateway-api", false) || on(m, "enable-ingress-controller", false),
		serviceProxy:    m["k8s-service-proxy-name"],
		clusterPolicies: sem == Kubernetes || m == nil || on(m, "enable-k8s-cluster-network-policy", false),
		adminPolicies:   sem == Kubernetes || m == nil,
	}
	for _, mode := range words(m["policy-cidr-match-mode"]) {
		s.cidrNodes = s.cidrNodes || mode == "nodes"
		s.cidrPods = s.cidrPods || mode == "pods"
	}
	switch v4, v6 := on(m, "enable-ipv4", true), on(m, "enable-ipv6", true); {
	case v4 && !v6:
		s.family = 4
	case v6 && !v4:
		s.family = 6
	}
	return s
}

// ignores says why policies of a kind do nothing in this cluster.
func (s *settings) ignores(kind string) string {
	switch {
	case kind == "ClusterNetworkPolicy" && !s.clusterPolicies:
		return "Cilium enforces this kind only if enable-k8s-cluster-network-policy is set"
	case (kind == "AdminNetworkPolicy" || kind == "BaselineAdminNetworkPolicy") && !s.adminPolicies:
		return "no version of Cilium enforces this kind"
	}
	return ""
}

// asksAddresses tells whether some policy is about the addresses of pods.
func (s *settings) asksAddresses(inv *audit.Inventory) bool {
	return s.cidrPods || slices.ContainsFunc(inv.Policies, func(o *audit.Object) bool {
		return o != nil && s.ignores(o.Kind) == "" &&
			(o.Kind == "ClusterNetworkPolicy" && s.semantics == Kubernetes || o.Kind == "AdminNetworkPolicy" || o.Kind == "BaselineAdminNetworkPolicy")
	})
}

// on reads a switch as Cilium does; a value that it would not read is the default.
func on(m map[string]string, key string, def bool) bool {
	switch strings.ToLower(strings.TrimSpace(m[key])) {
	case "true", "1", "t":
		return true
	case "false", "0", "f":
		return false
	}
	return def
}

// words splits a list as it stands in the ConfigMap.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' })
}

// alwaysOn names the place that isolates every pod if enable-policy is always.
func alwaysOn() []audit.PolicyRef {
	return []audit.PolicyRef{{Ref: audit.Ref{Kind: "ConfigMap", Namespace: "kube-system", Name: "cilium-config"}}}
}
