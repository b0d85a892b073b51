package rules

import (
	"fmt"
	"slices"

	"github.com/segproof/segproof/audit"
)

// DNSDropped finds pods that a default deny keeps from the cluster's DNS.
var DNSDropped = &audit.Rule{
	ID: "SEG402", Name: "flow-dns-dropped", Severity: audit.High, Needs: audit.Policies | audit.Flows,
	Doc: audit.Doc{
		Title: "A default deny drops queries to the cluster's DNS",
		Why:   "A pod that can't resolve names looks like one with broken connectivity everywhere. TCP matters as UDP does: long answers are asked for again over TCP.",
		Fix:   "Allow egress on UDP 53 and TCP 53 to the cluster's DNS pods (namespace kube-system, k8s-app=kube-dns) for every pod of the namespace.",
		Blind: "At least three queries over at least 30 seconds must have been dropped. A name that does not exist, or that the DNS proxy refuses, is not a drop. " +
			"Resolvers outside the cluster are `flow-drop-gap`'s matter.",
	},
	References: []string{"NIST 800-53 CM-6"},
	Check:      dnsDropped,
}

func dnsDropped(p *audit.Pass) {
	refused := outcome(audit.Refused)
	for _, e := range edges(p, func(v *audit.Judged) bool { return refused(v) && ours(v) && isDNS(p, v) }) {
		if !e.sustained() {
			withholdIfLost(p)
			continue
		}
		f := e.finding()
		who := names(e.subject, f.Policies)
		if e.end == audit.Egress {
			f.Message = fmt.Sprintf("%s can't ask the cluster's DNS over %s: %s %s its egress and no rule allows it", e.subject.Name, e.proto, who, verb(who, "isolates", "isolate"))
		} else {
			f.Message = fmt.Sprintf("%s refuses DNS over %s from %s: %s %s its ingress and no rule allows it", e.subject.Name, e.proto, short(e.subject, e.peer), who, verb(who, "isolates", "isolate"))
		}
		p.Report(f)
	}
}

// isDNS tells whether a conversation goes to the cluster's own DNS: on port 53,
// or the port that its Service leads to, to a pod that serves it or to the node
// (NodeLocal DNSCache listens there).
func isDNS(p *audit.Pass, v *audit.Judged) bool {
	if v.Protocol != audit.UDP && v.Protocol != audit.TCP {
		return false
	}
	to := &v.To
	if !to.IsPod() {
		return v.Port == 53 && (to.Labels.Reserved("host") || to.Labels.Reserved("remote-node"))
	}
	if slices.ContainsFunc(dnsServices(p), func(s *audit.Service) bool { return leadsTo(s, v) }) {
		return true
	}
	app, _ := to.Labels.Get("k8s-app")
	name, _ := to.Labels.Get("app.kubernetes.io/name")
	return v.Port == 53 && (slices.Contains(dnsApps, app) || slices.Contains(dnsApps, name))
}

var dnsApps = []string{"kube-dns", "coredns", "node-local-dns"}

// dnsServices are the platform's Services with port 53.
func dnsServices(p *audit.Pass) []*audit.Service {
	return audit.Shared(p, sharedDNS{}, func(p *audit.Pass) (out []*audit.Service) {
		for i := range p.Services {
			s := &p.Services[i]
			if p.IsSystem(s.Namespace) && slices.ContainsFunc(s.Ports, func(sp audit.ServicePort) bool { return sp.Port == 53 }) {
				out = append(out, s)
			}
		}
		return out
	})
}

// leadsTo tells whether a Service that serves DNS leads to the destination:
// CoreDNS may listen on another port than 53.
func leadsTo(s *audit.Service, v *audit.Judged) bool {
	if s.Namespace != v.To.Namespace || !selects(s.Selector, v.To.Labels) {
		return false
	}
	return slices.ContainsFunc(s.Ports, func(sp audit.ServicePort) bool {
		if sp.Port != 53 {
			return false
		}
		named, ok := v.To.Labels.NamedPort(sp.TargetName, v.Protocol)
		return v.Port == 53 || v.Port == sp.Target || ok && v.Port == named
	})
}

func selects(selector map[string]string, ls audit.Labels) bool {
	for k, want := range selector {
		if v, ok := ls.Get(k); !ok || v != want {
			return false
		}
	}
	return len(selector) > 0
}
