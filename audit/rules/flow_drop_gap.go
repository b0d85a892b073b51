package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// DropGap finds connections that a default deny keeps dropping, between ends
// that are ours.
var DropGap = &audit.Rule{
	ID: "SEG401", Name: "flow-drop-gap", Severity: audit.High, Needs: audit.Policies | audit.Flows,
	Doc: audit.Doc{
		Title: "A default deny keeps dropping traffic of our own",
		Why: "A workload tries again and again to reach another, and a default deny drops it because no rule allows it: either an allow was forgotten, " +
			"or something calls what it should not. Hubble names no policy for such a drop; the policies named here are those that isolate the pod.",
		Fix: "If the traffic is wanted, allow it at the end named; otherwise stop the caller.",
		Blind: "At least three connections over at least 30 seconds must have been dropped; slower callers are missed in a short window. " +
			"A drop at the source hides what the destination would have said. What knocks from outside the cluster is not reported; what the platform itself sends is `flow-platform-dropped`'s matter.",
	},
	References: []string{"PCI DSS 1.2.5", "NIST 800-53 CM-3"},
	Check:      dropGap,
}

// A gap is sustained: this many connections, and from the first to the last
// this long.
const (
	gapConnections = 3
	gapLasts       = 30 * time.Second
)

func (e *edge) sustained() bool {
	return e.connections() >= gapConnections && e.last.Sub(e.first) >= gapLasts
}

func dropGap(p *audit.Pass) {
	refused := outcome(audit.Refused)
	for _, e := range edges(p, func(v *audit.Judged) bool { return refused(v) && ours(v) && !isDNS(p, v) && !fromPlatform(v) }) {
		if !e.sustained() {
			withholdIfLost(p)
			continue
		}
		f := e.finding()
		f.Message = gapMessage(e, f.Policies)
		extend := toExtend(f.Policies)
		f.Fix = gapFix(p, e, extend)
		if extend != nil {
			f.Location = extend.Source
		}
		p.Report(f)
	}
}

// withholdIfLost counts a gap that may only look small because flows were lost.
func withholdIfLost(p *audit.Pass) {
	if p.Lost > 0 {
		p.Withhold(1)
	}
}

// ours tells whether both ends are ours, or a pod of ours calls the world. A
// pod that has no identity yet is in nobody's hands.
func ours(v *audit.Judged) bool {
	o := v.Other()
	return !o.Labels.Reserved("init") && (v.End == audit.Egress || !o.IsWorld() || o.Labels.Reserved("kube-apiserver"))
}

func gapMessage(e *edge, by []audit.PolicyRef) string {
	why := "no policy allows it, and the cluster denies by default"
	if who := names(e.subject, by); who != "" {
		why = fmt.Sprintf("%s %s its %s and no rule allows this", who, verb(who, "isolates", "isolate"), e.end)
	}
	what := audit.PortName(e.proto, e.port)
	if e.end == audit.Egress {
		return fmt.Sprintf("%s is denied %s to %s: %s", e.subject.Name, what, short(e.subject, e.peer), why)
	}
	return fmt.Sprintf("%s denies %s from %s: %s", e.subject.Name, what, short(e.subject, e.peer), why)
}

// gapFix says which allow is missing at which end, and whether the other end
// would still deny.
func gapFix(p *audit.Pass, e *edge, extend *audit.Object) string {
	v := e.ends[0]
	way, other := "to", audit.Ingress
	if e.end == audit.Ingress {
		way, other = "from", audit.Egress
	}
	fix := fmt.Sprintf("If wanted, add an %s rule %s %s on %s, %s", e.end, way, e.selector(), audit.PortName(e.proto, e.port), where(e, extend))
	if v.Other().IsPod() {
		switch d := p.Engine.Decide(audit.Query{Direction: other, Subject: v.Other(), Peer: v.Subject(), Protocol: e.proto, Port: e.port}); d.Answer {
		case audit.Deny:
			fix += fmt.Sprintf("; %s of %s denies it too (%s)", other, e.peer.Name, names(e.peer, d.Policies))
		case audit.Allow:
			fix += fmt.Sprintf("; %s of %s allows it already", other, e.peer.Name)
		}
	}
	return fix + ". If not, stop the caller."
}

// toExtend is the policy that an allow belongs to, or beside which a new one
// belongs: one for this workload rather than the default deny of the whole
// namespace, where there is one; nil if none is known.
func toExtend(by []audit.PolicyRef) *audit.Object {
	var beside *audit.Object
	for _, r := range by {
		if r.Object == nil {
			continue
		}
		if !selectsAll(r.Object) {
			return r.Object
		}
		beside = r.Object
	}
	return beside
}

func where(e *edge, extend *audit.Object) string {
	switch {
	case extend == nil:
		return "in a new policy for " + e.subject.Name
	case selectsAll(extend):
		return "in a new policy beside " + extend.Ref.String()
	}
	return "in " + extend.Ref.String()
}

func selectsAll(o *audit.Object) bool {
	spec, _ := o.Raw["spec"].(map[string]any)
	for _, k := range []string{"podSelector", "endpointSelector"} {
		if sel, ok := spec[k].(map[string]any); ok {
			labels, _ := sel["matchLabels"].(map[string]any)
			exprs, _ := sel["matchExpressions"].([]any)
			return len(labels) == 0 && len(exprs) == 0
		}
	}
	return false
}

// selector describes the other end as a rule would select it.
func (e *edge) selector() string {
	o := e.ends[0].Other()
	if o.IsWorld() {
		return e.addresses()
	}
	if !o.IsPod() {
		return "the entity " + o.Ref().Name
	}
	var own []string
	for _, l := range o.Labels {
		if source, k, v := audit.SplitLabel(l); source == "k8s" && !strings.HasPrefix(k, "io.cilium.") && !strings.HasPrefix(k, "io.kubernetes.") {
			own = append(own, k+"="+v)
		}
	}
	if len(own) == 0 {
		return "the pods of namespace " + o.Namespace
	}
	return fmt.Sprintf("pods %s of namespace %s", strings.Join(own, ","), o.Namespace)
}

// addresses lists some of the addresses outside, for a rule by CIDR.
func (e *edge) addresses() string {
	var out []string
	for _, v := range e.ends {
		if ip := v.Other().IP; ip.IsValid() {
			out = append(out, ip.String())
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	const most = 3
	switch {
	case len(out) == 0:
		return "the world"
	case len(out) > most:
		return fmt.Sprintf("%s and %d more addresses", strings.Join(out[:most], ", "), len(out)-most)
	}
	return strings.Join(out, ", ")
}
