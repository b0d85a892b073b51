package explain

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// An end is who one end of a query may be: at least one party, or a reason why
// that is not known.
type end struct {
	title   string
	note    string // what a person should know of how it was found
	are     []party
	several string // why there are more than one
	unknown string
}

// A party is one of those that an end may be.
type party struct {
	peer   audit.Peer
	node   string // that it runs on, or that it is; "" if not known
	isNode bool
	labels []string // of the node that it is, as a node's identity has them; none if not known
	api    answer   // whether the API server runs on that node
	port   uint16   // that a Service translates to; 0 for the one asked about
}

type answer uint8

const (
	no answer = iota
	maybe
	yes
)

// subject is the party as the one that decides. A node decides as the host.
func (p *party) subject() *audit.Peer {
	if p.isNode {
		return p.asNode("host")
	}
	return &p.peer
}

// seenFrom are those that it may be to another, who decides. To a pod a node is
// the host if it is the pod's own, else a remote one, and with or without the
// API server on it.
func (p *party) seenFrom(o *party) []*audit.Peer {
	if !p.isNode {
		return []*audit.Peer{&p.peer}
	}
	var is []string
	if p.node == "" || o.node == "" || p.node == o.node {
		is = append(is, "host")
	}
	if p.node == "" || o.node == "" || p.node != o.node {
		is = append(is, "remote-node")
	}
	var out []*audit.Peer
	for _, entity := range is {
		if p.api != yes {
			out = append(out, p.asNode(entity))
		}
		if p.api != no {
			out = append(out, p.asNode(entity, "reserved:kube-apiserver"))
		}
	}
	return out
}

func (p *party) asNode(entity string, more ...string) *audit.Peer {
	peer := policy.EntityPeer(entity)
	peer.Labels = audit.NewLabels(slices.Concat(more, p.labels, peer.Labels)...)
	peer.IP = p.peer.IP
	return &peer
}

// nodeLabels are the labels of a node as an identity has them.
func (x *Explainer) nodeLabels(name string) []string {
	var out []string
	for i := range x.inv.Nodes {
		if x.inv.Nodes[i].Name != name {
			continue
		}
		for k, v := range x.inv.Nodes[i].Labels {
			out = append(out, "node:"+k+"="+v)
		}
	}
	return out
}

// resolve finds the ends of a query.
func (x *Explainer) resolve(q *Query) (*connection, error) {
	c := &connection{protocol: q.Protocol, port: uint16(*q.Port), dns: q.DNS, sni: q.SNI}
	if q.HTTP != nil {
		c.http = &q.HTTP.HTTP
	}
	var err error
	if c.from, err = x.end(&q.From, nil); err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	if c.to, err = x.end(&q.To, c); err != nil {
		return nil, fmt.Errorf("to: %w", err)
	}
	c.named()
	return c, nil
}

// named reads what dns means: a name that is asked for if the connection goes
// to a DNS server, else the name that the address outside was looked up by.
func (c *connection) named() {
	const dnsPort = 53
	if c.dns == "" || c.port == dnsPort || len(c.to.are) == 0 {
		return
	}
	p := c.to.are[0].peer
	if len(p.Labels) > 0 && !p.IsWorld() {
		return
	}
	learnt := strings.ToLower(strings.TrimSuffix(c.dns, "."))
	p.Labels = audit.NewLabels(append([]string{"fqdn:" + learnt, "reserved:world"}, p.Labels...)...)
	c.to.are, c.dns = []party{{peer: p}}, ""
}

// end finds who an end is. To is the connection if it is the destination.
func (x *Explainer) end(e *End, to *connection) (end, error) {
	switch {
	case e.IP != "":
		return x.address(e.IP, to)
	case e.Entity != "":
		return entity(e.Entity)
	case e.Labels != nil:
		return x.labelled(e)
	}
	out := end{title: e.String()}
	if p := x.pods[name{e.Namespace, e.Pod}]; p != nil {
		out.are = []party{p.party(x)}
		return out, nil
	}
	g := x.owned[name{e.Namespace, e.Pod}]
	if g == nil {
		return end{}, x.directory.missing(e.Namespace, e.Pod)
	}
	out.are, out.several = g.parties(x), "the pods of "+out.title+" differ in their labels"
	if len(g.pods) > 0 {
		out.note = plural(len(g.pods), "pod")
	} else {
		out.note = "by its template, since no pod of it is declared"
	}
	out.bound()
	return out, nil
}

// entities are those that are one identity.
func entities() []string {
	return []string{"world", "world-ipv4", "world-ipv6", "host", "remote-node", "kube-apiserver", "health", "ingress", "init", "unmanaged"}
}

func entity(s string) (end, error) {
	switch {
	case slices.Contains(entities(), s):
		return end{title: s, are: []party{{peer: policy.EntityPeer(s)}}}, nil
	case slices.Contains([]string{"cluster", "cluster-mesh", "all"}, s):
		return end{}, fmt.Errorf("entity %q stands for many\nask about one of them: a pod, or %s", s, strings.Join(entities(), ", "))
	}
	return end{}, fmt.Errorf("no entity %q\nexpected one of %s", s, strings.Join(entities(), ", "))
}

// labelled is a pod with these labels, whether it exists or not. Its service
// account may be given as the label that Cilium makes of it.
func (x *Explainer) labelled(e *End) (end, error) {
	p := audit.Pod{Namespace: e.Namespace, Labels: map[string]string{}, ServiceAccount: "default"}
	for k, v := range e.Labels {
		source, key, _ := audit.SplitLabel(k)
		switch {
		case source != "k8s" && source != "any":
			return end{}, fmt.Errorf("label %q is not one of a pod\nan entity is asked about with {\"entity\"}", k)
		case key == audit.LabelServiceAccount:
			p.ServiceAccount = v
		case key == audit.LabelNamespace && v != e.Namespace || strings.HasPrefix(key, audit.PrefixNamespaceMeta):
			return end{}, fmt.Errorf("label %q belongs to the namespace\nname the namespace; its labels are those that are declared", k)
		default:
			p.Labels[key] = v
		}
	}
	return end{title: e.String(), are: []party{x.party(&p)}}, nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// outside is an address outside the cluster.
func outside(ip netip.Addr) end {
	return end{title: ip.String(), note: "outside the cluster", are: []party{{peer: audit.Peer{IP: ip}}}}
}

// errLoopback says why nothing is asked about it.
var errLoopback = errors.New("the address never leaves the pod\nask about the pod or the node")
