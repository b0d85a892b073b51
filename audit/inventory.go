package audit

import (
	"net/netip"
	"strings"
	"time"
)

// An Inventory is what the cluster declares.
type Inventory struct {
	Cluster string    // the cluster's name; "" if nothing tells it
	At      time.Time // when it was read; for files the newest time written in them; zero if there is none

	Namespaces []Namespace
	Pods       []Pod
	Workloads  []Workload // declared owners of pods: Deployment, StatefulSet, DaemonSet, …
	Services   []Service
	Nodes      []Node
	Policies   []*Object         // network policies of every kind
	Kyverno    []*Object         // Kyverno's policies, exceptions, update requests
	Results    []KyvernoResult   // what Kyverno's reports say, failures only
	Passes     []KyvernoPasses   // what they say holds, folded
	Webhooks   []Webhook         // admission webhooks of Kyverno
	Endpoints  []Endpoint        // pods that Cilium manages; nil if not looked at
	Settings   map[string]string // ConfigMap kube-system/cilium-config; nil if not seen
	Overrides  []*Object         // CiliumNodeConfigs: settings of some nodes

	// Past is what was declared before, oldest first, and InForce is from when on
	// Policies are as they are. Empty and zero where only the present is known.
	Past    []Epoch
	InForce time.Time
	// GonePods are pods that were deleted not long ago, in the order in which they
	// went: flows of them still arrive. Cuts are instants at which something else
	// than a policy changed who is meant: the labels of a namespace.
	GonePods []Pod
	Cuts     []Cut

	Unreadable []Unreadable   // kinds that could not be listed
	Ignored    map[string]int // objects of kinds that say nothing about segmentation, by kind
	Problems   []Problem      // documents that could not be read
}

// An Epoch is a former state of what is declared. It was in force from From
// until the next epoch began, the last one until Inventory.InForce. The first may
// have been in force before: its From is the oldest time that is known of, and
// what was declared before it, nobody knows. A change was made when the object
// says, if that is within two minutes of when it was told, else when it was told;
// both clocks are seldom those of the nodes.
type Epoch struct {
	From     time.Time
	Policies []*Object
	Unsure   bool   // something changed meanwhile, at a time that is not known: nothing can be judged by it
	Engine   Engine // set by the auditor
}

// An Object is a declared object of a kind whose meaning another package knows.
type Object struct {
	Ref
	APIVersion  string // group/version
	UID         string
	Generation  int64     // 0 if not set
	Created     time.Time // zero if not known
	Changed     time.Time // last change of what it declares; zero if not known
	Labels      map[string]string
	Annotations map[string]string
	Raw         map[string]any // the object as decoded from JSON or YAML
	Source      Source
}

// Source says which file an object was read from; zero if it came from a
// cluster. Line is that of the object's first line, from 1.
type Source struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// A Namespace has labels that are part of the identity of its pods.
type Namespace struct {
	Name        string
	UID         string
	Labels      map[string]string
	Annotations map[string]string
	Created     time.Time
	Source      Source
}

// A Pod is what the API server knows of it: who owns it, where it runs.
type Pod struct {
	Namespace, Name string
	Labels          map[string]string
	Annotations     map[string]string // those about exceptions, of a pod that nothing owns
	Owner           Ref               // the workload: Deployment rather than its ReplicaSet; the pod itself if nothing owns it
	Node            string
	IPs             []netip.Addr
	HostNetwork     bool
	Done            bool // Succeeded or Failed: it carries nothing any more
	Running         bool
	Ready           bool
	Started         time.Time // zero if not known
	ServiceAccount  string
	Ports           []NamedPort
	Created         time.Time
	Gone            time.Time // when it was deleted; zero while it is there
	Source          Source
}

// NamedPort is a container port that has a name.
type NamedPort struct {
	Name     string
	Protocol Protocol
	Port     uint16
}

// A Workload is a declared owner of pods, with the labels of its template.
type Workload struct {
	Ref
	Labels         map[string]string // of the object
	Annotations    map[string]string // of the object
	PodLabels      map[string]string // of the pod template
	HostNetwork    bool
	ServiceAccount string
	Ports          []NamedPort
	Images         []string // of a DaemonSet's containers, in order
	Replicas       int32    // wanted
	Available      int32    // ready to serve
	Source         Source
}

// A Service has addresses, and selects the pods behind them or is told of
// backends that need not be pods.
type Service struct {
	Namespace, Name string
	Labels          map[string]string
	IPs             []netip.Addr
	Selector        map[string]string
	Ports           []ServicePort
	Backends        []Backend // of a Service without a selector; nil if they are not known, empty if there are none
	Source          Source
}

// A Backend is an address and port behind a Service that selects no pods.
type Backend struct {
	IP       netip.Addr
	Protocol Protocol
	Port     uint16
	Name     string // of the port
	Headless bool   // its EndpointSlice is marked as that of a headless Service
}

// ServicePort maps a port of a Service to one of its backends.
type ServicePort struct {
	Name       string
	Protocol   Protocol
	Port       uint16
	Target     uint16 // 0 if the target is a name
	TargetName string
}

// A Node has addresses that are not a pod's.
type Node struct {
	Name   string
	Labels map[string]string
	IPs    []netip.Addr
}

// An Endpoint is a pod that Cilium manages, with the identity it gave it.
type Endpoint struct {
	Namespace, Name string // of the pod
	Labels          Labels // of the identity; nil if not known
	State           string // such as ready
}

// A Webhook is one webhook of Kyverno's admission controller.
type Webhook struct {
	Configuration string // name of the object that holds it
	Name          string
	Mutating      bool
	FailOpen      bool // failurePolicy Ignore: what it can't judge is let through
	Namespaces    bool // its selectors leave out some namespaces or objects
	Service       Ref  // that answers; zero if it is called by URL
	Resources     []string
}

// KyvernoPasses counts the results that hold of one rule in one namespace.
type KyvernoPasses struct {
	Namespace    string // "" for cluster-wide resources
	Policy, Rule string
	Source       string
	Count        int
	Newest       time.Time
}

// KyvernoResult is one line of a policy report that is not a pass.
type KyvernoResult struct {
	Policy    string // as reported: "name", or "namespace/name" of a namespaced policy
	Rule      string
	Source    string // who judged: kyverno, KyvernoValidatingPolicy, …
	Result    string // pass, fail, warn, error, skip
	Severity  string
	Message   string
	Resource  Ref
	Timestamp time.Time
	Report    Ref
}

// ByKyverno tells whether it was Kyverno that judged: others write reports too.
func (r *KyvernoResult) ByKyverno() bool {
	return r.Source == "" || strings.HasPrefix(strings.ToLower(r.Source), "kyverno")
}

// Unreadable is a kind whose objects are not known, and why.
type Unreadable struct {
	Kind   string // resource.group, as in networkpolicies.networking.k8s.io
	Reason string
	Absent bool // the cluster does not serve the kind, so no such object exists
}

// Problem is a piece of input that could not be read.
type Problem struct {
	File     string
	Document int // from 1; 0 if not a matter of one document
	Line     int // from 1; 0 if not known
	Err      string
}
