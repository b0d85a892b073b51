package oracle

import (
	"encoding/json"
	"fmt"
	"slices"

	ipcachetypes "github.com/cilium/cilium/pkg/ipcache/types"
	"github.com/cilium/cilium/pkg/k8s"
	ciliumio "github.com/cilium/cilium/pkg/k8s/apis/cilium.io"
	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	slim_networkingv1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/networking/v1"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/cilium/cilium/pkg/policy/types"
	policyutils "github.com/cilium/cilium/pkg/policy/utils"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
	"sigs.k8s.io/yaml"

	"github.com/segproof/segproof/audit"
)

// Declare adds a policy. It fails if Cilium would reject it, and then the
// policy has no effect.
func (c *Cilium) Declare(o *audit.Object) error {
	text, err := json.Marshal(o.Raw)
	if err != nil {
		return fmt.Errorf("declare %s: %w", o.Ref, err)
	}
	entries, kind, err := c.parse(o.Kind, text)
	if err != nil {
		return fmt.Errorf("declare %s: %w", o.Ref, err)
	}
	c.repo.ReplaceByResource(entries, ipcachetypes.NewResourceID(kind, o.Namespace, o.Name))
	c.entries = append(c.entries, entries...)
	clear(c.compiled)
	return nil
}

// parse reads a policy as the agent's watchers do.
func (c *Cilium) parse(kind string, text []byte) (types.PolicyEntries, ipcachetypes.ResourceKind, error) {
	cluster := ClusterName
	if c.setting.AnyCluster {
		cluster = ""
	}
	switch kind {
	case "NetworkPolicy":
		var p slim_networkingv1.NetworkPolicy // not strict: it has not all fields of metadata
		if err := yaml.Unmarshal(text, &p); err != nil {
			return nil, "", err
		}
		entries, err := k8s.ParseNetworkPolicy(c.log, cluster, &p)
		return entries, ipcachetypes.ResourceKindNetpol, err
	case "CiliumNetworkPolicy":
		var p ciliumv2.CiliumNetworkPolicy
		if err := yaml.UnmarshalStrict(text, &p); err != nil {
			return nil, "", err
		}
		rules, err := p.Parse(c.log, cluster)
		return entriesOf(rules, err), ipcachetypes.ResourceKindCNP, err
	case "CiliumClusterwideNetworkPolicy":
		var p ciliumv2.CiliumClusterwideNetworkPolicy
		if err := yaml.UnmarshalStrict(text, &p); err != nil {
			return nil, "", err
		}
		rules, err := p.Parse(c.log, cluster)
		return entriesOf(rules, err), ipcachetypes.ResourceKindCCNP, err
	case "ClusterNetworkPolicy":
		var p v1alpha2.ClusterNetworkPolicy
		if err := yaml.UnmarshalStrict(text, &p); err != nil {
			return nil, "", err
		}
		entries, err := k8s.ParseClusterNetworkPolicy(c.log, cluster, &p)
		return entries, ipcachetypes.ResourceKindKCNP, err
	}
	return nil, "", fmt.Errorf("cilium has no policies of kind %q", kind)
}

func entriesOf(rules api.Rules, err error) types.PolicyEntries {
	if err != nil {
		return nil
	}
	return policyutils.RulesToPolicyEntries(rules)
}

// policyNames are the names that rule labels carry. Rules that Cilium adds
// itself, such as the one for the local host, have none.
func policyNames(lists labels.LabelArrayList) []string {
	var out []string
	for _, ls := range lists {
		for _, l := range ls {
			if l.Key == ciliumio.PolicyLabelName {
				out = append(out, l.Value)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
