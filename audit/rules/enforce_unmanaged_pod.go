package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// UnmanagedPod finds running pods that Cilium does not know.
var UnmanagedPod = &audit.Rule{
	ID: "SEG106", Name: "enforce-unmanaged-pod", Severity: audit.High, Needs: audit.Policies,
	Doc: audit.Doc{
		Title: "A running pod is not managed by Cilium",
		Why: "A pod without a CiliumEndpoint has no identity and no policy: nothing that is declared for it is enforced, and others see it as unmanaged or as the world. " +
			"Pods that started before the agent, or on a node with another network plugin, are like that.",
		Fix: "Restart the pods (`kubectl -n NAMESPACE delete pod NAME`) so that the agent's plugin sets up their network; if they come back unmanaged, look at the agent of their node.",
		Blind: "Only pods that have run for two minutes are looked at. Pods on the node's network are `enforce-host-network`'s matter, system namespaces are left out, and where no CiliumEndpoint " +
			"exists at all, or they are switched off (`disable-endpoint-crd`), nothing can be told. Manifests must hold the CiliumEndpoints.",
	},
	References: []string{"NIST 800-53 SC-7", "Microsoft Threat Matrix for Kubernetes MS-TA9034"},
	Check:      unmanagedPod,
}

// unmanagedAfter is how long the agent has to set up a pod.
const unmanagedAfter = 2 * time.Minute

func unmanagedPod(p *audit.Pass) {
	switch {
	case unreadable(p, "ciliumendpoints.cilium.io"):
		p.Withhold(1)
		return
	case len(p.Endpoints) == 0 || p.Settings["disable-endpoint-crd"] == "true":
		return
	}
	managed := map[[2]string]bool{}
	for _, e := range p.Endpoints {
		managed[[2]string{e.Namespace, e.Name}] = true
	}
	by := map[audit.Ref][]*audit.Pod{}
	for i := range p.Pods {
		pod := &p.Pods[i]
		if !pod.Running || pod.Done || pod.HostNetwork || p.IsSystem(pod.Namespace) || managed[[2]string{pod.Namespace, pod.Name}] {
			continue
		}
		switch since := latest(pod.Started, pod.Created); {
		case since.IsZero() || p.At.IsZero():
			p.Withhold(1)
		case p.At.Sub(since) >= unmanagedAfter:
			by[pod.Owner] = append(by[pod.Owner], pod)
		}
	}
	for _, owner := range slices.SortedFunc(maps.Keys(by), audit.Ref.Compare) {
		p.Report(unmanaged(owner, by[owner]))
	}
}

func unmanaged(owner audit.Ref, pods []*audit.Pod) audit.Finding {
	f := audit.Finding{Subject: owner, Message: fmt.Sprintf("pods of %s run without being managed by Cilium: no policy is enforced for them", owner.Name)}
	const most = 10
	for i, pod := range pods {
		if i == most {
			f.Evidence = append(f.Evidence, audit.Evidence{What: fmt.Sprintf("and %d more pods", len(pods)-most)})
			break
		}
		e := audit.Evidence{What: fmt.Sprintf("pod %s has no CiliumEndpoint", pod.Name), First: latest(pod.Started, pod.Created)}
		if pod.Node != "" {
			e.Nodes = []string{pod.Node}
		}
		f.Evidence = append(f.Evidence, e)
	}
	f.Fix = fmt.Sprintf("Restart them, such as `kubectl -n %s delete pod %s`. If they come back unmanaged, look at the agent on %s.",
		owner.Namespace, pods[0].Name, cmp.Or(pods[0].Node, "their node"))
	return f
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
