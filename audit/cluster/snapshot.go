package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// A part of an inventory is built from some kinds, and anew only if an object of
// one of them changed.
type part uint8

const (
	partNamespaces part = iota
	partPods            // and what owns them
	partServices
	partNodes
	partPolicies
	partKyverno
	partReports
	partWebhooks
	partOverrides
	partEndpoints
	partGone
)

var parts = map[role]part{
	asPolicy: partPolicies, asKyverno: partKyverno, asReport: partReports, asOverride: partOverrides, asWebhook: partWebhooks,
	asIdentity: partEndpoints, asManaged: partEndpoints, asNamespace: partNamespaces, asPod: partPods, asWorkload: partPods,
	asService: partServices, asSlice: partServices, asNode: partNodes,
}

func (s *stream) part() part { return parts[s.kind.role] }

// build returns a part, of what its kinds hold now.
func (f *Follower) build(p part) *audit.Inventory {
	if i := f.built[p]; i != nil {
		return i
	}
	c := newCollector()
	for _, s := range f.ordered() {
		if s.part() == p && s.read() {
			s.collect(c)
		}
	}
	if p == partKyverno {
		for _, ref := range Named() {
			if n := f.named[ref]; n != nil && n.object != nil {
				c.inv.Kyverno = append(c.inv.Kyverno, n.object)
			}
		}
	}
	i := c.finish(time.Time{})
	f.built[p] = i
	return i
}

// snapshot puts the parts together.
func (f *Follower) snapshot(now time.Time) *audit.Inventory {
	unreadable := f.unreadable(now)
	f.mu.Lock()
	defer f.mu.Unlock()
	i := &audit.Inventory{Cluster: f.Name, At: sane(now), Ignored: map[string]int{}, Unreadable: unreadable}
	i.Namespaces = f.build(partNamespaces).Namespaces
	i.Pods, i.Workloads = f.build(partPods).Pods, f.build(partPods).Workloads
	i.Services = f.build(partServices).Services
	i.Nodes = f.build(partNodes).Nodes
	i.Kyverno = f.build(partKyverno).Kyverno
	i.Results, i.Passes = f.build(partReports).Results, f.build(partReports).Passes
	i.Webhooks = f.build(partWebhooks).Webhooks
	i.Overrides = f.build(partOverrides).Overrides
	i.Endpoints = f.build(partEndpoints).Endpoints
	f.build(partPolicies) // for its problems; the objects are those of the history
	a := f.history.annals(now)
	i.Past, i.InForce, i.Policies = slices.Clone(a.past), a.inForce, a.policies
	for _, p := range f.built {
		i.Problems = append(i.Problems, p.Problems...)
		for kind, n := range p.Ignored {
			i.Ignored[kind] += n
		}
	}
	if n := f.named[ciliumConfig]; n != nil && n.settings != nil {
		i.Settings = maps.Clone(n.settings)
		if n.cluster != "" {
			i.Cluster = n.cluster
		}
	}
	f.memory.tell(i, now)
	f.tell(i)
	bound(i)
	return i
}

// tell adds what is wrong with the following itself.
func (f *Follower) tell(i *audit.Inventory) {
	if !f.away.IsZero() {
		err := f.unreachable(context.Background(), f.awayErr)
		i.Problems = append(i.Problems, audit.Problem{Err: fmt.Sprintf("away since %s: %s", clock(f.away), oneLine(err))})
	}
	if f.history.bounded {
		i.Problems = append(i.Problems, audit.Problem{Err: fmt.Sprintf(
			"policies changed so often that what was declared before %s is forgotten", clock(f.history.oldest))})
	}
}
