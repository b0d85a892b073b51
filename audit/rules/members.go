package rules

import (
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// A member is one kind of pod that policies may be about: pods of one workload
// with the same labels, or the pods that a workload without any would have.
type member struct {
	owner audit.Ref
	peer  audit.Peer
}

// members are all kinds of pods of the cluster, by namespace, in a fixed order.
// Pods on the node's network and pods that are done are none.
type members struct {
	in         map[string][]*member
	namespaces []string // in order
}

// Keys of what rules share.
type (
	sharedSpecs   struct{}
	sharedMembers struct{}
	sharedTrials  struct{}
	sharedUsages  struct{}
	sharedDNS     struct{}
)

// specs are the compiled policies; none if another engine decides.
func specs(p *audit.Pass) []policy.Spec {
	return audit.Shared(p, sharedSpecs{}, func(p *audit.Pass) []policy.Spec {
		if e, ok := p.Engine.(*policy.Engine); ok {
			return e.Specs()
		}
		return nil
	})
}

// membersOf gathers the pods that run, and of workloads that have none the pods
// of their template: those scaled to nothing, and Jobs that are not due.
func membersOf(p *audit.Pass) members { return audit.Shared(p, sharedMembers{}, gatherMembers) }

func gatherMembers(p *audit.Pass) members {
	e, ok := p.Engine.(*policy.Engine)
	if !ok {
		return members{}
	}
	out, seen, has := members{in: map[string][]*member{}}, map[kin]bool{}, map[audit.Ref]bool{}
	seed := maphash.MakeSeed()
	add := func(pod *audit.Pod) {
		has[pod.Owner] = true
		k := kinOf(pod, seed)
		if pod.HostNetwork || pod.Done || seen[k] {
			return
		}
		seen[k] = true
		out.in[pod.Namespace] = append(out.in[pod.Namespace], &member{pod.Owner, e.PodPeer(pod)})
	}
	for i := range p.Pods {
		add(&p.Pods[i])
	}
	for i := range p.Workloads {
		w := &p.Workloads[i]
		if !has[w.Ref] {
			add(&audit.Pod{
				Namespace: w.Namespace, Name: w.Name, Labels: w.PodLabels, Owner: w.Ref,
				HostNetwork: w.HostNetwork, ServiceAccount: w.ServiceAccount, Ports: w.Ports,
			})
		}
	}
	out.namespaces = slices.Sorted(maps.Keys(out.in))
	return out
}

// A kin tells kinds of pods apart without a text being built for each pod.
type kin struct {
	owner   audit.Ref
	account string
	labels  uint64 // of a set, so that its order does not matter
	ports   int
}

func kinOf(pod *audit.Pod, seed maphash.Seed) kin {
	var sum uint64
	for k, v := range pod.Labels {
		var h maphash.Hash
		h.SetSeed(seed)
		_, _ = h.WriteString(k)
		_ = h.WriteByte(0)
		_, _ = h.WriteString(v)
		sum += h.Sum64()
	}
	return kin{pod.Owner, pod.ServiceAccount, sum, len(pod.Ports)}
}

// of lists the members that a spec is about. Sure is false if that can't be
// told of some.
func (m members) of(s policy.Spec) (out []*member, sure bool) {
	sure = true
	for _, list := range m.within(s.Policy().Namespace) {
		for _, x := range list {
			is, certain := s.Selects(&x.peer)
			sure = sure && certain
			if is {
				out = append(out, x)
			}
		}
	}
	return out, sure
}

// has tells whether a selector selects any member, or may.
func (m members) has(s policy.Selector) bool {
	for _, list := range m.within(s.In()) {
		if selectsAny(list, s) {
			return true
		}
	}
	return false
}

// selectsAny tells whether a selector selects any of these, or may.
func selectsAny(ms []*member, s policy.Selector) bool {
	return slices.ContainsFunc(ms, func(m *member) bool {
		is, sure := s.Selects(&m.peer)
		return is || !sure
	})
}

// within are the members of one namespace, or of all in order of name.
func (m members) within(namespace string) [][]*member {
	if namespace != "" {
		return [][]*member{m.in[namespace]}
	}
	var out [][]*member
	for _, ns := range m.namespaces {
		out = append(out, m.in[ns])
	}
	return out
}

// always tells whether the agent isolates every pod, with or without a policy.
func always(p *audit.Pass) bool { return strings.EqualFold(p.Settings["enable-policy"], "always") }

// whole tells whether the inventory is that of a whole cluster, so that what is
// not in it does not exist: it has nodes, pods and namespaces, and none of them
// was refused. A repository of manifests hardly ever is.
func whole(p *audit.Pass) bool {
	return len(p.Inventory.Nodes) > 0 && len(p.Pods) > 0 && len(p.Namespaces) > 0 && !unreadable(p, "pods", "namespaces", "nodes")
}

// unreadable tells whether one of these kinds is served and could not be read.
func unreadable(p *audit.Pass, kinds ...string) bool {
	return slices.ContainsFunc(p.Unreadable, func(u audit.Unreadable) bool { return !u.Absent && slices.Contains(kinds, u.Kind) })
}
