package explain

import (
	"maps"
	"strings"

	"github.com/segproof/segproof/audit"
)

// An outlook tells who an end of an observed conversation would be after the
// change: the labels of its namespace and of its pods may change too.
type outlook struct {
	namespaces map[string]*audit.Namespace
	pods       map[audit.Ref]*audit.Pod // by workload
	peer       func(*audit.Pod) audit.Peer
	known      map[string]*audit.Peer
}

func newOutlook(before *audit.Inventory, c *Change, peer func(*audit.Pod) audit.Peer) *outlook {
	o := &outlook{map[string]*audit.Namespace{}, map[audit.Ref]*audit.Pod{}, peer, map[string]*audit.Peer{}}
	if c.Objects == nil {
		return o
	}
	same := map[audit.Ref]map[string]string{}
	for _, n := range before.Namespaces {
		same[audit.Ref{Kind: "Namespace", Name: n.Name}] = n.Labels
	}
	for _, w := range before.Workloads {
		same[w.Ref] = w.PodLabels
	}
	for _, p := range before.Pods {
		same[audit.Ref{Kind: "Pod", Namespace: p.Namespace, Name: p.Name}] = p.Labels
	}
	for i := range c.Objects.Namespaces {
		n := &c.Objects.Namespaces[i]
		if !maps.Equal(same[audit.Ref{Kind: "Namespace", Name: n.Name}], n.Labels) {
			o.namespaces[n.Name] = n
		}
	}
	for i := range c.Objects.Workloads {
		if w := &c.Objects.Workloads[i]; !maps.Equal(same[w.Ref], w.PodLabels) {
			o.pods[w.Ref] = podOf(w)
		}
	}
	for i := range c.Objects.Pods {
		p := &c.Objects.Pods[i]
		if !maps.Equal(same[audit.Ref{Kind: "Pod", Namespace: p.Namespace, Name: p.Name}], p.Labels) {
			o.pods[p.Owner] = p
		}
	}
	return o
}

// after is who the end would be.
func (o *outlook) after(p *audit.Peer) *audit.Peer {
	pod, ns := o.pods[p.Workload], o.namespaces[p.Namespace]
	if !p.IsPod() || pod == nil && ns == nil {
		return p
	}
	k := p.Workload.String() + "\x00" + p.Labels.Key()
	if o.known[k] != nil {
		return o.known[k]
	}
	is := *p
	if pod != nil {
		is = o.peer(pod)
	} else {
		is.Labels = inNamespace(p.Labels, o.peer(&audit.Pod{Namespace: p.Namespace}).Labels)
	}
	o.known[k] = &is
	return &is
}

// inNamespace exchanges the labels that come from the namespace.
func inNamespace(ls, of audit.Labels) audit.Labels {
	const prefix = "k8s:" + audit.PrefixNamespaceMeta
	var out []string
	for _, l := range ls {
		if !strings.HasPrefix(l, prefix) {
			out = append(out, l)
		}
	}
	for _, l := range of {
		if strings.HasPrefix(l, prefix) {
			out = append(out, l)
		}
	}
	return audit.NewLabels(out...)
}
