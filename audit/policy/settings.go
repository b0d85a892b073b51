package policy

import (
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
	filter        *labelFilter
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
		filter:        newLabelFilter(m["labels"]),
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
