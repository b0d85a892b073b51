package rig

import "strings"

// A Tool is one binary of the rig.
type Tool struct {
	Name    string
	Module  string   // folder under test/tools that pins it; "" for the test module itself
	Package string   // main package
	Stamp   []string // package.variable=value, for the linker
}

const (
	kubeVersion    = "v1.37.2"
	ciliumVersion  = "1.20.2"
	kyvernoVersion = "v1.19.1"
)

// Tools are all that the rig builds, those first that most tests need.
func Tools() []Tool {
	ciliumStamp := []string{"github.com/cilium/cilium/pkg/version.ciliumVersion=" + ciliumVersion}
	kyvernoStamp := []string{"github.com/kyverno/kyverno/pkg/version.BuildVersion=" + kyvernoVersion}
	return []Tool{
		{"etcd", "etcd", "go.etcd.io/etcd/server/v3", nil},
		{"kube-apiserver", "kube", "k8s.io/kubernetes/cmd/kube-apiserver", kubeStamp()},
		{"nt", "", "./tools/nt", nil},
		{"hubble-node", "cilium", "./hubblenode", nil},
		{"hubble-relay", "cilium", "github.com/cilium/cilium/hubble-relay", ciliumStamp},
		{"kyverno", "kyverno", "github.com/kyverno/kyverno/cmd/kyverno", kyvernoStamp},
		{"background-controller", "kyverno", "github.com/kyverno/kyverno/cmd/background-controller", kyvernoStamp},
		{"reports-controller", "kyverno", "github.com/kyverno/kyverno/cmd/reports-controller", kyvernoStamp},
		{"cilium-agent", "cilium", "github.com/cilium/cilium/daemon", ciliumStamp},
		{"cilium-cni", "cilium", "github.com/cilium/cilium/plugins/cilium-cni", ciliumStamp},
	}
}

// kubeStamp names the version: clients can't parse the one that the source has.
func kubeStamp() []string {
	major, rest, _ := strings.Cut(strings.TrimPrefix(kubeVersion, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	const base = "k8s.io/component-base/version."
	return []string{
		base + "gitVersion=" + kubeVersion, base + "gitMajor=" + major, base + "gitMinor=" + minor,
		base + "gitTreeState=clean", base + "gitCommit=unknown", base + "buildDate=1970-01-01T00:00:00Z",
		"k8s.io/client-go/pkg/version.gitVersion=" + kubeVersion,
	}
}
