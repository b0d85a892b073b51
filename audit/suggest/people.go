package suggest

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// people are all who may talk: declared pods, the pods that declared workloads
// would have, and the pods that were seen; each kind of them once.
type people struct {
	all []person
	in  map[string][]person // by namespace

	peers []person // all, and the strangers
}

type person struct {
	owner   audit.Ref
	peer    audit.Peer
	anybody bool // it stands for everybody of its sort, whom no gap is about
}

// everybody gathers them once: changes of policies don't change who there is.
func (w *work) everybody() *people {
	if w.people != nil {
		return w.people
	}
	g := &people{in: map[string][]person{}}
	type kind struct {
		owner  audit.Ref
		labels int
	}
	seen, has := map[kind]bool{}, map[audit.Ref]bool{}
	add := func(owner audit.Ref, p audit.Peer) {
		k := kind{owner, w.sets.Number(p.Labels)}
		if !p.IsPod() || seen[k] {
			return
		}
		seen[k] = true
		g.all = append(g.all, person{owner: owner, peer: p})
	}
	for i := range w.inv.Pods {
		pod := &w.inv.Pods[i]
		has[pod.Owner] = true
		if !pod.HostNetwork && !pod.Done {
			add(pod.Owner, w.engine.PodPeer(pod))
		}
	}
	for i := range w.inv.Workloads {
		if o := &w.inv.Workloads[i]; !has[o.Ref] && !o.HostNetwork {
			add(o.Ref, w.engine.PodPeer(&audit.Pod{
				Namespace: o.Namespace, Name: o.Name, Labels: o.PodLabels, Owner: o.Ref, ServiceAccount: o.ServiceAccount, Ports: o.Ports,
			}))
		}
	}
	if w.traffic != nil {
		for i := range w.traffic.Conversations {
			c := &w.traffic.Conversations[i]
			add(c.From.Workload, c.From)
			add(c.To.Workload, c.To)
		}
	}
	slices.SortStableFunc(g.all, func(a, b person) int {
		return cmp.Or(a.owner.Compare(b.owner), slices.Compare(a.peer.Labels, b.peer.Labels))
	})
	for _, p := range g.all {
		g.in[p.peer.Namespace] = append(g.in[p.peer.Namespace], p)
	}
	g.peers = slices.Concat(g.all, w.strangers())
	w.people = g
	return g
}

// of are those in a namespace; everybody if it is "", as it is of a clusterwide policy.
func (g *people) of(namespace string) []person {
	if namespace == "" {
		return g.all
	}
	return g.in[namespace]
}

// nowhere is a namespace that nobody has thought of.
const nowhere = "a namespace of any name"

// strangers are those that are no pods of ours, and a pod of no namespace known.
func (w *work) strangers() []person {
	var out []person
	for _, name := range []string{"world", "host", "remote-node", "kube-apiserver", "ingress", "health"} {
		p := person{owner: audit.Ref{Kind: "Entity", Name: name}, peer: policy.EntityPeer(name)}
		if name == "world" {
			// An address that nobody has: what a range says of it is what it says of all.
			p.peer.IP, p.anybody = netip.AddrFrom4([4]byte{192, 0, 2, 251}), true
		}
		out = append(out, p)
	}
	ls := []string{"k8s:" + audit.LabelNamespace + "=" + nowhere}
	if w.local != "" {
		ls = append(ls, "k8s:"+audit.LabelCluster+"="+w.local)
	}
	pod := audit.Peer{Namespace: nowhere, Labels: audit.NewLabels(ls...)}
	return append(out, person{audit.Ref{Kind: "Pod", Namespace: nowhere, Name: "any"}, pod, true})
}

// own are the labels of a pod itself that a selector may name.
func own(ls audit.Labels) map[string]string {
	out := map[string]string{}
	for _, l := range ls {
		if source, k, v := audit.SplitLabel(l); source == "k8s" && !strings.HasPrefix(k, "io.cilium.") && !strings.HasPrefix(k, "io.kubernetes.") {
			out[k] = v
		}
	}
	return out
}

// namedBy are the labels that people mostly select a workload by, best first.
var namedBy = []string{
	"app.kubernetes.io/name", "app", "k8s-app", "app.kubernetes.io/instance", "name", "component", "app.kubernetes.io/component",
}

// fleeting are labels that differ from one release to the next.
var fleeting = []string{"version", "app.kubernetes.io/version", "helm.sh/chart", "pod-template-hash", "pod-template-generation", "controller-revision-hash"}

// selects is the smallest set of labels that all pods of a workload bear and no
// others of its namespace do. If there is none, all that they have in common;
// nil if that is nothing.
func (w *work) selects(namespace string, ref audit.Ref) map[string]string {
	var common map[string]string
	var others []map[string]string
	for _, p := range w.everybody().in[namespace] {
		ls := own(p.peer.Labels)
		switch {
		case p.owner != ref:
			others = append(others, ls)
		case common == nil:
			common = ls
		default:
			maps.DeleteFunc(common, func(k, v string) bool { return ls[k] != v })
		}
	}
	maps.DeleteFunc(common, func(k, _ string) bool { return slices.Contains(fleeting, k) })
	for _, keys := range combinations(common) {
		sel := map[string]string{}
		for _, k := range keys {
			sel[k] = common[k]
		}
		if !slices.ContainsFunc(others, func(o map[string]string) bool { return bears(o, sel) }) {
			return sel
		}
	}
	if len(common) == 0 {
		return nil
	}
	return common
}

func bears(ls, sel map[string]string) bool {
	for k, v := range sel {
		if got, ok := ls[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// combinations are one and two keys, those first that people mostly use.
func combinations(ls map[string]string) [][]string {
	rank := func(k string) int {
		if i := slices.Index(namedBy, k); i >= 0 {
			return i
		}
		return len(namedBy)
	}
	keys := slices.SortedFunc(maps.Keys(ls), func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	const most = 12 // pairs of more are too many to try
	keys = keys[:min(len(keys), most)]
	var out [][]string
	for _, k := range keys {
		out = append(out, []string{k})
	}
	for i, a := range keys {
		for _, b := range keys[i+1:] {
			out = append(out, []string{a, b})
		}
	}
	return out
}
