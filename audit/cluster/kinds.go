package cluster

import (
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A Kind is one kind of object that is read.
type Kind struct {
	Group      string   // "" for the core group
	Kind       string   // as in a manifest
	Resource   string   // as in RBAC
	Versions   []string // those known, newest first; the first that is served is read
	Namespaced bool

	role role
}

// role says what becomes of the objects of a kind.
type role uint8

const (
	asPolicy role = iota
	asKyverno
	asReport
	asOverride
	asWebhook
	asIdentity
	asManaged
	asNamespace
	asPod
	asService
	asSlice
	asEndpoints
	asNode
	asWorkload
)

// builtin tells whether client-go has a typed informer for the kind.
func (k Kind) builtin() bool {
	switch k.Group {
	case "", "apps", "batch", "networking.k8s.io", "discovery.k8s.io", "admissionregistration.k8s.io":
		return true
	}
	return false
}

// String is the kind as RBAC and kubectl write it, such as
// networkpolicies.networking.k8s.io.
func (k Kind) String() string {
	return schema.GroupResource{Group: k.Group, Resource: k.Resource}.String()
}

// Kinds lists the kinds that are read. Each needs the rights to list and watch
// it in all namespaces; a kind that may not be listed is reported as unreadable.
func Kinds() []Kind { return slices.Clone(kinds) }

// Named lists the objects that are read by name. Each needs the right to get it.
func Named() []audit.Ref { return []audit.Ref{ciliumConfig, kyvernoConfig} }

var (
	ciliumConfig  = audit.Ref{Kind: "ConfigMap", Namespace: "kube-system", Name: "cilium-config"}
	kyvernoConfig = audit.Ref{Kind: "ConfigMap", Namespace: "kyverno", Name: "kyverno"}
)

var (
	v1     = []string{"v1"}
	legacy = []string{"v1", "v2beta1"}
	except = []string{"v2", "v2beta1"}
	cel    = []string{"v1", "v1beta1", "v1alpha1"}
	cilium = []string{"v2"}
	young  = []string{"v2", "v2alpha1"}
	admin  = []string{"v1alpha1"}
)

var kinds = []Kind{
	{"", "Namespace", "namespaces", v1, false, asNamespace},
	{"", "Pod", "pods", v1, true, asPod},
	{"", "Service", "services", v1, true, asService},
	{"", "Node", "nodes", v1, false, asNode},
	{"discovery.k8s.io", "EndpointSlice", "endpointslices", v1, true, asSlice},

	{"apps", "Deployment", "deployments", v1, true, asWorkload},
	{"apps", "StatefulSet", "statefulsets", v1, true, asWorkload},
	{"apps", "DaemonSet", "daemonsets", v1, true, asWorkload},
	{"apps", "ReplicaSet", "replicasets", v1, true, asWorkload},
	{"", "ReplicationController", "replicationcontrollers", v1, true, asWorkload},
	{"batch", "Job", "jobs", v1, true, asWorkload},
	{"batch", "CronJob", "cronjobs", v1, true, asWorkload},
	{"argoproj.io", "Rollout", "rollouts", []string{"v1alpha1"}, true, asWorkload},

	{"networking.k8s.io", "NetworkPolicy", "networkpolicies", v1, true, asPolicy},
	{"cilium.io", "CiliumNetworkPolicy", "ciliumnetworkpolicies", cilium, true, asPolicy},
	{"cilium.io", "CiliumClusterwideNetworkPolicy", "ciliumclusterwidenetworkpolicies", cilium, false, asPolicy},
	{"cilium.io", "CiliumCIDRGroup", "ciliumcidrgroups", young, false, asPolicy},
	{"policy.networking.k8s.io", "ClusterNetworkPolicy", "clusternetworkpolicies", []string{"v1alpha2"}, false, asPolicy},
	{"policy.networking.k8s.io", "AdminNetworkPolicy", "adminnetworkpolicies", admin, false, asPolicy},
	{"policy.networking.k8s.io", "BaselineAdminNetworkPolicy", "baselineadminnetworkpolicies", admin, false, asPolicy},

	{"cilium.io", "CiliumEndpoint", "ciliumendpoints", cilium, true, asManaged},
	{"cilium.io", "CiliumIdentity", "ciliumidentities", cilium, false, asIdentity},
	{"cilium.io", "CiliumNodeConfig", "ciliumnodeconfigs", young, true, asOverride},

	{"admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", v1, false, asWebhook},
	{"admissionregistration.k8s.io", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", v1, false, asWebhook},

	{"kyverno.io", "ClusterPolicy", "clusterpolicies", legacy, false, asKyverno},
	{"kyverno.io", "Policy", "policies", legacy, true, asKyverno},
	{"kyverno.io", "PolicyException", "policyexceptions", except, true, asKyverno},
	{"kyverno.io", "UpdateRequest", "updaterequests", []string{"v2", "v1beta1"}, true, asKyverno},

	{"policies.kyverno.io", "ValidatingPolicy", "validatingpolicies", cel, false, asKyverno},
	{"policies.kyverno.io", "NamespacedValidatingPolicy", "namespacedvalidatingpolicies", cel, true, asKyverno},
	{"policies.kyverno.io", "MutatingPolicy", "mutatingpolicies", cel, false, asKyverno},
	{"policies.kyverno.io", "NamespacedMutatingPolicy", "namespacedmutatingpolicies", cel, true, asKyverno},
	{"policies.kyverno.io", "GeneratingPolicy", "generatingpolicies", cel, false, asKyverno},
	{"policies.kyverno.io", "NamespacedGeneratingPolicy", "namespacedgeneratingpolicies", cel, true, asKyverno},
	{"policies.kyverno.io", "ImageValidatingPolicy", "imagevalidatingpolicies", cel, false, asKyverno},
	{"policies.kyverno.io", "NamespacedImageValidatingPolicy", "namespacedimagevalidatingpolicies", cel, true, asKyverno},
	{"policies.kyverno.io", "DeletingPolicy", "deletingpolicies", cel, false, asKyverno},
	{"policies.kyverno.io", "NamespacedDeletingPolicy", "namespaceddeletingpolicies", cel, true, asKyverno},
	{"policies.kyverno.io", "PolicyException", "policyexceptions", cel, true, asKyverno},

	{"wgpolicyk8s.io", "PolicyReport", "policyreports", []string{"v1alpha2"}, true, asReport},
	{"wgpolicyk8s.io", "ClusterPolicyReport", "clusterpolicyreports", []string{"v1alpha2"}, false, asReport},
	{"openreports.io", "Report", "reports", []string{"v1alpha1"}, true, asReport},
	{"openreports.io", "ClusterReport", "clusterreports", []string{"v1alpha1"}, false, asReport},
}

// inFiles are kinds that only files have any use for: an API server has an
// EndpointSlice for each of them.
var inFiles = []Kind{{"", "Endpoints", "endpoints", v1, true, asEndpoints}}

// kindOf finds the kind of a manifest.
func kindOf(group, kind string) (Kind, bool) {
	if group == "openreports.io" {
		// Kyverno's CLI writes PolicyReport where it means Report.
		kind = strings.Replace(kind, "Policy", "", 1)
	}
	for _, list := range [][]Kind{kinds, inFiles} {
		for _, k := range list {
			if k.Group == group && k.Kind == kind {
				return k, true
			}
		}
	}
	return Kind{}, false
}
