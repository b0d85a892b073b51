package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/segproof/segproof/audit"
)

// Semantics is whose word counts where Kubernetes and Cilium differ.
type Semantics uint8

// Semantics.
const (
	Cilium     Semantics = iota // what Cilium 1.20 does
	Kubernetes                  // what the text of the NetworkPolicy API says
)

// Options of [Compile].
type Options struct {
	Semantics Semantics
}

// An Engine answers what the declared policies say. It implements
// [audit.Engine] and is safe for concurrent use. What it returns is shared and
// must not be changed.
type Engine struct {
	settings    *settings
	namespaces  map[string]*audit.Namespace
	byNamespace map[string][]*section
	clusterwide []*section
	selectors   []*selector
	ports       *declaredPorts
	undecided   [2]string // by direction: a policy of a kind that is not decided yet
	unreadable  string    // policies that could not be read
	partly      []audit.Partly

	known   identities
	answers atomic.Int64 // how many are kept
	nobody  *identity    // an end of which nothing is known
	bare    *identity    // an end of which only the address is known
}

// compiler is what the policies of one inventory share while they are read.
type compiler struct {
	settings  *settings
	inv       *audit.Inventory
	groups    []group
	byText    map[string]*selector
	selectors []*selector
}

// reader reads one policy.
type reader struct {
	*compiler
	ref       audit.PolicyRef
	namespace string // "" if it is clusterwide
}

// Compile reads the policies of an inventory, each of them once. It can't fail:
// what can't be read or understood is in [Engine.Partly].
func Compile(inv *audit.Inventory, o Options) *Engine {
	if inv == nil {
		inv = &audit.Inventory{}
	}
	c := &compiler{settings: readSettings(inv.Settings, o.Semantics), inv: inv, byText: map[string]*selector{}}
	e := &Engine{
		settings:    c.settings,
		namespaces:  map[string]*audit.Namespace{},
		byNamespace: map[string][]*section{},
		ports:       newDeclaredPorts(inv, c.settings.filter),
		unreadable:  unreadable(inv.Unreadable),
		known:       identities{seed: maphash.MakeSeed(), sets: map[uint64][]*identity{}},
	}
	for i := range inv.Namespaces {
		e.namespaces[inv.Namespaces[i].Name] = &inv.Namespaces[i]
	}
	objects := ordered(inv.Policies)
	for _, o := range objects {
		if o.Kind == "CiliumCIDRGroup" {
			c.groups = append(c.groups, readGroup(o))
		}
	}
	for _, o := range objects {
		e.add(c, o)
	}
	e.selectors = c.selectors
	e.nobody = e.newIdentity(nil)
	e.bare = e.newIdentity(audit.NewLabels("reserved:world"))
	e.bare.bare = true
	return e
}

// ordered sorts the objects so that the order in which they come does not matter.
func ordered(objects []*audit.Object) []*audit.Object {
	out := slices.DeleteFunc(slices.Clone(objects), func(o *audit.Object) bool { return o == nil })
	slices.SortStableFunc(out, func(a, b *audit.Object) int {
		if c := cmp.Or(a.Ref.Compare(b.Ref), cmp.Compare(a.APIVersion, b.APIVersion), cmp.Compare(a.Source.File, b.Source.File),
			cmp.Compare(a.Source.Line, b.Source.Line), cmp.Compare(a.UID, b.UID)); c != 0 {
			return c
		}
		return cmp.Compare(text(a.Raw), text(b.Raw))
	})
	return out
}

func text(v any) string {
	if b, err := json.Marshal(v); err == nil {
		return string(b)
	}
	return fmt.Sprint(v)
}

// add reads one object and files what it says.
func (e *Engine) add(c *compiler, o *audit.Object) {
	r := &reader{compiler: c, ref: audit.PolicyRef{Ref: o.Ref, Object: o}, namespace: o.Namespace}
	doc := field{value: map[string]any(o.Raw), notes: &notes{}}
	var sections []*section
	switch o.Kind {
	case "NetworkPolicy":
		r.namespace = cmp.Or(o.Namespace, "default")
		sections = r.networkPolicy(doc)
	case "CiliumNetworkPolicy":
		r.namespace = cmp.Or(o.Namespace, "default")
		sections = r.ciliumPolicy(doc)
	case "CiliumClusterwideNetworkPolicy":
		r.namespace = ""
		sections = r.ciliumPolicy(doc)
	case "CiliumCIDRGroup":
		return
	default:
		e.undecide(o, doc)
		return
	}
	if doc.notes.invalid != "" {
		e.partly = append(e.partly, audit.Partly{Ref: o.Ref, Why: doc.notes.invalid, NoEffect: true, Source: o.Source})
		return
	}
	if why := slices.Concat(doc.notes.unclear, doc.notes.unresolved); len(why) > 0 {
		e.partly = append(e.partly, audit.Partly{Ref: o.Ref, Why: some(why), Source: o.Source})
	}
	for _, s := range sections {
		if r.namespace == "" {
			e.clusterwide = append(e.clusterwide, s)
		} else {
			e.byNamespace[r.namespace] = append(e.byNamespace[r.namespace], s)
		}
	}
}

// undecide notes a policy of a kind that is not decided. It may stand above all
// others, so nothing is certain of a direction that it has rules for.
func (e *Engine) undecide(o *audit.Object, doc field) {
	why := "the kind " + clip(o.Kind) + " is not decided yet"
	e.partly = append(e.partly, audit.Partly{Ref: o.Ref, Why: why, Source: o.Source})
	spec := doc.at("spec")
	for d, name := range [2]string{"ingress", "egress"} {
		if rules := spec.at(name); rules.given() && !rules.empty() && e.undecided[d] == "" {
			e.undecided[d] = o.Ref.String() + ": " + why
		}
	}
}

// some are the first of many reasons.
func some(why []string) string {
	const most = 3
	if len(why) <= most {
		return strings.Join(why, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(why[:most], "; "), len(why)-most)
}

// unreadable says which policies could not be read.
func unreadable(kinds []audit.Unreadable) string {
	policies := []string{
		"networkpolicies.networking.k8s.io", "ciliumnetworkpolicies.cilium.io", "ciliumclusterwidenetworkpolicies.cilium.io",
		"clusternetworkpolicies.policy.networking.k8s.io", "adminnetworkpolicies.policy.networking.k8s.io",
		"baselineadminnetworkpolicies.policy.networking.k8s.io",
	}
	var out []string
	for _, u := range kinds {
		if !u.Absent && slices.Contains(policies, u.Kind) {
			out = append(out, fmt.Sprintf("%s could not be read: %s", u.Kind, u.Reason))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

// Partly names the policies that are not wholly understood, in order.
func (e *Engine) Partly() []audit.Partly { return slices.Clone(e.partly) }
