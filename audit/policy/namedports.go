package policy

import (
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// declaredPorts are the port names of declared pods and workloads, by namespace
// and the labels that a pod itself contributes to its identity.
type declaredPorts struct {
	pods, workloads map[string][]map[string][]portNumber
}

func newDeclaredPorts(inv *audit.Inventory, filter *labelFilter) *declaredPorts {
	d := &declaredPorts{map[string][]map[string][]portNumber{}, map[string][]map[string][]portNumber{}}
	first := map[audit.Ref]*audit.Pod{} // of an owner: others mostly say the same
	for i := range inv.Pods {
		if p := &inv.Pods[i]; !p.HostNetwork && !p.Done {
			switch o := first[p.Owner]; {
			case o == nil:
				first[p.Owner] = p
			case o.Namespace == p.Namespace && slices.Equal(o.Ports, p.Ports) && maps.Equal(o.Labels, p.Labels):
				continue
			}
			put(d.pods, ownKey(p.Namespace, ownLabels(p.Labels, filter)), p.Ports)
		}
	}
	for i := range inv.Workloads {
		if w := &inv.Workloads[i]; !w.HostNetwork {
			put(d.workloads, ownKey(w.Namespace, ownLabels(w.PodLabels, filter)), w.Ports)
		}
	}
	return d
}

func put(m map[string][]map[string][]portNumber, key string, ports []audit.NamedPort) {
	named := map[string][]portNumber{}
	for _, p := range ports {
		if p.Name != "" {
			named[p.Name] = append(named[p.Name], portNumber{p.Protocol, p.Port})
		}
	}
	// A thousand replicas say the same; one of them is enough.
	same := func(o map[string][]portNumber) bool { return equalPorts(o, named) }
	if !slices.ContainsFunc(m[key], same) {
		m[key] = append(m[key], named)
	}
}

func equalPorts(a, b map[string][]portNumber) bool {
	if len(a) != len(b) {
		return false
	}
	for name, ports := range a {
		if !slices.Equal(ports, b[name]) {
			return false
		}
	}
	return true
}

// of returns the port names of every kind of pod with this identity.
func (d *declaredPorts) of(id *identity) []map[string][]portNumber {
	var own []string
	for _, l := range id.labels {
		if l.source == "k8s" && !strings.HasPrefix(l.key, ownedPrefix) && l.key != audit.LabelNamespace {
			own = append(own, "k8s:"+l.key+"="+l.value)
		}
	}
	key := ownKey(id.namespace, own)
	if pods := d.pods[key]; len(pods) > 0 {
		return pods
	}
	return d.workloads[key]
}

func ownKey(namespace string, labels []string) string {
	slices.Sort(labels)
	return namespace + "\x00" + strings.Join(labels, "\x00")
}
