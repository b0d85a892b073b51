package audit

import (
	"slices"
	"time"
)

// A Snapshot is all that one run may know. It is built once and never changed.
// A nil part was not looked at; an empty part was looked at and found empty.
type Snapshot struct {
	*Inventory // what the cluster declares
	*Traffic   // what the network carried
	Options
}

// Options are what an operator may set about judging.
type Options struct {
	Settle           time.Duration // after a change, flows contradict nothing for this long
	SystemNamespaces []string      // whose coverage is the platform's matter
	OwnerKeys        []string      // labels and annotations that name an owner, first match wins
}

// Owner finds who must act on what is about ref: by the labels and annotations
// of the object, then by those of its namespace. "" means nobody is named.
func (s *Snapshot) Owner(ref Ref) string {
	if s.Inventory == nil {
		return ""
	}
	if i := slices.IndexFunc(s.Workloads, func(w Workload) bool { return w.Ref == ref }); i >= 0 {
		if o := s.ownerIn(s.Workloads[i].Labels, s.Workloads[i].Annotations); o != "" {
			return o
		}
	}
	ns := ref.Namespace
	if ref.Kind == "Namespace" {
		ns = ref.Name
	}
	if n := s.Namespace(ns); n != nil {
		return s.ownerIn(n.Labels, n.Annotations)
	}
	return ""
}

func (s *Snapshot) ownerIn(maps ...map[string]string) string {
	for _, k := range s.OwnerKeys {
		for _, m := range maps {
			if v := m[k]; v != "" {
				return v
			}
		}
	}
	return ""
}

// Namespace returns the namespace of that name, or nil.
func (i *Inventory) Namespace(name string) *Namespace {
	for n := range i.Namespaces {
		if i.Namespaces[n].Name == name {
			return &i.Namespaces[n]
		}
	}
	return nil
}

// IsSystem tells whether a namespace is the platform's own.
func (s *Snapshot) IsSystem(namespace string) bool {
	return slices.Contains(s.SystemNamespaces, namespace)
}
