package policy

import "github.com/segproof/segproof/audit"

// kin are pods of namespaces that have the same labels as the subject's, or
// others. The first version of the API once had them.
type kin struct {
	keys   []string
	differ bool // at least one must have another value
	pods   *selector
}

// kin reads sameLabels or notSameLabels of a peer's namespaces, and gives nil if
// there are none.
func (r *reader) kin(f, pods field, d dialect) *kin {
	same, other := f.at("sameLabels"), f.at("notSameLabels")
	if !d.first || !same.given() && !other.given() {
		return nil
	}
	f.object("sameLabels", "notSameLabels")
	if same.given() && other.given() {
		f.reject("sameLabels and notSameLabels may not be combined")
	}
	before := len(f.notes.unclear)
	reqs := append(r.terms(pods, "k8s").all(), anyNamespace())
	k := &kin{keys: append(same.texts(), other.texts()...), differ: other.given()}
	k.pods = r.intern(r.ourCluster(reqs), f.notes.since(before))
	return k
}

func (k *kin) match(p end) (truth, string) {
	switch {
	case p.unknown || p.subject == nil:
		return maybe, whyUnknown
	case p.namespace == "" || len(k.keys) == 0:
		return no, ""
	}
	differ := false
	for _, key := range k.keys {
		q := &requirement{source: "k8s", key: audit.PrefixNamespaceMeta + key}
		value, has := p.lookup(q)
		own, hasOwn := p.subject.lookup(q)
		if !has || !hasOwn {
			return no, ""
		}
		differ = differ || value != own
	}
	if differ != k.differ {
		return no, ""
	}
	return k.pods.match(p.identity), k.pods.why(p)
}

func (k *kin) wants() string {
	if k.differ {
		return k.pods.String() + " of namespaces whose " + enumerate(k.keys, " or ") + " is not the subject's"
	}
	return k.pods.String() + " of namespaces whose " + enumerate(k.keys, " and ") + " is the subject's"
}
