package oracle

import (
	"fmt"
	"log/slog"
	"maps"
	"sync"

	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/option"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/api"
)

// ClusterName is the name of the cluster that every engine here belongs to.
const ClusterName = "lab"

// A Setting is a configuration of the agent that changes what policies mean,
// said twice: as the ConfigMap that Segproof reads, and to Cilium's options.
type Setting struct {
	Name      string
	configMap map[string]string
	apply     func(*option.DaemonConfig)

	// AnyCluster is policy-default-local-cluster: false, which the agent hands
	// to its parser rather than keep it among its options.
	AnyCluster bool
	// NodeLabels is enable-node-selector-labels: the identity of a node has them.
	NodeLabels bool
	// SingleStack has the plain world instead of one for each address family.
	SingleStack bool
}

// Settings are all of those that are compared.
func Settings() []Setting {
	all := []Setting{
		{Name: "default"},
		{Name: "always", configMap: map[string]string{"enable-policy": "always"},
			apply: func(*option.DaemonConfig) { policy.SetPolicyEnabled(option.AlwaysEnforce) }},
		{Name: "cidr-nodes", configMap: map[string]string{"policy-cidr-match-mode": "nodes"},
			apply: func(c *option.DaemonConfig) { c.PolicyCIDRMatchMode = []string{"nodes"} }},
		{Name: "cidr-pods", configMap: map[string]string{"policy-cidr-match-mode": "nodes pods"},
			apply: func(c *option.DaemonConfig) { c.PolicyCIDRMatchMode = []string{"nodes", "pods"} }},
		{Name: "ipv4", configMap: map[string]string{"enable-ipv6": "false"}, SingleStack: true,
			apply: func(c *option.DaemonConfig) { c.EnableIPv6 = false }},
		{Name: "any-cluster", configMap: map[string]string{"policy-default-local-cluster": "false"}, AnyCluster: true},
		{Name: "no-localhost", configMap: map[string]string{"allow-localhost": "policy"},
			apply: func(c *option.DaemonConfig) {
				c.UnsafeDaemonConfigOption.AllowLocalhost = option.AllowLocalhostPolicy
			}},
		{Name: "always-default-deny", configMap: map[string]string{"enable-non-default-deny-policies": "false"},
			apply: func(c *option.DaemonConfig) { c.EnableNonDefaultDenyPolicies = false }},
		{Name: "extended-protocols", configMap: map[string]string{"enable-extended-ip-protocols": "true"},
			apply: func(c *option.DaemonConfig) { c.EnableExtendedIPProtocols = true }},
		{Name: "bare",
			configMap: map[string]string{
				"enable-l7-proxy": "false", "enable-icmp-rules": "false", "enable-node-selector-labels": "false",
			},
			apply: func(c *option.DaemonConfig) {
				c.EnableL7Proxy, c.EnableICMPRules, c.EnableNodeSelectorLabels = false, false, false
			}},
	}
	for i := range all {
		all[i].NodeLabels = all[i].configMap["enable-node-selector-labels"] != "false"
	}
	return all
}

// SettingNamed returns the setting of that name.
func SettingNamed(name string) (Setting, error) {
	for _, s := range Settings() {
		if s.Name == name {
			return s, nil
		}
	}
	return Setting{}, fmt.Errorf("there is no setting %q", name)
}

// ConfigMap is the data of kube-system/cilium-config under this setting.
func (s Setting) ConfigMap() map[string]string {
	m := map[string]string{
		"cluster-name": ClusterName, "enable-ipv4": "true", "enable-ipv6": "true",
		"enable-node-selector-labels": "true", "enable-host-firewall": "true",
		"enable-k8s-cluster-network-policy": "true",
	}
	maps.Copy(m, s.configMap)
	return m
}

// configure gives Cilium's process-wide options their value. The first setting
// of a process wins, and every other is refused.
func (s Setting) configure() error {
	once.Do(func() {
		configured = s.Name
		// In Kubernetes "auto" resolves to "always"; the zero value means "never".
		option.Config.UnsafeDaemonConfigOption.AllowLocalhost = option.AllowLocalhostAlways
		option.Config.EnableIPv4, option.Config.EnableIPv6 = true, true
		option.Config.EnableNodeSelectorLabels = true
		option.Config.EnableHostFirewall = true
		option.Config.ClusterName = ClusterName
		policy.SetPolicyEnabled(option.DefaultEnforcement)
		if s.apply != nil {
			s.apply(option.Config)
		}
		api.InitEntities(ClusterName)
		configureErr = labelsfilter.ParseLabelPrefixCfg(slog.New(slog.DiscardHandler), nil, nil, "")
	})
	if configured != s.Name {
		return fmt.Errorf("this process is configured as %q already and can't be %q too", configured, s.Name)
	}
	return configureErr
}

// Cilium's options are process-wide, and so is what is known of them.
var (
	once         sync.Once
	configured   string
	configureErr error
)
