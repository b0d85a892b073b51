package oracle

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A planted disagreement stands for a real one: whatever has a rule for port
// 443 from the entity world. Nothing else must be left of the policies.
func TestShrinkingLeavesNothingButWhatDisagrees(t *testing.T) {
	policies := parsed(t, []string{
		networkPolicyText("podSelector: {}, policyTypes: [Ingress]"),
		`
kind: CiliumNetworkPolicy
metadata: {name: p, namespace: x}
spec:
  endpointSelector: {matchLabels: {app: a}}
  egress: [{}]
  ingress:
  - fromEndpoints: [{}]
  - fromEntities: [host, world]
    toPorts: [{ports: [{port: "80"}, {port: "443", protocol: TCP}]}]`,
	})
	got := shrink(policies, func(policies []object) bool { return slices.ContainsFunc(policies, planted) })
	want := parsed(t, []string{`
kind: CiliumNetworkPolicy
metadata: {name: p, namespace: x}
spec:
  ingress: [{fromEntities: [world], toPorts: [{ports: [{port: "443"}]}]}]`})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
}

// planted looks for a rule with the entity world and the port 443.
func planted(raw object) bool {
	spec, _ := raw["spec"].(object)
	rules, _ := spec["ingress"].(list)
	for _, rule := range rules {
		rule := rule.(object)
		if has(rule["fromEntities"], "world") && has(rule["toPorts"], "443") {
			return true
		}
	}
	return false
}

// has looks for a text anywhere in a piece of a document.
func has(v any, text string) bool {
	switch v := v.(type) {
	case string:
		return v == text
	case list:
		for _, item := range v {
			if has(item, text) {
				return true
			}
		}
	case object:
		for _, item := range v {
			if has(item, text) {
				return true
			}
		}
	}
	return false
}
