package audit

import "strings"

// Owner finds who must act on what is about ref: by the labels and annotations
// of the object, of the pods if it owns some, then by those of its namespace.
// The first key that is there wins, at each of these places. "" means that
// nobody is named.
func (s *Snapshot) Owner(ref Ref) string {
	for _, m := range s.ownLabels(ref) {
		if o := s.ownerIn(m...); o != "" {
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

// ownLabels are what an object itself, or the pods of a workload, bear.
func (s *Snapshot) ownLabels(ref Ref) [][]map[string]string {
	if w := s.Workload(ref); w != nil {
		return [][]map[string]string{{w.Labels, w.Annotations}, {w.PodLabels}}
	}
	if o := s.Object(ref); o != nil {
		return [][]map[string]string{{o.Labels, o.Annotations}}
	}
	if p := s.Pod(ref.Namespace, ref.Name); p != nil && ref.Kind == "Pod" {
		return [][]map[string]string{{p.Labels}}
	}
	return nil
}

func (s *Snapshot) ownerIn(maps ...map[string]string) string {
	for _, k := range s.OwnerKeys {
		for _, m := range maps {
			if v := strings.TrimSpace(m[k]); v != "" {
				return v
			}
		}
	}
	return ""
}
