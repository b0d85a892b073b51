package cluster

import (
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lastApplied is kubectl's copy of the whole object. It is never kept.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

var metaKeep = keep{
	"name": nil, "namespace": nil, "uid": nil, "generation": nil, "creationTimestamp": nil,
	"labels": nil, "annotations": nil, "ownerReferences": nil, "managedFields": {"time": nil, "subresource": nil},
}

// changed returns when what the object declares was last changed. Whoever
// writes the status leaves the generation alone, but has his own entry among
// the managed fields.
func changed(m *metav1.ObjectMeta) time.Time {
	if m.Generation <= 1 {
		return m.CreationTimestamp.UTC()
	}
	var last time.Time
	for _, f := range m.ManagedFields {
		if f.Subresource != "status" && f.Time != nil && f.Time.After(last) {
			last = f.Time.UTC()
		}
	}
	return last
}

// trimMeta keeps of the metadata what is read later. Of the managed fields, one
// entry remains: it says when the object was changed.
func trimMeta(m *metav1.ObjectMeta) metav1.ObjectMeta {
	out := metav1.ObjectMeta{
		Name: m.Name, Namespace: m.Namespace, UID: m.UID, ResourceVersion: m.ResourceVersion, Generation: m.Generation,
		CreationTimestamp: m.CreationTimestamp, Labels: m.Labels, Annotations: annotations(m), OwnerReferences: m.OwnerReferences,
	}
	if t := changed(m); m.Generation > 1 && !t.IsZero() {
		out.ManagedFields = []metav1.ManagedFieldsEntry{{Time: &metav1.Time{Time: t}}}
	}
	return out
}

// annotations returns those of an object without kubectl's copy.
func annotations(m *metav1.ObjectMeta) map[string]string {
	if _, ok := m.Annotations[lastApplied]; !ok {
		return m.Annotations
	}
	a := maps.Clone(m.Annotations)
	delete(a, lastApplied)
	return a
}
