package sarif

import (
	"cmp"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A stateFile stands for an object that no file is known to hold.
type stateFile struct {
	uri      string
	manifest *manifest
}

// longestSnippet bounds the text that is shown of a line.
const longestSnippet = 300

// stateOf is the place of an object, or of the rule in it, in the file that
// stands for it.
func (l *locator) stateOf(o audit.Ref, rule string) place {
	f := l.file(o)
	p := place{uri: f.uri, line: f.manifest.line(rule), by: byClusterState, object: o, claim: claimOf(l.declared[o])}
	if rule != "" && p.line != f.manifest.line("") {
		p.locus = rule
	}
	if p.text = f.manifest.at(p.line); len(p.text) > longestSnippet {
		p.text = ""
	}
	return p
}

// file is the one that stands for an object. Results are made concurrently.
func (l *locator) file(o audit.Ref) *stateFile {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.state[o]
	if f == nil {
		d := l.declared[o]
		f = &stateFile{stateURI(l.cluster, o, d), newManifest(manifestOf(o, d))}
		if d == nil {
			f.manifest.lines, f.manifest.rules = nil, nil // there may be very many, and they have no rules
		}
		l.state[o] = f
	}
	return f
}

// manifestOf is what is known of an object: of one that was not read, its name.
func manifestOf(o audit.Ref, d *audit.Declared) map[string]any {
	if d != nil && len(d.Manifest) > 0 {
		return d.Manifest
	}
	meta := map[string]any{"name": o.Name}
	if o.Namespace != "" {
		meta["namespace"] = o.Namespace
	}
	return map[string]any{"kind": o.Kind, "metadata": meta}
}

// clusterWide stands for the namespace of an object that has none. No other
// segment begins with a low line.
const clusterWide = "_cluster"

// stateURI names the file that stands for an object of the cluster.
func stateURI(cluster string, o audit.Ref, d *audit.Declared) string {
	ns, kind := clusterWide, o.Kind
	if o.Namespace != "" {
		ns = segment(o.Namespace)
	}
	if g := apiGroup(o.Kind, d); g != "" {
		kind += "." + g
	}
	return strings.Join([]string{"cluster-state", segment(cluster), ns, segment(kind), segment(o.Name) + ".yaml"}, "/")
}

// apiGroup is the API group of an object; "" for the core group, and if nobody
// knows. It is the same whether or not the object could be read.
func apiGroup(kind string, d *audit.Declared) string {
	g := ""
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
		return "apps"
	case "Job", "CronJob":
		return "batch"
	case "NetworkPolicy":
		g = "networking.k8s.io"
	case "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy":
		return "cilium.io"
	case "ClusterPolicy", "Policy":
		g = "kyverno.io"
	}
	if d != nil {
		if own, _, ok := strings.Cut(d.APIVersion, "/"); ok {
			return cmp.Or(own, g)
		}
	}
	return g
}
