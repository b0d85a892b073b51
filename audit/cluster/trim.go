package cluster

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// trim drops, as objects arrive, what nobody reads of those that are not
// converted at once. It never fails, and trimming twice is trimming once.
func trim(obj any) any {
	switch o := obj.(type) {
	case *corev1.Service:
		o.ObjectMeta = trimMeta(&o.ObjectMeta)
	case *discoveryv1.EndpointSlice:
		return trimSlice(o)
	}
	return obj
}
