package rules

import (
	"fmt"

	"github.com/segproof/segproof/audit"
)

// PlatformDropped finds pods that a default deny keeps the platform itself from.
var PlatformDropped = &audit.Rule{
	ID: "SEG404", Name: "flow-platform-dropped", Severity: audit.High, Needs: audit.Policies | audit.Flows,
	Doc: audit.Doc{
		Title: "A default deny drops what the platform itself sends",
		Why: "The API server calls webhooks and aggregated APIs, nodes carry what comes from outside, Cilium's ingress and health checks call pods. Dropped, admission hangs, " +
			"a published service is dead, a healthy node looks sick; and nothing in the pod's own logs says why.",
		Fix: "Allow the entity named, on this port only, with a CiliumNetworkPolicy (`fromEntities`): a NetworkPolicy can't name it.",
		Blind: "At least three connections over at least 30 seconds must have been dropped. The kubelet of a pod's own node always gets through and is not found here. " +
			"Scrapers and other pods of the platform are `flow-drop-gap`'s matter; so is the way out, from a pod to the API server.",
	},
	References: []string{"NIST 800-53 CP-10"},
	Check:      platformDropped,
}

func platformDropped(p *audit.Pass) {
	refused := outcome(audit.Refused)
	for _, e := range edges(p, func(v *audit.Judged) bool { return refused(v) && fromPlatform(v) }) {
		if !e.sustained() {
			withholdIfLost(p)
			continue
		}
		f := e.finding()
		who := names(e.subject, f.Policies)
		f.Message = fmt.Sprintf("%s denies %s from %s: %s %s its ingress and no rule allows this", e.subject.Name, audit.PortName(e.proto, e.port), short(e.subject, e.peer), who, verb(who, "isolates", "isolate"))
		if who == "" {
			f.Message = fmt.Sprintf("%s denies %s from %s: no policy allows it, and the cluster denies by default", e.subject.Name, audit.PortName(e.proto, e.port), short(e.subject, e.peer))
		}
		f.Fix = fmt.Sprintf("Add an ingress rule to a CiliumNetworkPolicy for %s: `fromEntities: [%s]`, %s only.", e.subject.Name, e.peer.Name, audit.PortName(e.proto, e.port))
		if extend := toExtend(f.Policies); extend != nil {
			f.Location = extend.Source
		}
		p.Report(f)
	}
}

// fromPlatform tells whether a pod of ours refuses the API server, a node,
// Cilium's ingress or its health checks.
func fromPlatform(v *audit.Judged) bool {
	if v.End != audit.Ingress || v.From.IsPod() {
		return false
	}
	switch v.From.Ref().Name {
	case "kube-apiserver", "host", "remote-node", "health", "ingress":
		return true
	}
	return false
}
