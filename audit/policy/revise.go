package policy

import (
	"iter"
	"maps"
	"slices"

	"github.com/segproof/segproof/audit"
)

// maxRevised is how many policies may differ for an engine to be revised rather
// than put together anew.
const maxRevised = 8

// revise is the engine with a few policies replaced or added in namespaces, if
// that is all that differs; nil otherwise.
func (e *Engine) revise(inv *audit.Inventory) *Engine {
	if e == nil || len(inv.Policies) < len(e.policies) || len(e.policies) != e.objects.count() {
		return nil // one is gone, or two are hard to tell apart
	}
	next := &Engine{ground: e.ground, policies: inv.Policies, clusterwide: e.clusterwide, undecided: e.undecided, partly: e.partly}
	var concerned []string
	for i, o := range inv.Policies {
		var was *audit.Object
		if i < len(e.policies) {
			was = e.policies[i]
		}
		if o == was {
			continue
		}
		if next.objects == nil {
			next.objects = maps.Clone(e.objects)
		}
		if len(concerned) == maxRevised || o == nil {
			return nil
		}
		next.objects[o.Namespace] = maps.Clone(next.objects[o.Namespace])
		if !next.replace(was, o) {
			return nil
		}
		concerned = append(concerned, next.objects.find(keyOf(o)).namespace)
	}
	if len(concerned) == 0 || next.objects.count() != len(inv.Policies) {
		return nil
	}
	next.byNamespace = maps.Clone(e.byNamespace)
	for _, namespace := range concerned {
		next.byNamespace[namespace] = next.sectionsIn(namespace)
	}
	return next
}

// replace puts an object in the place of another, or none, of the same name; it
// can't if more than one namespace is concerned, or if either has something to say
// about the whole.
func (e *Engine) replace(was, o *audit.Object) bool {
	c := e.compiled(o)
	if c == nil {
		c = e.read(o)
	}
	if c.whole() {
		return false
	}
	if was != nil {
		if was.Ref != o.Ref || was.APIVersion != o.APIVersion || e.objects.find(keyOf(was)).whole() {
			return false
		}
		delete(e.objects[was.Namespace], keyOf(was))
	}
	if e.objects.find(keyOf(o)) != nil {
		return false
	}
	e.objects.put(keyOf(o), c)
	return true
}

// whole tells whether an object concerns more than its namespace.
func (c *compiled) whole() bool {
	return c == nil || c.namespace == "" || len(c.partly) > 0 || c.undecided != [2]string{}
}

// sectionsIn are what the policies of a namespace say, in order.
func (e *Engine) sectionsIn(namespace string) []*section {
	var objects []*audit.Object
	for _, of := range []string{namespace, ""} { // without one it is default
		for _, c := range e.objects[of] {
			if c.namespace == namespace {
				objects = append(objects, c.object)
			}
		}
	}
	var out []*section
	for _, o := range ordered(objects) {
		out = append(out, e.objects.find(keyOf(o)).sections...)
	}
	return slices.Clip(out)
}

// objects are what the policies say, by the namespace that they are written for:
// whoever replaces a few need not copy the others.
type objects map[string]map[objectKey]*compiled

func (o objects) find(k objectKey) *compiled { return o[k.Namespace][k] }

func (o objects) put(k objectKey, c *compiled) {
	if o[k.Namespace] == nil {
		o[k.Namespace] = map[objectKey]*compiled{}
	}
	o[k.Namespace][k] = c
}

func (o objects) count() (n int) {
	for _, in := range o {
		n += len(in)
	}
	return n
}

func (o objects) keys() iter.Seq[objectKey] {
	return func(yield func(objectKey) bool) {
		for _, in := range o {
			for k := range in {
				if !yield(k) {
					return
				}
			}
		}
	}
}
