package policy

import (
	"cmp"

	"github.com/segproof/segproof/audit"
)

// DefaultDeny names the policies that isolate every pod of a namespace, also
// tomorrow's, in one direction. If there is none, unsure says which policy might
// do so and why that can't be told.
func (e *Engine) DefaultDeny(namespace string, direction audit.Direction) (by []audit.PolicyRef, unsure string) {
	d := index(direction)
	if e.settings.always {
		return alwaysOn(), ""
	}
	shared, known := e.shared(namespace)
	for _, list := range [][]*section{e.clusterwide, e.byNamespace[namespace]} {
		for _, s := range list {
			if s.host {
				continue
			}
			switch min(s.subject.everyPod(shared, known), s.isolates[d]) {
			case yes:
				if n := len(by); n == 0 || by[n-1] != s.ref {
					by = append(by, s.ref)
				}
			case maybe:
				unsure = cmp.Or(unsure, s.ref.Ref.String()+": "+cmp.Or(s.doubt, s.subject.doubt, "the labels of the namespace are not known"))
			}
		}
	}
	if len(by) > 0 {
		return by, ""
	}
	return nil, cmp.Or(unsure, e.unreadable, e.undecided[d])
}

// shared is the identity of a pod as far as all pods of a namespace have it in
// common, and whether the namespace is known.
func (e *Engine) shared(namespace string) (*identity, bool) {
	ns := e.namespaces[namespace]
	ls := namespaceLabels(namespace, ns)
	if c := e.settings.cluster; c != "" {
		ls = append(ls, "k8s:"+audit.LabelCluster+"="+c)
	}
	return e.newIdentity(audit.NewLabels(ls...)), ns != nil
}
