package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// Sizes of the cluster that is audited: 2,000 policies and 50,000 pods.
const (
	worldNamespaces = 300 // of tenants
	worldWorkloads  = 16  // in each of them
	worldPods       = 50_000
	worldPolicies   = 2_000
	worldNodes      = 500
)

// A bigWorld is a cluster of 300 teams: each has a default deny, its own
// allows and a few neighbours. What was carried agrees with what is declared,
// but for as many calls as are wanted that nothing allows.
type bigWorld struct {
	inv     *audit.Inventory
	kinds   []*podKind
	tenants []*podKind // those of teams, namespace by namespace
	world   []audit.Peer
	dns     *podKind
	front   *podKind
	from    time.Time
}

// A podKind is what the pods of one workload have in common.
type podKind struct {
	ref    audit.Ref
	labels map[string]string
	peer   audit.Peer
	first  int // of its pods in the inventory
	pods   []string
}

type (
	object = map[string]any
	list   = []any
)

func newBigWorld() *bigWorld {
	w := &bigWorld{from: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	w.inv = &audit.Inventory{
		Cluster: "prod", At: w.from.Add(31 * 24 * time.Hour),
		Settings: map[string]string{"cluster-name": "prod", "enable-policy": "default", "allow-localhost": "auto", "enable-l7-proxy": "true"},
	}
	for n := range worldNodes {
		w.inv.Nodes = append(w.inv.Nodes, audit.Node{
			Name: nodeName(n), Labels: map[string]string{"kubernetes.io/hostname": nodeName(n)},
			IPs: []netip.Addr{netip.AddrFrom4([4]byte{192, 168, byte(n >> 8), byte(n)})},
		})
	}
	w.platform()
	for n := range worldNamespaces {
		w.tenant(n)
	}
	for n := 0; len(w.inv.Policies) < worldPolicies; n++ {
		w.neighbour(n)
	}
	w.kyverno()
	e := policy.Compile(w.inv, policy.Options{})
	for _, k := range w.kinds {
		k.peer = e.PodPeer(&w.inv.Pods[k.first])
		k.peer.IP = netip.Addr{} // as flows of many pods are folded
	}
	for n := range 400 {
		ip := netip.AddrFrom4([4]byte{203, 0, byte(113 + n/200), byte(1 + n%200)})
		w.world = append(w.world, audit.Peer{IP: ip, Labels: audit.NewLabels("reserved:world", fmt.Sprintf("fqdn:api%d.example.com", n%20))})
	}
	return w
}

func nodeName(n int) string { return fmt.Sprintf("node-%03d", n) }

// platform is kube-system, the ingress controller and pods of the nodes.
func (w *bigWorld) platform() {
	w.namespace("kube-system", "platform")
	w.namespace("ingress-nginx", "platform")
	w.dns = w.workload("kube-system", "kube-dns", 20)
	w.front = w.workload("ingress-nginx", "controller", 20)
	agent := audit.Ref{Kind: "DaemonSet", Namespace: "kube-system", Name: "cilium"}
	w.inv.Workloads = append(w.inv.Workloads, audit.Workload{Ref: agent, HostNetwork: true, PodLabels: map[string]string{"k8s-app": "cilium"}, Images: []string{"quay.io/cilium/cilium:v1.20.2"}})
	for n := range worldNodes {
		w.inv.Pods = append(w.inv.Pods, audit.Pod{
			Namespace: "kube-system", Name: fmt.Sprintf("cilium-%05d", n), Owner: agent, Labels: map[string]string{"k8s-app": "cilium"}, HostNetwork: true,
			Running: true, Ready: true, Node: nodeName(n), IPs: w.inv.Nodes[n].IPs, Created: w.from.Add(-48 * time.Hour), Started: w.from.Add(-48 * time.Hour),
		})
	}
}

func (w *bigWorld) namespace(name, team string) {
	w.inv.Namespaces = append(w.inv.Namespaces, audit.Namespace{
		Name: name, UID: "uid-" + name, Created: w.from.Add(-90 * 24 * time.Hour),
		Labels: map[string]string{"kubernetes.io/metadata.name": name, "team": team, "pod-security.kubernetes.io/enforce": "restricted"},
	})
}

// tenant is one namespace with its workloads and the policies every team has.
func (w *bigWorld) tenant(n int) {
	ns := tenantName(n)
	w.namespace(ns, fmt.Sprintf("team-%d", n%60))
	for i := range worldWorkloads {
		pods := (worldPods-worldNodes-40)/(worldNamespaces*worldWorkloads) + i%2
		w.tenants = append(w.tenants, w.workload(ns, fmt.Sprintf("app%d", i), pods))
	}
	if n%50 == 49 {
		return // a team that declares nothing
	}
	w.declare("NetworkPolicy", ns, "default-deny", object{"podSelector": object{}, "policyTypes": list{"Ingress", "Egress"}})
	w.declare("NetworkPolicy", ns, "allow-dns", object{"podSelector": object{}, "policyTypes": list{"Egress"}, "egress": list{object{
		"to":    list{object{"namespaceSelector": matchLabels("kubernetes.io/metadata.name", "kube-system"), "podSelector": matchLabels("app.kubernetes.io/name", "kube-dns")}},
		"ports": list{tcp(53), object{"port": int64(53), "protocol": "UDP"}},
	}}})
	w.declare("NetworkPolicy", ns, "allow-internal", object{
		"podSelector": object{}, "policyTypes": list{"Ingress", "Egress"},
		"ingress": list{object{"from": list{object{"podSelector": object{}}}, "ports": list{tcp(8080), tcp(9090)}}},
		"egress":  list{object{"to": list{object{"podSelector": object{}}}, "ports": list{tcp(8080), tcp(9090)}}},
	})
	w.declare("NetworkPolicy", ns, "allow-front", object{"podSelector": app("app0"), "policyTypes": list{"Ingress"}, "ingress": list{object{
		"from":  list{object{"namespaceSelector": matchLabels("kubernetes.io/metadata.name", "ingress-nginx")}},
		"ports": list{tcp(8080)},
	}}})
	w.declare("CiliumNetworkPolicy", ns, "allow-api", object{"endpointSelector": app("app1"), "egress": list{object{
		"toFQDNs": list{object{"matchName": "api1.example.com"}, object{"matchPattern": "*.example.com"}},
		"toPorts": list{object{"ports": list{object{"port": "443", "protocol": "TCP"}}}},
	}}})
}

// neighbour lets one team call another: one policy at each end, the callee's
// with a rule about the requests.
func (w *bigWorld) neighbour(n int) {
	caller, callee := tenantName(n%worldNamespaces), tenantName((n*7+1)%worldNamespaces)
	port := object{"ports": list{object{"port": "8443", "protocol": "TCP"}}}
	if n%2 == 0 {
		w.declare("CiliumNetworkPolicy", caller, fmt.Sprintf("call-%d", n), object{"endpointSelector": app("app2"), "egress": list{object{
			"toEndpoints": list{matchLabels("k8s:io.kubernetes.pod.namespace", callee)}, "toPorts": list{port},
		}}})
		return
	}
	caller, callee = tenantName((n-1)%worldNamespaces), tenantName(((n-1)*7+1)%worldNamespaces)
	l7 := object{"ports": port["ports"], "rules": object{"http": list{object{"method": "GET", "path": "/api/.*"}}}}
	w.declare("CiliumNetworkPolicy", callee, fmt.Sprintf("called-%d", n), object{"endpointSelector": app("app3"), "ingress": list{object{
		"fromEndpoints": list{object{"matchLabels": object{"k8s:io.kubernetes.pod.namespace": caller, "app.kubernetes.io/name": "app2"}}}, "toPorts": list{l7},
	}}})
}

func tenantName(n int) string { return fmt.Sprintf("tenant-%03d", n) }

func matchLabels(k, v string) object { return object{"matchLabels": object{k: v}} }

func app(name string) object { return matchLabels("app.kubernetes.io/name", name) }

func tcp(port int64) object { return object{"port": port, "protocol": "TCP"} }

func (w *bigWorld) declare(kind, ns, name string, spec object) {
	version := map[string]string{"NetworkPolicy": "networking.k8s.io/v1", "CiliumNetworkPolicy": "cilium.io/v2", "ClusterPolicy": "kyverno.io/v1"}[kind]
	at := w.from.Add(-60 * 24 * time.Hour)
	meta := object{"name": name, "resourceVersion": "1"}
	if ns != "" {
		meta["namespace"] = ns
	}
	o := &audit.Object{
		Ref: audit.Ref{Kind: kind, Namespace: ns, Name: name}, APIVersion: version, UID: kind + ns + name, Generation: 1, Created: at, Changed: at,
		Raw: object{"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec},
	}
	if kind == "ClusterPolicy" {
		w.inv.Kyverno = append(w.inv.Kyverno, o)
	} else {
		w.inv.Policies = append(w.inv.Policies, o)
	}
}

// kyverno is a dozen policies, what their reports say, and the webhooks.
func (w *bigWorld) kyverno() {
	for n := range 12 {
		name := fmt.Sprintf("require-%d", n)
		w.declare("ClusterPolicy", "", name, object{"validationFailureAction": "Enforce", "rules": list{object{
			"name": "check", "match": object{"any": list{object{"resources": object{"kinds": list{"Pod"}}}}},
			"validate": object{"message": "no", "pattern": object{"spec": object{"hostNetwork": "false"}}},
		}}})
		for i := range worldNamespaces {
			ns := tenantName(i)
			w.inv.Passes = append(w.inv.Passes, audit.KyvernoPasses{Namespace: ns, Policy: name, Rule: "check", Source: "kyverno", Count: 170, Newest: w.from})
			if (i*12+n)%40 == 0 {
				w.inv.Results = append(w.inv.Results, audit.KyvernoResult{
					Policy: name, Rule: "check", Source: "kyverno", Result: "fail", Severity: "medium", Message: "hostNetwork is not false",
					Resource: audit.Ref{Kind: "Deployment", Namespace: ns, Name: "app0"}, Timestamp: w.from, Report: audit.Ref{Kind: "PolicyReport", Namespace: ns, Name: "r"},
				})
			}
		}
	}
	w.inv.Webhooks = []audit.Webhook{{
		Configuration: "kyverno-resource-validating-webhook-cfg", Name: "validate.kyverno.svc-fail", Resources: []string{"pods"},
		Service: audit.Ref{Kind: "Service", Namespace: "kyverno", Name: "kyverno-svc"},
	}}
}

// workload declares a Deployment, its pods, its Service and their endpoints.
func (w *bigWorld) workload(ns, name string, pods int) *podKind {
	k := &podKind{ref: audit.Ref{Kind: "Deployment", Namespace: ns, Name: name}}
	k.labels = map[string]string{
		"app.kubernetes.io/name": name, "app.kubernetes.io/instance": ns + "-" + name, "app.kubernetes.io/component": "server", "pod-template-hash": "7d9f8b6c5",
	}
	n := len(w.kinds)
	k.first = len(w.inv.Pods)
	ports := []audit.NamedPort{{Name: "http", Protocol: audit.TCP, Port: 8080}} // what pods have in common is shared, as audit/cluster does
	at := w.from.Add(-48 * time.Hour)
	for i := range pods {
		pod := fmt.Sprintf("%s-7d9f8b6c5-%05d", name, i)
		k.pods = append(k.pods, pod)
		w.inv.Pods = append(w.inv.Pods, audit.Pod{
			Namespace: ns, Name: pod, Labels: k.labels, Owner: k.ref, Node: nodeName((n*11 + i) % worldNodes), Running: true, Ready: true,
			IPs: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), byte(i)})}, ServiceAccount: name, Created: at, Started: at,
			Ports: ports,
		})
		w.inv.Endpoints = append(w.inv.Endpoints, audit.Endpoint{Namespace: ns, Name: pod, State: "ready"})
	}
	w.inv.Workloads = append(w.inv.Workloads, audit.Workload{Ref: k.ref, PodLabels: k.labels, ServiceAccount: name, Replicas: int32(pods), Available: int32(pods)})
	w.inv.Services = append(w.inv.Services, audit.Service{
		Namespace: ns, Name: name, IPs: []netip.Addr{netip.AddrFrom4([4]byte{172, 20, byte(n >> 8), byte(n)})}, Selector: map[string]string{"app.kubernetes.io/name": name},
		Ports: []audit.ServicePort{{Name: "http", Protocol: audit.TCP, Port: 80, Target: 8080}},
	})
	w.kinds = append(w.kinds, k)
	return k
}
