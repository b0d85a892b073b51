// Package explain answers why one connection is allowed or denied, by which
// policy and rule at each end, and what a change of policies would do to the
// connections that were observed. It stands on audit/policy; it reads and
// writes nothing but what it is given.
//
// New takes an inventory. Answers answers a file of queries, one JSON object a
// line; Account gives one answer the way a person argues: egress at the
// source, then ingress at the destination, and what was seen of it. NewPreview
// decides observed conversations before and after a change.
//
// # Design
//
// An end of a query may leave open who it is: a Service has several backends,
// the pods of a workload may differ, an address of a node may be that of the
// node that the pod runs on. All of them are decided. If they agree that is the
// answer; if not it is undetermined and says what it depends on.
package explain

import (
	"fmt"
	"net/netip"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// An Explainer answers for one inventory. It is safe for concurrent use.
type Explainer struct {
	inv       *audit.Inventory
	engine    *policy.Engine
	pods      map[name]*member
	owned     map[name]*group // pods and templates, by the name of the workload
	in        map[string][]*member
	places    map[netip.Addr]place
	apiNodes  map[string]bool // nodes known to run the API server; empty if none is known
	directory *directory
}

type name struct{ namespace, name string }

// An Answer says whether the connection is allowed, and what each end decides.
type Answer struct {
	Verdict audit.Answer `json:"verdict"`
	Egress  Side         `json:"egress"`
	Ingress Side         `json:"ingress"`
}

// New prepares an inventory for queries.
func New(inv *audit.Inventory, o policy.Options) *Explainer {
	x := &Explainer{
		inv: inv, engine: policy.Compile(inv, o),
		pods: map[name]*member{}, owned: map[name]*group{}, in: map[string][]*member{},
		places: map[netip.Addr]place{}, apiNodes: map[string]bool{}, directory: newDirectory(inv),
	}
	for i := range inv.Workloads {
		w := &inv.Workloads[i]
		g := x.group(w.Namespace, w.Name)
		g.templates = append(g.templates, w)
	}
	for i := range inv.Pods {
		x.addPod(&inv.Pods[i])
	}
	x.addAddresses()
	return x
}

func (x *Explainer) group(ns, workload string) *group {
	g := x.owned[name{ns, workload}]
	if g == nil {
		g = &group{}
		x.owned[name{ns, workload}] = g
	}
	return g
}

func (x *Explainer) member(p *audit.Pod) *member { return x.pods[name{p.Namespace, p.Name}] }

func (x *Explainer) addPod(pod *audit.Pod) {
	p := &member{Pod: pod}
	x.pods[name{p.Namespace, p.Name}] = p
	if p.Done {
		return
	}
	x.in[p.Namespace] = append(x.in[p.Namespace], p)
	if p.Owner.Name != "" && p.Owner.Kind != "Pod" {
		g := x.group(p.Namespace, p.Owner.Name)
		g.pods = append(g.pods, p)
	}
	if p.HostNetwork && p.Namespace == "kube-system" && p.Labels["component"] == "kube-apiserver" && p.Node != "" {
		x.apiNodes[p.Node] = true
	}
}

// Notes say which policies are not wholly understood, in order: an answer may
// be undetermined because of them, or be given without them.
func (x *Explainer) Notes() []string {
	var out []string
	for _, p := range x.engine.Partly() {
		what := "is not wholly understood"
		if p.NoEffect {
			what = "has no effect, Cilium rejects it"
		}
		out = append(out, fmt.Sprintf("%s %s: %s", p.Ref, what, p.Why))
	}
	return out
}

// Answer answers one query. An error means that it is no question, or that it
// asks about something that is not there.
func (x *Explainer) Answer(q *Query) (Answer, error) {
	if err := q.check(); err != nil {
		return Answer{}, err
	}
	c, err := x.resolve(q)
	if err != nil {
		return Answer{}, err
	}
	return x.answer(c), nil
}

func (x *Explainer) answer(c *connection) Answer {
	a := Answer{Egress: c.side(x.engine, audit.Egress), Ingress: c.side(x.engine, audit.Ingress)}
	a.Verdict = both(a.Egress.Verdict, a.Ingress.Verdict)
	return a
}
