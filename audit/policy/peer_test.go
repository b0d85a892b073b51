package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

func TestAPodHasTheIdentityThatCiliumGivesIt(t *testing.T) {
	pod := &audit.Pod{
		Namespace: "shop", Name: "web-1", ServiceAccount: "web", Owner: audit.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"},
		Labels: map[string]string{
			"app": "web", "app.kubernetes.io/name": "web", "pod-template-hash": "5f", "controller-revision-hash": "1",
			"statefulset.kubernetes.io/pod-name": "web-1", "apps.kubernetes.io/pod-index": "1", "topology.kubernetes.io/zone": "a",
			"beta.kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", "node.kubernetes.io/x": "kept", "annotation.x": "y",
			"io.kubernetes.pod.namespace": "forged", "io.cilium.k8s.policy.cluster": "forged", "io.cilium.k8s.namespace.labels.team": "forged",
		},
		Ports: []audit.NamedPort{{Name: "http", Protocol: audit.TCP, Port: 8080}, {Name: "dns", Protocol: audit.UDP, Port: 53}, {Port: 9}},
	}
	ns := &audit.Namespace{Name: "shop", Labels: map[string]string{"team": "shop"}}
	got := PodPeer(pod, ns, "lab")
	want := audit.Peer{
		Namespace: "shop", Workload: pod.Owner,
		Labels: audit.Labels{
			"gen:io.cilium.k8s.named-ports=dns.UDP.53_http.TCP.8080",
			"k8s:app.kubernetes.io/name=web", "k8s:app=web",
			"k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop", "k8s:io.cilium.k8s.namespace.labels.team=shop",
			"k8s:io.cilium.k8s.policy.cluster=lab", "k8s:io.cilium.k8s.policy.serviceaccount=web",
			"k8s:io.kubernetes.pod.namespace=shop", "k8s:node.kubernetes.io/x=kept",
		},
	}
	if d := cmp.Diff(want.Labels, got.Labels); d != "" || got.Namespace != want.Namespace || got.Workload != want.Workload {
		t.Errorf("%+v\n%s", got, d)
	}
}

func TestAPodOnTheHostNetworkIsItsNode(t *testing.T) {
	got := PodPeer(&audit.Pod{Namespace: "x", Name: "p", HostNetwork: true, Labels: map[string]string{"app": "b"}}, nil, "lab")
	if !got.Labels.Reserved("remote-node") || got.IsPod() {
		t.Errorf("%+v", got)
	}
}

func TestEntitiesThatAreNoSingleIdentityAreUnknown(t *testing.T) {
	for _, name := range []string{"all", "cluster", "none", "moon", ""} {
		if p := EntityPeer(name); !p.Labels.Reserved("unknown") {
			t.Errorf("%s: %v", name, p.Labels)
		}
	}
	if p := EntityPeer("kube-apiserver"); !p.Labels.Reserved("remote-node") || !p.Labels.Reserved("kube-apiserver") {
		t.Errorf("kube-apiserver: %v", p.Labels)
	}
}

func TestTheEngineKnowsTheAgentsOwnLabelFilter(t *testing.T) {
	pod := &audit.Pod{Namespace: "x", Name: "p", Labels: map[string]string{"app": "a", "noise": "1", "pod-template-hash": "2"}}
	labels := func(option string) audit.Labels {
		peer := Compile(with(inventory(t), "labels", option), Options{}).PodPeer(pod)
		return peer.Labels
	}
	has := func(ls audit.Labels, key string) bool { _, ok := ls.Get(key); return ok }
	if ls := labels("k8s:!noise"); has(ls, "noise") || !has(ls, "app") || !has(ls, audit.LabelCluster) || !has(ls, audit.PrefixNamespaceMeta+"team") {
		t.Errorf("excluding: %v", ls)
	}
	if ls := labels(`k8s:noise k8s:io\.kubernetes\.pod\.namespace`); has(ls, "app") || !has(ls, "noise") || !has(ls, audit.LabelNamespace) {
		t.Errorf("including: %v", ls)
	}
}

func TestManyNamedPortsFillSeveralLabels(t *testing.T) {
	var ports []audit.NamedPort
	for i := range 12 {
		ports = append(ports, audit.NamedPort{Name: "port-number-" + string(rune('a'+i)), Protocol: audit.TCP, Port: uint16(8000 + i)})
	}
	inv := inventory(t, knp("p", "{podSelector: {}, egress: [{ports: [{port: port-number-l}]}]}"))
	e := Compile(inv, Options{})
	a, b := peer("a/x"), e.PodPeer(&audit.Pod{Namespace: "x", Name: "b", Ports: ports})
	for _, l := range b.Labels {
		if _, _, value := audit.SplitLabel(l); len(value) > 63 {
			t.Errorf("label value of %d bytes", len(value))
		}
	}
	if d := e.Decide(audit.Query{Direction: audit.Egress, Subject: &a, Peer: &b, Protocol: audit.TCP, Port: 8011}); d.Answer != audit.Allow {
		t.Errorf("%+v", d)
	}
}
