package cluster

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
	networkingv1 "k8s.io/api/networking/v1"
)

// notKubernetes stands among the ignored kinds for documents of no kind.
const notKubernetes = "not a Kubernetes object"

// maxName is the longest name that the API server takes, in bytes.
const maxName = 253

// A reading is one pass over all files.
type reading struct {
	*collector
	expander
	seen   map[identity]audit.Source
	newest time.Time
	read   int // objects that could be read, of whatever kind
}

// identity is what makes two objects the same.
type identity struct{ group, kind, namespace, name string }

func (r *reading) problem(file string, doc, line int, text string) {
	r.inv.Problems = append(r.inv.Problems, audit.Problem{File: filepath.ToSlash(file), Document: doc, Line: line, Err: text})
}

func (r *reading) file(m *Manifests, name string) {
	f, err := m.open(name)
	if err != nil {
		r.problem(name, 0, 0, cannotOpen(err))
		return
	}
	defer f.Close()
	if name == stdin && m.Name != "" {
		name = m.Name
	}
	for d, err := range documents(f) {
		switch {
		case err != nil:
			r.problem(name, 0, 0, cannotOpen(err))
		case d.tooBig:
			r.problem(name, d.number, d.line, "the document is too large; split it, or dump it as JSON: kubectl get … -o json")
		default:
			r.document(name, &d)
		}
	}
}

func (r *reading) document(file string, d *document) {
	r.expander.document()
	items, err := d.items()
	for n := range items {
		if err := r.item(file, &items[n]); err != nil {
			r.problem(file, d.number, items[n].lineOf(err), err.Error())
		}
	}
	if err != nil {
		r.problem(file, d.number, (&item{line: d.line}).lineOf(err), err.Error())
	}
}

// item uses one object, if it is one.
func (r *reading) item(file string, i *item) error {
	v, err := i.value(&r.expander)
	if err != nil {
		return err
	}
	u, ok := v.(map[string]any)
	if !ok {
		if v != nil {
			r.ignore("", notKubernetes)
		}
		return nil
	}
	o, err := i.object(u)
	if err != nil {
		return err
	}
	if o.kind == "" || o.version == "" {
		r.ignore("", notKubernetes)
		return nil
	}
	if t := newest(u); t.After(r.newest) {
		r.newest = t
	}
	k, known := kindOf(o.group, o.kind)
	settings := o.group == "" && o.kind == "ConfigMap"
	if !known && !settings {
		r.ignore(o.group, o.kind)
		return nil
	}
	if known && !slices.Contains(k.Versions, o.version) {
		return fmt.Errorf("version %s of %s is not known; use %s", o.version, o.kind, strings.Join(k.Versions, " or "))
	}
	if err := o.place(settings || k.Namespaced); err != nil {
		return err
	}
	return r.use(k, o, audit.Source{File: filepath.ToSlash(file), Line: i.line})
}

// use gives the object to the collector, unless it was there before.
func (r *reading) use(k Kind, o *manifest, src audit.Source) (err error) {
	ref := audit.Ref{Kind: o.kind, Namespace: o.namespace, Name: o.name}
	if k.Kind == "" && ref != ciliumConfig && ref != kyvernoConfig {
		r.ignore(o.group, o.kind)
		return nil
	}
	id := identity{o.group, o.kind, o.namespace, o.name}
	// Kyverno's CLI writes a report for each resource, all of one name.
	if at, ok := r.seen[id]; ok && k.role != asReport {
		return fmt.Errorf("%s is declared twice, first in %s, line %d; that one is used, remove the other", ref, at.File, at.Line)
	}
	switch {
	case k.Kind == "":
		err = r.settings(o.fields, src)
	case k.Kind == "NetworkPolicy":
		if _, err = decode[networkingv1.NetworkPolicy](o.fields, keep{"spec": nil}); err == nil {
			err = r.add(k, o.fields, src)
		}
	default:
		err = r.add(k, o.fields, src)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	r.seen[id] = src
	r.read++
	return nil
}
