package suggest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// work is the state of what is declared, as far as changes were made, and what
// was observed.
type work struct {
	inv      *audit.Inventory
	engine   *policy.Engine
	traffic  *audit.Traffic
	seen     *audit.Coverage
	together bool   // changes stand on each other, rather than each by itself
	local    string // name of our own cluster in identities
	left     int    // questions that may still be asked; negative is no bound
	people   *people
	sets     *audit.LabelSets
	refs     map[audit.Ref]int     // workloads by number
	asked    map[string][]question // what was observed, by namespace of the end that decides
	passed   []question            // what passed, also on connections that nobody saw open
	sheets   *sheets
}

func newWork(s *audit.Snapshot, e *policy.Engine, g *Suggester, seen *audit.Coverage) *work {
	w := &work{inv: s.Inventory, engine: e, traffic: s.Traffic, seen: seen, left: -1, sheets: newSheets(g.Read), sets: audit.NewLabelSets(), refs: map[audit.Ref]int{}}
	if g.Decisions > 0 {
		w.left = g.Decisions
	}
	w.local = cmp.Or(s.Inventory.Settings["cluster-name"], nodesCluster(s.Traffic))
	return w
}

// nodesCluster is the name of the cluster that all nodes bear that reported, as
// cluster/node; "" if they don't.
func nodesCluster(t *audit.Traffic) string {
	if t == nil {
		return ""
	}
	name := ""
	for _, n := range t.Nodes {
		c, _, ok := strings.Cut(n.Name, "/")
		if !ok || name != "" && c != name {
			return ""
		}
		name = c
	}
	return name
}

func (w *work) exhausted() bool { return w.left == 0 }

// spend takes from the questions that may be asked.
func (w *work) spend(n int) {
	if w.left > 0 {
		w.left = max(0, w.left-n)
	}
}

// A proposal is policies as they are to be, the one that matters first, and what
// was proven of them.
type proposal struct {
	objects []*audit.Object
	opens   []string
	note    string
}

// with is the inventory and the engine after a change.
func (w *work) with(objects []*audit.Object) (*audit.Inventory, *policy.Engine) {
	after := *w.inv
	after.Policies = slices.Clone(w.inv.Policies)
	for _, o := range objects {
		if i := slices.IndexFunc(after.Policies, func(p *audit.Object) bool { return same(p, o) }); i >= 0 {
			after.Policies[i] = o
		} else {
			after.Policies = append(after.Policies, o)
		}
	}
	return &after, w.engine.With(&after)
}

// same tells whether two objects are states of one.
func same(a, b *audit.Object) bool {
	group := func(o *audit.Object) string { g, _, _ := strings.Cut(o.APIVersion, "/"); return g }
	return a.Ref == b.Ref && group(a) == group(b)
}

// commit makes a proposal part of what is declared.
func (w *work) commit(p *proposal) {
	w.inv, w.engine = w.with(p.objects)
	for _, o := range p.objects {
		w.sheets.edit(o)
	}
}

// edited are the files as all that was committed has them.
func (w *work) edited() []File { return w.sheets.edited() }

// declared is the policy that a reference names, as it is now; nil if there is none.
func (w *work) declared(ref audit.Ref) *audit.Object {
	for _, o := range w.inv.Policies {
		if o.Ref == ref {
			return o
		}
	}
	return nil
}

// suggestion is a proposal as a finding carries it: one text, of all documents.
func (w *work) suggestion(p *proposal) *audit.Suggestion {
	cs := w.changes(p)
	out := cs[0]
	for _, c := range cs[1:] {
		out.YAML += "---\n" + c.YAML
	}
	return &out
}

// changes are the policies of a proposal, one by one. What opens is told with
// the first.
func (w *work) changes(p *proposal) []audit.Suggestion {
	var out []audit.Suggestion
	for i, o := range p.objects {
		c := audit.Suggestion{Action: "create", Policy: o.Ref}
		c.YAML, c.Diff = w.sheets.document(o)
		if w.declared(o.Ref) != nil {
			c.Action, c.Location = "replace", o.Source
		}
		if i == 0 {
			c.Opens, c.Note = p.opens, p.note
		}
		out = append(out, c)
	}
	return out
}

// revised is a copy of a policy of which change may alter the spec; nil if it
// has none.
func revised(o *audit.Object, change func(spec map[string]any) bool) *audit.Object {
	next := *o
	next.Raw, _ = deepCopy(o.Raw).(map[string]any)
	spec, ok := next.Raw["spec"].(map[string]any)
	if !ok || !change(spec) {
		return nil
	}
	next.UID, next.Generation = "", 0 // it is another state than the cluster's
	if meta, ok := next.Raw["metadata"].(map[string]any); ok {
		for _, k := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"} {
			delete(meta, k)
		}
	}
	delete(next.Raw, "status")
	return &next
}

func deepCopy(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = deepCopy(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = deepCopy(e)
		}
		return out
	}
	return v
}

// created is a new policy. Spec is as the API takes it.
func (w *work) created(kind, namespace, name string, spec map[string]any) *audit.Object {
	version := "networking.k8s.io/v1"
	if kind == cilium {
		version = "cilium.io/v2"
	}
	ref := audit.Ref{Kind: kind, Namespace: namespace, Name: w.free(kind, namespace, name)}
	return &audit.Object{Ref: ref, APIVersion: version, Raw: map[string]any{
		"apiVersion": version, "kind": kind, "spec": spec,
		"metadata": map[string]any{"name": ref.Name, "namespace": namespace},
	}}
}
