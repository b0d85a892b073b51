package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// SensitivePort finds pods that reach what runs the nodes.
var SensitivePort = &audit.Rule{
	ID: "SEG410", Name: "flow-sensitive-port", Severity: audit.High, Needs: audit.Flows,
	Doc: audit.Doc{
		Title: "A pod reaches a kubelet or etcd",
		Why: "A kubelet runs commands in every pod of its node and, on 10255, tells all about them without asking who you are; etcd holds every Secret. " +
			"No workload has business there.",
		Fix: "Deny pods the nodes on these ports: a CiliumClusterwideNetworkPolicy with `egressDeny: [{toEntities: [host, remote-node], toPorts: …}]` and `enableDefaultDeny: {egress: false}`; " +
			"then see what called.",
		Blind: "The connection left the pod; whether it was let in is not seen. Collectors of metrics, known by the usual values of `app.kubernetes.io/name`, `app` or `k8s-app`, may call the kubelet; " +
			"system namespaces are left out. The API server is not counted, since every controller calls it. Other admin ports are not known here.",
	},
	References: []string{"ATT&CK T1613", "MS-TA9005"},
	Check:      sensitivePort,
}

// Ports of what runs on nodes.
var sensitivePorts = map[uint16]string{
	10250: "the kubelet", 10255: "the kubelet's open port", 2379: "etcd", 2380: "etcd's peers",
}

func sensitivePort(p *audit.Pass) {
	for _, c := range calls(p, func(c *audit.Conversation) (audit.Ref, bool) {
		what := sensitivePorts[c.Port]
		return c.To.Ref(), what != "" && c.Protocol == audit.TCP && isNode(&c.To) && !(strings.Contains(what, "kubelet") && collects(&c.From))
	}) {
		f := c.finding()
		f.Message = fmt.Sprintf("%s reaches %s on %s", c.from.Name, sensitivePorts[c.port], short(c.from, c.to))
		p.Report(f)
	}
}

func isNode(p *audit.Peer) bool {
	return p.Labels.Reserved("host") || p.Labels.Reserved("remote-node") || p.Labels.Reserved("kube-apiserver")
}

// collects tells whether a pod gathers metrics or looks for services, and so
// knocks at many doors by trade.
func collects(p *audit.Peer) bool {
	for _, key := range []string{"app.kubernetes.io/name", "app", "k8s-app"} {
		if v, ok := p.Labels.Get(key); ok && slices.Contains(collectors, v) {
			return true
		}
	}
	return false
}

// collectors are the usual names of what gathers metrics.
var collectors = []string{
	"alloy", "blackbox-exporter", "datadog-agent", "grafana-agent", "kube-prometheus-stack", "metrics-server", "newrelic-infrastructure", "opentelemetry-collector",
	"prometheus", "prometheus-blackbox-exporter", "telegraf", "thanos", "vector", "victoria-metrics-agent", "vmagent",
}
