package cluster

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// held is what an informer keeps of an object: the outcome of its conversion,
// and as much of its metadata as informers ask for. An object is converted as
// it arrives, so that the object itself, most of which nobody reads, is not kept.
type held struct {
	namespace, name string
	version         string // resourceVersion
	noun            any    // an error if it could not be converted
}

// GetObjectMeta makes held a metav1.ObjectMetaAccessor.
func (h *held) GetObjectMeta() metav1.Object {
	return &metav1.ObjectMeta{Namespace: h.namespace, Name: h.name, ResourceVersion: h.version}
}

// ref names the object.
func (h *held) ref(k Kind) audit.Ref {
	return audit.Ref{Kind: k.Kind, Namespace: h.namespace, Name: h.name}
}

// namespaceInput is a namespace, and when its labels may last have changed.
type namespaceInput struct {
	audit.Namespace
	edited time.Time
}

// hold converts what arrives. It is the informer's transform, and never fails:
// an error would stop the informer.
func (s *stream) hold(obj any) (any, error) {
	if h, ok := obj.(*held); ok {
		return h, nil
	}
	m, err := meta.Accessor(obj)
	if err != nil {
		return &held{noun: fmt.Errorf("not an object: %T", obj)}, nil
	}
	h := &held{namespace: intern(m.GetNamespace()), name: m.GetName(), version: m.GetResourceVersion()}
	edited := lastEdit(m.GetManagedFields())
	noun, err := s.kind.live(s.version, obj)
	if err != nil {
		noun = err
	}
	switch n := noun.(type) {
	case *audit.Namespace:
		noun = &namespaceInput{*n, edited}
	case *managedPod:
		n.name = h.name
	}
	s.sharing.noun(noun)
	h.noun = noun
	return h, nil
}

// lastEdit is the newest time at which anything but the status was written.
func lastEdit(fields []metav1.ManagedFieldsEntry) time.Time {
	var last time.Time
	for _, f := range fields {
		if f.Subresource != "status" && f.Time != nil && f.Time.After(last) {
			last = f.Time.UTC()
		}
	}
	return last
}

// collect hands what was read to the collector. What it can't read is a problem.
func (s *stream) collect(c *collector) {
	c.slices = c.slices || s.kind.role == asSlice
	c.managedRead = c.managedRead || s.kind.role == asManaged
	for _, obj := range s.informer.GetStore().List() {
		h, ok := obj.(*held)
		if !ok {
			continue
		}
		switch n := h.noun.(type) {
		case error:
			name := h.ref(s.kind)
			c.inv.Problems = append(c.inv.Problems, audit.Problem{Err: fmt.Sprintf("%s: %v", name, n)})
		case *namespaceInput:
			c.put(s.kind, &n.Namespace)
		case *corev1.Service:
			c.service(n, audit.Source{})
		case *discoveryv1.EndpointSlice:
			c.slice(n, audit.Source{})
		default:
			c.put(s.kind, n)
		}
	}
}

// same tells whether two versions of an object declare the same: whoever writes
// only the status, or the bookkeeping, changes nothing that is in force.
func same(a, b *audit.Object) bool {
	return a.UID == b.UID && alike(a, b, "metadata", "status", "apiVersion", "kind")
}

// alike compares objects but for some of their fields.
func alike(a, b *audit.Object, but ...string) bool {
	for _, m := range []map[string]any{a.Raw, b.Raw} {
		for k := range m {
			if !slices.Contains(but, k) && !equal(a.Raw[k], b.Raw[k]) {
				return false
			}
		}
	}
	return true
}

// equal compares decoded JSON.
func equal(a, b any) bool { return reflect.DeepEqual(a, b) }
