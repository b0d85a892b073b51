package flows

import (
	"strings"
	"testing"
	"time"

	"github.com/cilium/cilium/api/v1/flow"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/segproof/segproof/audit"
)

func TestAVerdictNamesThePoliciesOfItsDirection(t *testing.T) {
	named := &flow.Policy{Name: "allow", Namespace: "shop", Kind: "CiliumNetworkPolicy", Labels: []string{
		"k8s:io.cilium.k8s.policy.derived-from=Other", "k8s:io.cilium.k8s.policy.uid=42",
	}}
	// Before 1.17 the kind is told by a label only.
	older := &flow.Policy{Name: "allow-dns", Namespace: "shop", Labels: []string{
		"k8s:io.cilium.k8s.policy.derived-from=NetworkPolicy",
	}}
	reserved := &flow.Policy{Labels: []string{"reserved:io.cilium.policy.derived-from=allow-any-egress"}}
	f := verdict(flow.Verdict_FORWARDED)
	f.EgressAllowedBy = []*flow.Policy{older, reserved, named, older}
	f.IngressAllowedBy = []*flow.Policy{{Name: "of the other end"}}

	c := only(t, takeAll(t, Options{}, audit.Hints{}, f))
	diff(t, []audit.NamedPolicy{
		{Ref: audit.Ref{Kind: "CiliumNetworkPolicy", Namespace: "shop", Name: "allow"}, UID: "42"},
		{Ref: audit.Ref{Kind: "NetworkPolicy", Namespace: "shop", Name: "allow-dns"}},
	}, c.Policies)
	diff(t, []string{"allow-any-egress"}, c.Allowed)

	f.TrafficDirection, f.Verdict = flow.TrafficDirection_INGRESS, flow.Verdict_DROPPED
	f.IngressAllowedBy, f.IngressDeniedBy = nil, []*flow.Policy{named}
	c = only(t, takeAll(t, Options{}, audit.Hints{}, f))
	if len(c.Policies) != 1 || c.Policies[0].Name != "allow" || c.Allowed != nil {
		t.Errorf("denied by %v, allowed %v", c.Policies, c.Allowed)
	}
}

func TestADropReasonIsHubblesWordOrANumber(t *testing.T) {
	for want, f := range map[string]*flow.Flow{
		"POLICY_DENIED": {DropReasonDesc: flow.DropReason_POLICY_DENIED},
		"POLICY_DENY":   {DropReason: 181}, // of a server that does not describe it
		"250":           {DropReason: 250},
		"":              {},
	} {
		d := verdict(flow.Verdict_DROPPED)
		d.DropReasonDesc, d.DropReason = f.DropReasonDesc, f.DropReason
		if c := only(t, takeAll(t, Options{}, audit.Hints{}, d)); c.Reason != want {
			t.Errorf("got %q, want %q", c.Reason, want)
		}
	}
}

func TestProtocolAndPort(t *testing.T) {
	for _, tc := range []struct {
		l4       *flow.Layer4
		protocol audit.Protocol
		port     uint16
	}{
		{&flow.Layer4{Protocol: &flow.Layer4_UDP{UDP: &flow.UDP{DestinationPort: 53}}}, audit.UDP, 53},
		{&flow.Layer4{Protocol: &flow.Layer4_SCTP{SCTP: &flow.SCTP{DestinationPort: 9}}}, audit.SCTP, 9},
		{&flow.Layer4{Protocol: &flow.Layer4_ICMPv4{ICMPv4: &flow.ICMPv4{Code: 3}}}, audit.ICMPv4, 0},
		{&flow.Layer4{Protocol: &flow.Layer4_ICMPv6{ICMPv6: &flow.ICMPv6{Type: 128}}}, audit.ICMPv6, 128},
		{&flow.Layer4{Protocol: &flow.Layer4_VRRP{VRRP: &flow.VRRP{Type: 1}}}, audit.Other, 0},
		{nil, audit.Other, 0},
	} {
		r := recordOf(t, with(delivery(), func(f *flow.Flow) { f.L4 = tc.l4 }))
		if r.protocol != tc.protocol || r.port != tc.port {
			t.Errorf("%v: got %s %d, want %s %d", tc.l4, r.protocol, r.port, tc.protocol, tc.port)
		}
	}
}

func TestAFlowThatNoHubbleSendsIsRefused(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for want, change := range map[string]func(*flow.Flow){
		"no time in it":                      func(f *flow.Flow) { f.Time = nil },
		"time is out of range: 9999-01-01":   func(f *flow.Flow) { f.Time = timestamppb.New(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)) },
		"port is out of range: 65536":        func(f *flow.Flow) { f.L4.GetTCP().SourcePort = 65536 },
		"source: label of 10000 bytes":       func(f *flow.Flow) { f.Source.Labels = []string{long} },
		"destination: 600 labels, at most":   func(f *flow.Flow) { f.Destination.Labels = make([]string, 600) },
		"destination: pod name of 10000":     func(f *flow.Flow) { f.Destination.PodName = long },
		"source: workload name of 10000":     func(f *flow.Flow) { f.Source.Workloads[0].Name = long },
		"uuid of 10000 bytes":                func(f *flow.Flow) { f.Uuid = long },
		"name of a policy is too long":       func(f *flow.Flow) { f.EgressAllowedBy = []*flow.Policy{{Name: long}} },
		"300 policies named, at most 256":    func(f *flow.Flow) { f.EgressAllowedBy = slicesOf(300) },
		"destination: namespace of 10000 by": func(f *flow.Flow) { f.Destination.Namespace = long },
	} {
		f := verdict(flow.Verdict_FORWARDED)
		change(f)
		in := newRun(Options{}, audit.Hints{}, remember(1))
		if err := in.takeFlow(f, envelope{}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func slicesOf(n int) (out []*flow.Policy) {
	for range n {
		out = append(out, &flow.Policy{Name: "p"})
	}
	return out
}
