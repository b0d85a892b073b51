package rules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/segproof/segproof/audit"
)

// ModeNever finds that Cilium is configured to enforce nothing.
var ModeNever = &audit.Rule{
	ID: "SEG104", Name: "enforce-mode-never", Severity: audit.Critical, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "Cilium is configured not to enforce policies that are declared",
		Why:   "With `enable-policy: never`, or a kind of policy switched off, the agent reads policies and applies none of them. They look the same in kubectl.",
		Fix: "Set `enable-policy: default` (and `enable-k8s-networkpolicy`, `enable-cilium-network-policy`, `enable-cilium-clusterwide-network-policy` to true) in the place named, " +
			"then restart the agents of the nodes concerned: `kubectl -n kube-system rollout restart daemonset/cilium`.",
		Blind: "The configuration is read from the ConfigMap kube-system/cilium-config and from CiliumNodeConfigs; flags of an agent's command line and annotations of nodes are not seen, " +
			"and an agent keeps the configuration with which it started.",
	},
	References: []string{"CIS Kubernetes 5.3.1", "NIST 800-53 CM-6"},
	Check:      modeNever,
}

// A switchedOff is a setting that switches the enforcement of some kinds off.
type switchedOff struct {
	key, value string
	kinds      []string // that it concerns; every kind if none
}

func switches() []switchedOff {
	return []switchedOff{
		{"enable-policy", "never", nil},
		{"enable-k8s-networkpolicy", "false", []string{"NetworkPolicy"}},
		{"enable-cilium-network-policy", "false", []string{"CiliumNetworkPolicy"}},
		{"enable-cilium-clusterwide-network-policy", "false", []string{"CiliumClusterwideNetworkPolicy"}},
	}
}

// A switchedPlace is where enforcement is switched off, and for which nodes.
type switchedPlace struct {
	switchedOff
	place audit.Ref
	nodes []string // none where it holds for all
}

func modeNever(p *audit.Pass) {
	by := map[audit.Ref]*audit.Finding{}
	for _, s := range disabled(p) {
		f := by[s.place]
		if f == nil {
			f = &audit.Finding{Subject: s.place}
			by[s.place] = f
		}
		where := "on every node"
		if len(s.nodes) > 0 {
			where = "on " + some(s.nodes)
		}
		what := fmt.Sprintf("%s: %s", s.key, s.value)
		if f.Message == "" {
			f.Message = fmt.Sprintf("%s says `%s`, so declared policies are not enforced %s", s.place.Name, what, where)
		}
		f.Evidence = append(f.Evidence, audit.Evidence{What: what + ", " + where, Nodes: s.nodes})
	}
	for _, ref := range slices.SortedFunc(maps.Keys(by), audit.Ref.Compare) {
		p.Report(*by[ref])
	}
}

// disabled lists what switches off the enforcement of policies that are
// declared.
func disabled(p *audit.Pass) []switchedPlace {
	var out []switchedPlace
	for _, s := range switches() {
		if slices.ContainsFunc(p.Policies, s.concerns) {
			out = append(out, s.places(p)...)
		}
	}
	return out
}

func (s switchedOff) concerns(o *audit.Object) bool {
	return o.Kind != "CiliumCIDRGroup" && (s.kinds == nil || slices.Contains(s.kinds, o.Kind))
}

// places finds who says so, node by node where nodes are known: the last
// CiliumNodeConfig by name that selects the node and has the key, else the
// ConfigMap (cilium pkg/option/resolver).
func (s switchedOff) places(p *audit.Pass) []switchedPlace {
	base := audit.Ref{Kind: "ConfigMap", Namespace: "kube-system", Name: "cilium-config"}
	if len(p.Inventory.Nodes) == 0 {
		if p.Settings[s.key] == s.value && !slices.ContainsFunc(p.Overrides, s.overrides) {
			return []switchedPlace{{s, base, nil}}
		}
		return nil
	}
	by := map[audit.Ref][]string{}
	for _, n := range p.Inventory.Nodes {
		value, from := p.Settings[s.key], base
		for _, o := range overridesOf(p, n) {
			if v, ok := child(child(o.Raw, "spec"), "defaults")[s.key].(string); ok {
				value, from = v, o.Ref
			}
		}
		if value == s.value {
			by[from] = append(by[from], n.Name)
		}
	}
	var out []switchedPlace
	for _, ref := range slices.SortedFunc(maps.Keys(by), audit.Ref.Compare) {
		nodes := by[ref]
		if len(nodes) == len(p.Inventory.Nodes) {
			nodes = nil
		}
		out = append(out, switchedPlace{s, ref, nodes})
	}
	return out
}

// overrides tells whether a CiliumNodeConfig sets the key for some nodes.
func (s switchedOff) overrides(o *audit.Object) bool {
	_, ok := child(child(o.Raw, "spec"), "defaults")[s.key]
	return ok
}

// overridesOf lists the CiliumNodeConfigs that are for a node, by name. One
// without a selector is for none.
func overridesOf(p *audit.Pass, n audit.Node) []*audit.Object {
	var out []*audit.Object
	for _, o := range p.Overrides {
		sel, ok := child(o.Raw, "spec")["nodeSelector"].(map[string]any)
		if ok && o.Namespace == "kube-system" && labelsMatch(sel, n.Labels) == yes {
			out = append(out, o)
		}
	}
	slices.SortStableFunc(out, func(a, b *audit.Object) int { return a.Ref.Compare(b.Ref) })
	return out
}
