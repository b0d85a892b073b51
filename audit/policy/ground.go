package policy

import (
	"fmt"
	"hash/maphash"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"weak"

	"github.com/segproof/segproof/audit"
)

// A ground is all besides the policies themselves that answers rest on: how the
// cluster is set, and what policies refer to. Engines on the same ground share
// what they know of identities and selectors.
type ground struct {
	settings        *settings
	ports           *declaredPorts
	groups          []group
	unreadable      string // policies that could not be read
	unreadableAbove string // those among them that stand above all others
	addresses       bool   // the addresses of pods matter
	selectors       selectors

	of struct { // the inventory that it was read from
		settings   map[string]string
		groups     []*audit.Object
		services   []audit.Service
		unreadable []audit.Unreadable
		pods       stretch[audit.Pod]
		workloads  stretch[audit.Workload]
	}

	known   identities
	places  atomic.Pointer[places]
	engines atomic.Uint64 // how many there were
	answers atomic.Int64  // how many are kept
	nobody  *identity     // an end of which nothing is known
	bare    *identity     // an end of which only the address is known
}

func newGround(inv *audit.Inventory, o Options) *ground {
	g := &ground{settings: readSettings(inv.Settings, o.Semantics)}
	g.settings.requires = requiresIn(inv)
	g.ports = newDeclaredPorts(inv, g.settings.filter)
	g.of.settings, g.of.services, g.of.unreadable = inv.Settings, inv.Services, inv.Unreadable
	g.of.pods, g.of.workloads = stretchOf(inv.Pods), stretchOf(inv.Workloads)
	g.of.groups = groupsIn(inv)
	for _, o := range ordered(g.of.groups) {
		g.groups = append(g.groups, readGroup(o))
	}
	g.readUnreadable()
	g.addresses = g.settings.asksAddresses(inv)
	g.selectors.byText = map[string]*selector{}
	g.selectors.patterns = map[string]*pattern{}
	g.known = identities{seed: maphash.MakeSeed(), sets: map[uint64][]*identity{}}
	g.nobody = g.newIdentity(nil)
	g.bare = g.newIdentity(audit.NewLabels("reserved:world"))
	g.bare.bare = true
	return g
}

func groupsIn(inv *audit.Inventory) []*audit.Object {
	return slices.DeleteFunc(slices.Clone(inv.Policies), func(o *audit.Object) bool { return o == nil || o.Kind != "CiliumCIDRGroup" })
}

// readUnreadable notes which policies could not be read. They may say anything,
// and those of the admin tier may say it before all others.
func (g *ground) readUnreadable() {
	policies := map[string]string{ // to the kind, if it is ordered
		"networkpolicies.networking.k8s.io": "", "ciliumnetworkpolicies.cilium.io": "", "ciliumclusterwidenetworkpolicies.cilium.io": "",
		"clusternetworkpolicies.policy.networking.k8s.io":       "ClusterNetworkPolicy",
		"adminnetworkpolicies.policy.networking.k8s.io":         "AdminNetworkPolicy",
		"baselineadminnetworkpolicies.policy.networking.k8s.io": "BaselineAdminNetworkPolicy",
	}
	var all, above []string
	for _, u := range g.of.unreadable {
		kind, ours := policies[u.Kind]
		if !ours || u.Absent || g.settings.ignores(kind) != "" {
			continue
		}
		why := fmt.Sprintf("%s could not be read: %s", u.Kind, u.Reason)
		all = append(all, why)
		if kind == "ClusterNetworkPolicy" || kind == "AdminNetworkPolicy" {
			above = append(above, why)
		}
	}
	slices.Sort(all)
	slices.Sort(above)
	g.unreadable, g.unreadableAbove = strings.Join(all, "; "), strings.Join(above, "; ")
}

// worn tells whether a ground keeps so much, of which some is of no use any
// more, that it is better to begin anew.
func (g *ground) worn() bool {
	const maxSelectors = 1 << 16
	g.known.mu.RLock()
	defer g.known.mu.RUnlock()
	return g.selectors.count() > maxSelectors || g.known.n > maxIdentities/2
}

// tidy forgets the answers if they are many: they are soon worked out again, by
// whoever still asks.
func (g *ground) tidy() {
	if g.answers.Load() <= maxAnswers/2 {
		return
	}
	g.answers.Store(0)
	g.known.mu.RLock()
	defer g.known.mu.RUnlock()
	for _, ids := range g.known.sets {
		for _, id := range ids {
			id.forget()
		}
	}
}

// With returns the engine for another inventory, usually a later one of the
// same cluster. Policies that are the same object, or by their UID and resource
// version the same state of it, are not read again; and of subjects that no
// other policy is about, no answer is worked out again. The engine itself stays
// as it is.
func (e *Engine) With(inv *audit.Inventory) *Engine {
	if inv == nil {
		inv = &audit.Inventory{}
	}
	if !e.carries(inv) {
		return Compile(inv, Options{Semantics: e.settings.semantics})
	}
	e.tidy()
	return e.compile(inv, e)
}

// carries tells whether an inventory stands on the same ground.
func (g *ground) carries(inv *audit.Inventory) bool {
	same := func(a, b *audit.Object) bool { return a == b || sameState(a, b) }
	return maps.Equal(g.of.settings, inv.Settings) && (g.of.settings == nil) == (inv.Settings == nil) &&
		slices.EqualFunc(g.of.groups, groupsIn(inv), same) &&
		reflect.DeepEqual(g.of.services, inv.Services) &&
		slices.Equal(g.of.unreadable, inv.Unreadable) &&
		g.samePorts(inv) &&
		g.settings.requires == requiresIn(inv) && g.addresses == g.settings.asksAddresses(inv) && !g.worn()
}

// samePorts tells whether the declared port names are the same, first by whether
// it is the very same pods and workloads that declare them.
func (g *ground) samePorts(inv *audit.Inventory) bool {
	return g.of.pods == stretchOf(inv.Pods) && g.of.workloads == stretchOf(inv.Workloads) ||
		reflect.DeepEqual(g.ports, newDeclaredPorts(inv, g.settings.filter))
}

// A stretch is where a list lies in memory. It does not hold on to the list.
type stretch[T any] struct {
	at weak.Pointer[T]
	n  int
}

func stretchOf[T any](list []T) stretch[T] {
	if len(list) == 0 {
		return stretch[T]{}
	}
	return stretch[T]{weak.Make(&list[0]), len(list)}
}

// objectKey tells objects apart.
type objectKey struct {
	audit.Ref
	apiVersion, uid string
}

func keyOf(o *audit.Object) objectKey { return objectKey{o.Ref, o.APIVersion, o.UID} }

// compiled returns what an engine has read of an object, if it is in the same state.
func (e *Engine) compiled(o *audit.Object) *compiled {
	if e == nil {
		return nil
	}
	if c := e.objects.find(keyOf(o)); c != nil && (c.object == o || sameState(c.object, o)) {
		return c
	}
	return nil
}

// sameState tells whether two readings are of one state of one object.
func sameState(a, b *audit.Object) bool {
	version := func(o *audit.Object) string {
		meta, _ := o.Raw["metadata"].(map[string]any)
		s, _ := meta["resourceVersion"].(string)
		return s
	}
	v := version(a)
	return a.UID != "" && a.UID == b.UID && v != "" && v == version(b) && a.Ref == b.Ref && a.APIVersion == b.APIVersion
}
