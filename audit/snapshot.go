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
	index *index // set by Check
}

// Options are what an operator may set about judging.
type Options struct {
	ClusterName      string        // of the cluster, if the operator knows it better
	Settle           time.Duration // after a change, flows contradict nothing for this long
	SystemNamespaces []string      // whose coverage is the platform's matter
	OwnerKeys        []string      // labels and annotations that name an owner, first match wins
	Exceptions       []Exception   // findings that are accepted
	Now              time.Time     // against which exceptions expire; when the run began if zero
}

// IsSystem tells whether a namespace is the platform's own.
func (s *Snapshot) IsSystem(namespace string) bool {
	return slices.Contains(s.SystemNamespaces, namespace)
}

// An index finds what is declared by name.
type index struct {
	namespaces map[string]*Namespace
	pods       map[[2]string]*Pod
	workloads  map[Ref]*Workload
	owners     map[Ref]bool // of pods
	objects    map[Ref]*Object
}

// indexed is the snapshot with an index of what it declares.
func (s *Snapshot) indexed() *Snapshot {
	with := &Snapshot{Inventory: s.Inventory, Traffic: s.Traffic, Options: s.Options, index: &index{}}
	if s.Inventory == nil {
		return with
	}
	x := with.index
	x.namespaces, x.pods = make(map[string]*Namespace, len(s.Namespaces)), make(map[[2]string]*Pod, len(s.Pods))
	x.workloads, x.owners = make(map[Ref]*Workload, len(s.Workloads)), make(map[Ref]bool, len(s.Workloads))
	x.objects = make(map[Ref]*Object, len(s.Kyverno)+len(s.Policies))
	for i := range s.Namespaces {
		x.namespaces[s.Namespaces[i].Name] = &s.Namespaces[i]
	}
	for i := range s.Pods {
		p := &s.Pods[i]
		x.pods[[2]string{p.Namespace, p.Name}] = p
		x.owners[p.Owner] = true
	}
	for i := range s.Workloads {
		x.workloads[s.Workloads[i].Ref] = &s.Workloads[i]
	}
	for _, o := range slices.Concat(s.Kyverno, s.Policies) {
		x.objects[o.Ref] = o
	}
	return with
}

// Namespace returns the namespace of that name, or nil.
func (s *Snapshot) Namespace(name string) *Namespace { return s.index.namespaces[name] }

// Pod returns the pod of that name, or nil.
func (s *Snapshot) Pod(namespace, name string) *Pod { return s.index.pods[[2]string{namespace, name}] }

// Workload returns the declared owner of pods that ref names, or nil.
func (s *Snapshot) Workload(ref Ref) *Workload { return s.index.workloads[ref] }

// Owns tells whether ref is declared as a workload, or named by pods as theirs.
func (s *Snapshot) Owns(ref Ref) bool { return s.index.workloads[ref] != nil || s.index.owners[ref] }

// Object returns the policy, of whichever kind, that ref names, or nil.
func (s *Snapshot) Object(ref Ref) *Object { return s.index.objects[ref] }
