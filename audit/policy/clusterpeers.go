package policy

import "strings"

// clusterPeers reads from or to. No list means everybody. It returns the rules
// that Cilium makes besides: of a peer that it does not know, for a rule that
// does not accept, a denial for everybody; of names, a rule for looking them up.
func (r *reader) clusterPeers(one *rule, list field, d dialect) (more []*rule) {
	items := list.items()
	if len(items) > d.most {
		list.reject("expected at most %d peers, found %d", d.most, len(items))
	}
	egress := strings.HasSuffix(list.path, "to")
	for _, item := range items {
		kind, at := clusterPeer(item, egress)
		switch kind {
		case "":
			item.unresolved("no peer that is known: an Accept is for nobody then, and all else denies everybody")
			if one.verdict != allow {
				more = append(more, &rule{ref: one.ref, order: one.order, verdict: deny, anyPort: one.anyPort, ports: one.ports})
			}
		case "namespaces":
			one.peers = append(one.peers, r.clusterNamespaces(at, d))
		case "pods":
			if k := r.kin(at.at("namespaces"), at.at("podSelector"), d); k != nil {
				one.peers = append(one.peers, k)
				continue
			}
			before := len(at.notes.unclear)
			reqs := r.ourCluster(r.clusterPods(at, d))
			one.peers = append(one.peers, selected{r.intern(reqs, at.notes.since(before))})
		case "nodes":
			one.peers = append(one.peers, r.clusterNodes(at, d))
		case "networks":
			one.peers = append(one.peers, r.networks(at, d))
		case "domainNames":
			names, lookup := r.domainNames(one, at, d)
			one.peers = append(one.peers, names)
			more = append(more, lookup...)
		}
	}
	one.nobody = len(items) > 0 && len(one.peers) == 0
	return more
}

// clusterPeer tells which kind of peer an item is, "" if it is none that is known.
func clusterPeer(f field, egress bool) (kind string, at field) {
	kinds := []string{"namespaces", "pods"}
	if egress {
		kinds = append(kinds, "nodes", "networks", "domainNames")
	}
	if _, ok := f.value.(map[string]any); !ok {
		f.expected("an object")
		return "", f
	}
	for _, k := range kinds {
		if !f.at(k).given() {
			continue
		}
		if kind != "" {
			f.reject("%s and %s may not be combined in one peer", kind, k)
		}
		kind, at = k, f.at(k)
	}
	return kind, at
}

// clusterNamespaces are all pods of some namespaces, of any cluster. A
// selector that only excludes selects in Cilium also what is no pod.
func (r *reader) clusterNamespaces(f field, d dialect) matcher {
	if k := r.kin(f, field{notes: f.notes}, d); k != nil {
		return k
	}
	before := len(f.notes.unclear)
	if deeper := f.at("namespaceSelector"); deeper.given() && d.first {
		f.object("namespaceSelector")
		f = deeper
	}
	reqs := r.namespaceTerms(f)
	if d.order.byText {
		reqs = append(reqs, anyNamespace())
	}
	return selected{r.intern(reqs, f.notes.since(before))}
}

// clusterNodes are nodes by their labels, which the agent must be told to know.
func (r *reader) clusterNodes(f field, d dialect) matcher {
	before := len(f.notes.unclear)
	reqs := r.terms(f, "k8s").all()
	for i := range reqs {
		reqs[i].source, reqs[i].hidden = "node", false
	}
	n := &nodes{byLabel: r.intern(reqs, f.notes.since(before)), all: d.order.byText && len(reqs) == 0}
	if !d.order.byText && r.settings.seen && !r.settings.nodeSelectors {
		f.reject("nodes can be selected only if enable-node-selector-labels is set")
	}
	return n
}

// networks are address ranges. By the API's text they are for addresses inside
// the cluster too.
func (r *reader) networks(f field, d dialect) matcher {
	out := &blocks{settings: r.settings, anywhere: d.order.byText}
	for _, item := range f.items() {
		if p, ok := item.prefix(false); ok {
			out.list = append(out.list, block{prefix: p})
		}
	}
	return out
}

// domainNames are names of which a leading star stands for any number of
// labels. So that they can be learnt, Cilium allows looking them up.
func (r *reader) domainNames(one *rule, f field, d dialect) (peers names, lookup []*rule) {
	if one.verdict != allow {
		f.reject("names are possible only in rules that accept")
	}
	if !d.order.byText && !r.settings.l7 {
		f.reject("names need enable-l7-proxy")
	}
	for _, item := range f.items() {
		s := item.domain(dnsChars + "*")
		switch {
		case s == "":
			item.expected("a name")
		case !strings.HasPrefix(s, "*"):
			peers = append(peers, name{text: s})
		default:
			s = "**" + strings.TrimLeft(s, "*")
			peers = append(peers, name{s, patternExpr(s)})
		}
	}
	if d.order.byText {
		return peers, nil
	}
	return peers, []*rule{r.lookup(one, peers)}
}

// lookup allows to ask the cluster's name servers for these names.
func (r *reader) lookup(one *rule, ns names) *rule {
	servers := r.intern([]requirement{{op: in, source: "any", key: "k8s-app", values: []string{"kube-dns"}}}, "")
	l7 := &layer7{dns: ns}
	return &rule{ref: one.ref, order: one.order, peers: []matcher{selected{servers}}, ports: []portRule{
		{protocols: anyTransport, name: "dns", l7: l7, alone: true}, {protocols: anyTransport, name: "dns-tcp", l7: l7, alone: true},
	}}
}

// nodes are nodes with labels, which an identity carries only if the agent is
// told so.
type nodes struct {
	byLabel *selector
	all     bool
}

func (n *nodes) match(p end) (truth, string) {
	switch {
	case p.unknown:
		return maybe, whyUnknown
	case !p.node:
		return no, ""
	case n.all:
		return yes, ""
	}
	for _, l := range p.labels {
		if l.source == "node" {
			return n.byLabel.match(p.identity), n.byLabel.why(p)
		}
	}
	return maybe, "the labels of the node are not known"
}
