package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
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
	Kubernetes                  // what the text of the network policy APIs says
)

// Options of [Compile].
type Options struct {
	Semantics Semantics
}

// An Engine answers what the declared policies say. It implements
// [audit.Engine] and is safe for concurrent use. What it returns is shared and
// must not be changed.
type Engine struct {
	*ground
	number      uint64 // that no other engine on the ground has
	namespaces  map[string]*audit.Namespace
	policies    []*audit.Object // as they were given
	objects     objects
	byNamespace map[string][]*section
	clusterwide []*section
	undecided   [2]string // by direction: a policy of a kind that is not decided
	partly      []audit.Partly
	memo        atomic.Pointer[memo]
	pods        podKinds
}

// compiled is what one object says.
type compiled struct {
	object    *audit.Object
	namespace string // "" if it is clusterwide
	sections  []*section
	partly    []audit.Partly // at most one
	undecided [2]string
}

// reader reads one policy.
type reader struct {
	*ground
	ref       audit.PolicyRef
	namespace string // "" if it is clusterwide
}

// Compile reads the policies of an inventory, each of them once. It can't fail:
// what can't be read or understood is in [Engine.Partly].
func Compile(inv *audit.Inventory, o Options) *Engine {
	if inv == nil {
		inv = &audit.Inventory{}
	}
	return newGround(inv, o).compile(inv, nil)
}

// compile reads the policies that former does not know yet, which may be nil.
func (g *ground) compile(inv *audit.Inventory, former *Engine) *Engine {
	if e := former.revise(inv); e != nil {
		e.begin(inv)
		return e
	}
	e := &Engine{
		ground:      g,
		policies:    inv.Policies,
		objects:     objects{},
		byNamespace: map[string][]*section{},
	}
	e.begin(inv)
	for _, o := range ordered(inv.Policies) {
		c := former.compiled(o)
		if c == nil {
			c = g.read(o)
		}
		e.add(c)
	}
	return e
}

// begin is what an engine has of its own.
func (e *Engine) begin(inv *audit.Inventory) {
	e.number = e.engines.Add(1)
	e.namespaces = make(map[string]*audit.Namespace, len(inv.Namespaces))
	for i := range inv.Namespaces {
		e.namespaces[inv.Namespaces[i].Name] = &inv.Namespaces[i]
	}
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

// read reads one object.
func (g *ground) read(o *audit.Object) *compiled {
	r := &reader{ground: g, ref: audit.PolicyRef{Ref: o.Ref, Object: o}}
	c := &compiled{object: o}
	doc := field{value: map[string]any(o.Raw), notes: &notes{}}
	switch o.Kind {
	case "NetworkPolicy":
		r.namespace = cmp.Or(o.Namespace, "default")
		c.sections = r.networkPolicy(doc)
	case "CiliumNetworkPolicy":
		r.namespace = cmp.Or(o.Namespace, "default")
		c.sections = r.ciliumPolicy(doc)
	case "CiliumClusterwideNetworkPolicy":
		c.sections = r.ciliumPolicy(doc)
	case "ClusterNetworkPolicy":
		c.sections = r.clusterPolicy(doc, clusterDialect(g.settings.semantics == Kubernetes))
	case "AdminNetworkPolicy":
		c.sections = r.clusterPolicy(doc, adminDialect())
	case "BaselineAdminNetworkPolicy":
		c.sections = r.clusterPolicy(doc, baselineDialect())
	case "CiliumCIDRGroup":
		return c
	default:
		c.undecide(doc)
		return c
	}
	c.namespace = r.namespace
	c.judge(doc.notes, g.settings.ignores(o.Kind))
	return c
}

// judge settles whether the object is in force and wholly understood.
func (c *compiled) judge(n *notes, ignored string) {
	o := c.object
	if invalid := cmp.Or(n.invalid, ignored); invalid != "" {
		c.sections = nil
		c.partly = []audit.Partly{{Ref: o.Ref, Why: invalid, NoEffect: true, Source: o.Source}}
	} else if why := slices.Concat(n.unclear, n.unresolved); len(why) > 0 {
		c.partly = []audit.Partly{{Ref: o.Ref, Why: some(why), Source: o.Source}}
	}
}

// undecide notes a policy of a kind that is not decided. It may stand above all
// others, so nothing is certain of a direction that it has rules for.
func (c *compiled) undecide(doc field) {
	o := c.object
	why := "the kind " + clip(o.Kind) + " is not decided"
	c.partly = []audit.Partly{{Ref: o.Ref, Why: why, Source: o.Source}}
	spec := doc.at("spec")
	for d, name := range [2]string{"ingress", "egress"} {
		if rules := spec.at(name); rules.given() && !rules.empty() {
			c.undecided[d] = o.Ref.String() + ": " + why
		}
	}
}

// add files what an object says.
func (e *Engine) add(c *compiled) {
	e.objects.put(keyOf(c.object), c)
	e.partly = append(e.partly, c.partly...)
	for d := range e.undecided {
		e.undecided[d] = cmp.Or(e.undecided[d], c.undecided[d])
	}
	if c.namespace == "" {
		e.clusterwide = append(e.clusterwide, c.sections...)
	} else {
		e.byNamespace[c.namespace] = append(e.byNamespace[c.namespace], c.sections...)
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

// Partly names the policies that are not wholly understood, in order.
func (e *Engine) Partly() []audit.Partly { return slices.Clone(e.partly) }
