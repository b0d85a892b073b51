package cluster

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/segproof/segproof/audit"
)

var addresses = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// inventory reads one text, in which nothing may be wrong.
func inventory(t *testing.T, text string) *audit.Inventory {
	t.Helper()
	inv, err := (&Manifests{Paths: []string{"-"}, Stdin: strings.NewReader(text)}).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.Problems) > 0 {
		t.Fatal(inv.Problems)
	}
	return inv
}

func TestAPodIsOwnedByTheWorkloadThatPeopleKnow(t *testing.T) {
	const others = `
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: known-abc, namespace: a, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: known, uid: u, controller: true}]}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: rolled-abc, namespace: a, ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: rolled, uid: u, controller: true}]}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: alone-abc, namespace: a}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: once-29384710, namespace: a}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: by-hand, namespace: a, ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: nightly, uid: u, controller: true}]}}
`
	for _, tt := range []struct{ name, owner, labels, want string }{
		{"nobody", ``, ``, "Pod a/p"},
		{"no controller", `{kind: Deployment, name: d, uid: u}`, ``, "Pod a/p"},
		{"static pod", `{kind: Node, name: node-1, uid: u, controller: true}`, ``, "Pod a/p"},
		{"stateful set", `{kind: StatefulSet, name: db, uid: u, controller: true}`, ``, "StatefulSet a/db"},
		{"other resource", `{kind: Workflow, name: w, uid: u, controller: true}`, ``, "Workflow a/w"},
		{"known replica set", `{kind: ReplicaSet, name: known-abc, uid: u, controller: true}`, ``, "Deployment a/known"},
		{"known rollout", `{kind: ReplicaSet, name: rolled-abc, uid: u, controller: true}`, `pod-template-hash: abc`, "Rollout a/rolled"},
		{"replica set alone", `{kind: ReplicaSet, name: alone-abc, uid: u, controller: true}`, `pod-template-hash: abc`, "ReplicaSet a/alone-abc"},
		{"by the hash", `{kind: ReplicaSet, name: web-1-x9, uid: u, controller: true}`, `pod-template-hash: x9`, "Deployment a/web-1"},
		{"rollout by the hash", `{kind: ReplicaSet, name: web-x9, uid: u, controller: true}`, `rollouts-pod-template-hash: x9`, "Rollout a/web"},
		{"no hash", `{kind: ReplicaSet, name: web-x9, uid: u, controller: true}`, ``, "ReplicaSet a/web-x9"},
		{"another hash", `{kind: ReplicaSet, name: web-x9, uid: u, controller: true}`, `pod-template-hash: "9"`, "ReplicaSet a/web-x9"},
		{"nothing but the hash", `{kind: ReplicaSet, name: -x9, uid: u, controller: true}`, `pod-template-hash: x9`, "ReplicaSet a/-x9"},
		{"scheduled job", `{kind: Job, name: backup-29384710, uid: u, controller: true}`, ``, "CronJob a/backup"},
		{"known job by hand", `{kind: Job, name: by-hand, uid: u, controller: true}`, ``, "CronJob a/nightly"},
		{"known job alone", `{kind: Job, name: once-29384710, uid: u, controller: true}`, ``, "Job a/once-29384710"},
		{"job with a number", `{kind: Job, name: migrate-42, uid: u, controller: true}`, ``, "Job a/migrate-42"},
		{"OpenShift", `{kind: ReplicationController, name: dc-1, uid: u, controller: true}`, `deploymentconfig: dc`, "DeploymentConfig a/dc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pod := "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: a, labels: {" + tt.labels + "}, ownerReferences: [" + tt.owner + "]}}"
			if got := inventory(t, pod+others).Pods[0].Owner.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAPodTellsItsAddressesAndNamedPorts(t *testing.T) {
	got := inventory(t, `
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: a, creationTimestamp: "2026-01-02T03:04:05+01:00", labels: {app: web}}
spec:
  nodeName: n1
  hostNetwork: true
  serviceAccountName: sa
  containers:
  - name: web
    ports: [{containerPort: 80}, {name: http, containerPort: 8080}, {name: dns, containerPort: 53, protocol: UDP}, {name: bad, containerPort: 70000}]
  initContainers:
  - {name: setup, ports: [{name: setup, containerPort: 1}]}
  - {name: proxy, restartPolicy: Always, ports: [{name: admin, containerPort: 15000}]}
status: {phase: Succeeded, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}, {ip: nonsense}]}
`).Pods[0]
	want := audit.Pod{
		Namespace: "a", Name: "p", Labels: map[string]string{"app": "web"}, Owner: audit.Ref{Kind: "Pod", Namespace: "a", Name: "p"},
		Node: "n1", HostNetwork: true, Done: true, ServiceAccount: "sa", Created: time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC),
		IPs:    []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")},
		Ports:  []audit.NamedPort{{Name: "http", Protocol: audit.TCP, Port: 8080}, {Name: "dns", Protocol: audit.UDP, Port: 53}, {Name: "admin", Protocol: audit.TCP, Port: 15000}},
		Source: audit.Source{File: "-", Line: 2},
	}
	if d := cmp.Diff(want, got, addresses); d != "" {
		t.Error(d)
	}
}

func TestWorkloadsAreThoseThatNobodyElseOwns(t *testing.T) {
	const owned = "ownerReferences: [{apiVersion: x, kind: X, name: x, uid: u, controller: true}]"
	inv := inventory(t, `
{apiVersion: batch/v1, kind: CronJob, metadata: {name: cron}, spec: {jobTemplate: {spec: {template: {metadata: {labels: {a: b}}, spec: {hostNetwork: true}}}}}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: alone}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: owned, `+owned+`}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: owned, `+owned+`}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: by-an-operator, `+owned+`}}
---
{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: roll}}
---
{apiVersion: v1, kind: ReplicationController, metadata: {name: old}}
`)
	var got []string
	for _, w := range inv.Workloads {
		got = append(got, w.Ref.String())
	}
	want := []string{
		"CronJob default/cron", "Deployment default/by-an-operator", "Job default/alone", "ReplicationController default/old", "Rollout default/roll",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if w := inv.Workloads[0]; w.PodLabels["a"] != "b" || !w.HostNetwork {
		t.Errorf("the template of a CronJob is that of its Jobs: %+v", w)
	}
}

func TestAServiceTellsWhereItsPortsLead(t *testing.T) {
	got := inventory(t, `
apiVersion: v1
kind: Service
metadata: {name: s}
spec:
  clusterIP: 10.0.0.9
  clusterIPs: [10.0.0.9, "fd00::9"]
  externalIPs: [192.0.2.1]
  selector: {app: web}
  ports: [{port: 80}, {name: alt, port: 81, targetPort: http}, {port: 53, protocol: UDP, targetPort: 5353}, {port: 0}, {port: 9, protocol: CARRIER-PIGEON}]
status: {loadBalancer: {ingress: [{ip: 192.0.2.2}, {hostname: lb.example.com}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: headless}, spec: {clusterIP: None}}
`).Services
	want := []audit.Service{
		{Namespace: "default", Name: "headless"},
		{
			Namespace: "default", Name: "s", Selector: map[string]string{"app": "web"},
			IPs: []netip.Addr{netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("fd00::9"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")},
			Ports: []audit.ServicePort{
				{Protocol: audit.TCP, Port: 80, Target: 80},
				{Name: "alt", Protocol: audit.TCP, Port: 81, TargetName: "http"},
				{Protocol: audit.UDP, Port: 53, Target: 5353},
				{Protocol: audit.Other, Port: 9, Target: 9},
			},
		},
	}
	if d := cmp.Diff(want, got, addresses, cmpopts.IgnoreTypes(audit.Source{})); d != "" {
		t.Error(d)
	}
}

func TestTheLastChangeIsThatOfWhatIsDeclared(t *testing.T) {
	const made = `creationTimestamp: "2026-01-01T00:00:00Z"`
	for _, tt := range []struct{ name, meta, want string }{
		{"never changed", made + `, generation: 1, managedFields: [{time: "2026-01-05T00:00:00Z", subresource: status}]`, "2026-01-01"},
		{"without a generation", made, "2026-01-01"},
		{"changed", made + `, generation: 2, managedFields: [{time: "2026-01-03T00:00:00Z"}, {time: "2026-01-02T00:00:00Z"}, {time: "2026-01-09T00:00:00Z", subresource: status}]`, "2026-01-03"},
		{"nobody knows when", made + `, generation: 2`, "0001-01-01"},
		{"from a file", `labels: {}`, "0001-01-01"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inv := inventory(t, "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: p, annotations: {"+lastApplied+": x, a: b}, "+tt.meta+"}}")
			o := inv.Policies[0]
			if got := o.Changed.Format(time.DateOnly); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			meta := o.Raw["metadata"].(map[string]any)
			if _, ok := meta["managedFields"]; ok || len(o.Annotations) != 1 || len(meta["annotations"].(map[string]any)) != 1 {
				t.Errorf("bookkeeping is still there: %v", meta)
			}
		})
	}
}

func TestTheInventoryIsAsOldAsTheNewestTimeInIt(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`{apiVersion: v1, kind: Event, metadata: {creationTimestamp: "2026-01-02T00:00:00Z"}}`, "2026-01-02"},
		{`{apiVersion: v1, kind: Pod, metadata: {name: p, managedFields: [{time: "2026-01-03T00:00:00Z"}]}}`, "2026-01-03"},
		{`{apiVersion: v1, kind: Node, metadata: {name: p}, status: {conditions: [{lastTransitionTime: "2026-01-04T00:00:00Z"}]}}`, "2026-01-04"},
		{`{apiVersion: openreports.io/v1alpha1, kind: Report, metadata: {name: r}, results: [{result: pass, timestamp: {seconds: 1767571200, nanos: 0}}]}`, "2026-01-05"},
		{`{apiVersion: openreports.io/v1alpha1, kind: Report, metadata: {name: r}, results: [{result: pass, timestamp: {seconds: 9000000000000}}]}`, "0001-01-01"},
		{`{apiVersion: v1, kind: Pod, metadata: {name: p}}`, "0001-01-01"},
	} {
		if got := inventory(t, tt.text).At.Format(time.DateOnly); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestTheClusterIsCalledByNameOnlyIfItHasOne(t *testing.T) {
	const text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: cilium-config, namespace: kube-system}, data: {cluster-name: NAME}}"
	for name, want := range map[string]string{"prod": "prod", "default": ""} {
		if got := inventory(t, strings.Replace(text, "NAME", name, 1)).Cluster; got != want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}
