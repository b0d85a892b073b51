package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// began is when everything in the large cluster happens.
var began = time.Date(2026, 7, 14, 21, 0, 0, 0, time.UTC)

// large is the report of a cluster with so many workloads, in namespaces of
// twenty, and so many conversations between them: most of them inside a
// namespace or with a few others, as in real clusters.
func large(workloads, conversations int) *audit.Report {
	g := &generator{Rand: rand.New(rand.NewPCG(7, 14)), workloads: workloads}
	r := &audit.Report{
		Schema: audit.Schema, Cluster: "large", Run: audit.Run{ID: "large", Trigger: audit.Manual, Began: began, Ended: began.Add(time.Hour)},
		Coverage: audit.Coverage{
			From: began, To: began.Add(time.Hour), Flows: 4_200_000, Conversations: conversations, Lost: 1200, Workloads: workloads,
			Nodes: []audit.NodeCoverage{{Name: "node-a", Flows: 2_100_000}, {Name: "node-b", Flows: 2_100_000, Lost: 1200}},
		},
	}
	seen := map[string]bool{}
	for len(r.Edges) < conversations {
		e := g.edge()
		k := fmt.Sprint(e.From, e.To, e.Port)
		if e.From == e.To || seen[k] {
			continue
		}
		seen[k] = true
		if e.State == audit.EdgeContradicted || e.State == audit.EdgeRefused {
			f := g.finding(&e, len(r.Findings))
			e.Findings = []string{f.Fingerprint}
			r.Findings = append(r.Findings, f)
		}
		r.Edges = append(r.Edges, e)
	}
	audit.SortFindings(r.Findings)
	for ns := range workloads / perNamespace {
		r.ScoreCard = append(r.ScoreCard, g.score(namespace(ns)))
		r.Objects = append(r.Objects, policy(namespace(ns)))
		r.PolicyCoverage = append(r.PolicyCoverage, g.exercise(namespace(ns)))
	}
	return r
}

const perNamespace = 20

type generator struct {
	*rand.Rand
	workloads int
}

func namespace(i int) string { return fmt.Sprintf("team-%02d", i) }

func workload(i int) audit.Ref {
	return audit.Ref{Kind: "Deployment", Namespace: namespace(i / perNamespace), Name: fmt.Sprintf("service-%03d", i)}
}

// edge is a call: half of them within the namespace, most others to the few
// that everybody calls.
func (g *generator) edge() audit.Edge {
	from := g.IntN(g.workloads)
	to := from/perNamespace*perNamespace + g.IntN(perNamespace)
	switch n := g.IntN(10); {
	case n < 3:
		to = g.IntN(3 * perNamespace)
	case n < 5:
		to = min(from+perNamespace+g.IntN(2*perNamespace), g.workloads-1)
	}
	state := []audit.EdgeState{audit.EdgeCarried, audit.EdgeUnjudged, audit.EdgeUnseen, audit.EdgeRefused, audit.EdgeContradicted}
	weight := g.IntN(100)
	at := slices.IndexFunc([]int{80, 88, 96, 99, 100}, func(n int) bool { return weight < n })
	e := audit.Edge{
		From: workload(from), To: workload(to), Protocol: audit.TCP, Port: uint16(8000 + g.IntN(4)), State: state[at],
		Egress: audit.EdgeEnd{Answer: audit.Allow, Reason: audit.NotIsolated, Outcome: audit.Used},
		Ingress: audit.EdgeEnd{Answer: audit.Allow, Reason: audit.AllowedByRule, Outcome: audit.Used,
			Policies: []audit.PolicyRef{{Ref: policy(workload(to).Namespace).Ref, Rule: "ingress[0]"}}},
	}
	if e.State == audit.EdgeUnseen {
		return e
	}
	e.Connections, e.First, e.Last = uint64(1+g.IntN(9000)), began, began.Add(time.Duration(g.IntN(3600))*time.Second)
	e.Flows = e.Connections * 3
	e.Samples = []audit.Sample{{Time: e.First, Node: "node-a", From: e.From.Name + "-0", To: e.To.Name + "-0", Address: "10.0.0.1:8000", Summary: "TCP Flags: SYN"}}
	return e
}

func (g *generator) finding(e *audit.Edge, n int) audit.Finding {
	f := audit.Finding{
		ID: "SEG401", Rule: "flow-drop-gap", Severity: audit.High, Kind: audit.Fails, State: audit.New, Subject: e.To, Peer: &e.From,
		Direction: audit.Ingress, Protocol: e.Protocol, Port: &e.Port, Owner: e.To.Namespace,
		Message: "ingress from " + e.From.String() + " is dropped, and no rule allows it", Fingerprint: fmt.Sprintf("%032x", n+1), Policies: e.Ingress.Policies,
	}
	e.Ingress.Answer, e.Ingress.Reason, e.Ingress.Outcome = audit.Deny, audit.DefaultDenied, audit.Refused
	if e.State == audit.EdgeContradicted {
		f.ID, f.Rule, f.Severity, f.Message = "SEG101", "enforce-deny-forwarded", audit.Critical, "ingress from "+e.From.String()+" is denied, and was carried"
		e.Ingress.Outcome = audit.Contradicted
	}
	return f
}

func (g *generator) score(ns string) audit.Score {
	state := func() audit.Layer {
		all := []audit.LayerState{audit.NotCovered, audit.DeclaredOK, audit.Enforced, audit.ProvenOK, audit.Disproved}
		return audit.Layer{State: all[g.IntN(len(all))], Why: "as it was made up"}
	}
	return audit.Score{Namespace: ns, Owner: ns, Workloads: perNamespace, Admission: state(), Network: state(), L7: state(), Observability: state()}
}

func policy(ns string) audit.Declared {
	ref := audit.Ref{Kind: "NetworkPolicy", Namespace: ns, Name: "allow-callers"}
	return audit.Declared{Ref: ref, APIVersion: "networking.k8s.io/v1", Manifest: map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": ref.Kind, "metadata": map[string]any{"name": ref.Name, "namespace": ns},
		"spec": map[string]any{"podSelector": map[string]any{}, "ingress": []any{map[string]any{"from": []any{map[string]any{"namespaceSelector": map[string]any{}}}}}},
	}}
}

func (g *generator) exercise(ns string) audit.Exercise {
	x := audit.Exercise{PolicyRef: audit.PolicyRef{Ref: policy(ns).Ref, Rule: "ingress[0]"}, Effect: audit.EffectAllow, Direction: audit.Ingress, Subjects: "every pod of namespace " + ns}
	if g.IntN(3) > 0 {
		x.Exercised, x.Conversations, x.Connections, x.Last = true, 40, 9000, began.Add(time.Hour)
	}
	return x
}
