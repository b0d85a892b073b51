package cluster

import (
	"maps"
	"time"

	"github.com/segproof/segproof/audit"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// objectOf keeps an object whole, for those who know what it means. The object
// is part of the outcome from now on.
func objectOf(kind string, u map[string]any, src audit.Source) (*audit.Object, error) {
	m, err := decode[metav1.PartialObjectMetadata](u, keep{"apiVersion": nil, "metadata": metaKeep})
	if err != nil {
		return nil, err
	}
	trimObject(u)
	if meta, ok := u["metadata"].(map[string]any); ok {
		delete(meta, "managedFields")
	}
	return &audit.Object{
		Ref:        audit.Ref{Kind: kind, Namespace: m.Namespace, Name: m.Name},
		APIVersion: m.APIVersion, UID: string(m.UID), Generation: m.Generation,
		Created: m.CreationTimestamp.UTC(), Changed: changed(&m.ObjectMeta),
		Labels: m.Labels, Annotations: annotations(&m.ObjectMeta), Raw: u, Source: src,
	}, nil
}

// trimObject drops what is large and never read: the managed fields but for
// their times, kubectl's copy of the object, what old Cilium wrote of each node.
func trimObject(u map[string]any) {
	if meta, ok := u["metadata"].(map[string]any); ok {
		if a, ok := meta["annotations"].(map[string]any); ok {
			delete(a, lastApplied)
		}
		if _, ok := meta["managedFields"]; ok {
			meta["managedFields"] = metaKeep["managedFields"].of(meta["managedFields"])
		}
	}
	if status, ok := u["status"].(map[string]any); ok {
		maps.DeleteFunc(status, func(k string, _ any) bool { return k == "nodes" || k == "derivativePolicies" })
	}
}

// newest returns the newest time written in an object: when it was made, when a
// field was set, when a condition changed, when a result was reported.
func newest(u map[string]any) time.Time {
	var out time.Time
	see := func(v any, field string) {
		m, _ := v.(map[string]any)
		var t stamp
		switch v := m[field].(type) {
		case string:
			t = parseStamp(v)
		case map[string]any:
			t = secondsStamp(v["seconds"], v["nanos"])
		}
		if time.Time(t).After(out) {
			out = time.Time(t)
		}
	}
	each := func(v any, list, field string) {
		m, _ := v.(map[string]any)
		items, _ := m[list].([]any)
		for _, item := range items {
			see(item, field)
		}
	}
	see(u["metadata"], "creationTimestamp")
	each(u["metadata"], "managedFields", "time")
	each(u["status"], "conditions", "lastTransitionTime")
	each(u, "results", "timestamp")
	return out
}
