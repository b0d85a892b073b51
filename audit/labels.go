package audit

import (
	"slices"
	"strings"
)

// Labels are the identity labels of one end, as Cilium writes them
// ("k8s:app=web", "reserved:host", "cidr:203.0.113.0/24"), sorted. A set is
// never changed once it was made: it is shared, and known by its place.
type Labels []string

// Label keys that Cilium adds to what the pod itself carries.
const (
	LabelNamespace      = "io.kubernetes.pod.namespace"
	LabelCluster        = "io.cilium.k8s.policy.cluster"
	LabelServiceAccount = "io.cilium.k8s.policy.serviceaccount"
	PrefixNamespaceMeta = "io.cilium.k8s.namespace.labels."
	labelNamedPorts     = "io.cilium.k8s.named-ports"
)

// SplitLabel takes "source:key=value" apart. A label without a source has the
// source "k8s"; one without "=" has an empty value.
func SplitLabel(l string) (source, key, value string) {
	source = "k8s"
	key, value, _ = strings.Cut(l, "=")
	if s, k, ok := strings.Cut(key, ":"); ok {
		source, key = s, k
	}
	return source, key, value
}

// NewLabels sorts labels and drops repeats. It may reorder its argument.
func NewLabels(ls ...string) Labels {
	slices.Sort(ls)
	return Labels(slices.Compact(ls))
}

// Get returns the value of a Kubernetes label.
func (ls Labels) Get(key string) (string, bool) {
	for _, l := range ls {
		if !strings.HasPrefix(strings.TrimPrefix(l, "k8s:"), key) {
			continue
		}
		if s, k, v := SplitLabel(l); k == key && s == "k8s" {
			return v, true
		}
	}
	return "", false
}

// Reserved tells whether the end carries the reserved label name, as in
// reserved:host.
func (ls Labels) Reserved(name string) bool {
	for _, l := range ls {
		if v, ok := strings.CutPrefix(l, "reserved:"); ok && strings.TrimSuffix(v, "=") == name {
			return true
		}
	}
	return false
}

// Key is the canonical text of a label set, for use as a map key.
func (ls Labels) Key() string { return strings.Join(ls, "\x00") }

// Bare is without the labels that Cilium derives from something else than the
// object's labels: named ports and addresses.
func (ls Labels) Bare() Labels {
	return slices.DeleteFunc(slices.Clone(ls), func(l string) bool {
		return strings.HasPrefix(l, "gen:") || strings.HasPrefix(l, "cidr:")
	})
}

// NamedPort returns the number that a port name has on the end with these
// labels; Cilium 1.20 and later keep it in the label
// gen:io.cilium.k8s.named-ports=http.TCP.8080_dns.UDP.53.
func (ls Labels) NamedPort(name string, proto Protocol) (uint16, bool) {
	for _, l := range ls {
		s, k, v := SplitLabel(l)
		if s != "gen" || k != labelNamedPorts {
			continue
		}
		for p := range strings.SplitSeq(v, "_") {
			parts := strings.Split(p, ".")
			if len(parts) == 3 && parts[0] == name && (proto == "" || parts[1] == string(proto)) {
				n, ok := parsePort(parts[2])
				return n, ok
			}
		}
	}
	return 0, false
}

func parsePort(s string) (uint16, bool) {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' || n > 65535 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return uint16(n), s != "" && n > 0 && n <= 65535
}
