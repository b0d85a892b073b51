package cluster

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/segproof/segproof/audit"
)

const running = `
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: a}
status: {phase: PHASE, startTime: "2026-01-02T03:04:05Z", conditions: [{type: Initialized, status: "True"}, {type: Ready, status: "READY"}]}
`

func TestAPodTellsWhetherItRunsAndIsReady(t *testing.T) {
	for _, tt := range []struct {
		phase, ready   string
		runs, is, done bool
	}{
		{"Running", "True", true, true, false},
		{"Running", "False", true, false, false},
		{"Pending", "False", false, false, false},
		{"Succeeded", "False", false, false, true},
	} {
		p := inventory(t, strings.NewReplacer("PHASE", tt.phase, "READY", tt.ready).Replace(running)).Pods[0]
		if p.Running != tt.runs || p.Ready != tt.is || p.Done != tt.done || !p.Started.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
			t.Errorf("%v: got %+v", tt, p)
		}
	}
}

const counted = `
{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {replicas: 3}, status: {availableReplicas: 2}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: unsaid}}
---
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: b}, spec: {replicas: 0}}
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: c}, spec: {template: {spec: {containers: [{name: x, image: "x:1"}]}}}, status: {desiredNumberScheduled: 5, numberAvailable: 4}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: d}, spec: {parallelism: 2}, status: {ready: 1}}
---
{apiVersion: batch/v1, kind: CronJob, metadata: {name: e}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: f}, spec: {replicas: 1}, status: {availableReplicas: 1}}
---
{apiVersion: v1, kind: ReplicationController, metadata: {name: g}, spec: {replicas: 4}, status: {availableReplicas: 4}}
---
{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: h}, spec: {replicas: 6}, status: {availableReplicas: 5}}
`

func TestAWorkloadTellsHowManyPodsItWantsAndHas(t *testing.T) {
	type counts struct{ want, have int32 }
	got := map[string]counts{}
	inv := inventory(t, counted)
	for _, w := range inv.Workloads {
		got[w.Name] = counts{w.Replicas, w.Available}
	}
	want := map[string]counts{"a": {3, 2}, "unsaid": {1, 0}, "b": {0, 0}, "c": {5, 4}, "d": {2, 1}, "e": {0, 0}, "f": {1, 1}, "g": {4, 4}, "h": {6, 5}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(counts{})); d != "" {
		t.Error(d)
	}
}

func TestWhatControllersSayOfPoliciesIsKept(t *testing.T) {
	inv := inventory(t, `
{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: bad}, status: {conditions: [{type: Valid, status: "False", message: no}], derivativePolicies: {x: {}}}}
---
{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: p, annotations: {"argocd.argoproj.io/tracking-id": "app:x"}, labels: {"kustomize.toolkit.fluxcd.io/name": apps}},
 status: {conditions: [{type: Ready, status: "True"}]}}`)
	for _, o := range []*audit.Object{inv.Policies[0], inv.Kyverno[0]} {
		status := o.Raw["status"].(map[string]any)
		if len(status) != 1 || len(status["conditions"].([]any)) != 1 {
			t.Errorf("%s: %v", o.Ref, status)
		}
	}
	if o := inv.Kyverno[0]; o.Annotations["argocd.argoproj.io/tracking-id"] == "" || o.Labels["kustomize.toolkit.fluxcd.io/name"] == "" {
		t.Errorf("who deploys it is lost: %v %v", o.Labels, o.Annotations)
	}
}

func TestPassesAreFoldedByNamespaceAndRule(t *testing.T) {
	inv := inventory(t, `
{apiVersion: wgpolicyk8s.io/v1alpha2, kind: PolicyReport, metadata: {name: one, namespace: shop}, source: kyverno, results: [
  {policy: limits, rule: r, result: pass, timestamp: {seconds: 1767225600}}, {policy: limits, rule: r, result: pass, timestamp: {seconds: 1767225700}},
  {policy: limits, rule: s, result: pass, source: other}, {policy: limits, rule: r, result: fail}, {policy: limits, rule: r, result: skip}]}
---
{apiVersion: wgpolicyk8s.io/v1alpha2, kind: PolicyReport, metadata: {name: two, namespace: shop}, source: kyverno, results: [
  {policy: limits, rule: r, result: pass, message: 7, timestamp: {seconds: 1767225650}}]}
---
{apiVersion: openreports.io/v1alpha1, kind: Report, metadata: {name: two, namespace: shop}, source: kyverno, results: [
  {policy: limits, rule: r, result: pass, timestamp: {seconds: 1767225640}}]}
---
{apiVersion: wgpolicyk8s.io/v1alpha2, kind: ClusterPolicyReport, metadata: {name: wide}, source: kyverno, results: [{policy: limits, rule: r, result: pass}]}
`)
	want := []audit.KyvernoPasses{
		{Policy: "limits", Rule: "r", Source: "kyverno", Count: 1},
		{Namespace: "shop", Policy: "limits", Rule: "r", Source: "kyverno", Count: 3, Newest: time.Unix(1767225700, 0).UTC()},
		{Namespace: "shop", Policy: "limits", Rule: "s", Source: "other", Count: 1},
	}
	if d := cmp.Diff(want, inv.Passes); d != "" {
		t.Error(d)
	}
}

func TestBothSourcesTellTheSameOfWhatControllersWrote(t *testing.T) {
	text := endpointObjects + "---" + webhookObjects + "---" + counted + "---" + strings.NewReplacer("PHASE", "Running", "READY", "True").Replace(running)
	s, cfg := serve(t, "testdata/dump.yaml")
	for gv := range s.objects {
		s.objects[gv] = []any{}
	}
	for d, err := range documents(strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		s.add(t, string(d.text))
	}
	clear(s.byName)
	live, err := (&Live{Config: cfg}).Inventory(t.Context())
	if err != nil || len(live.Problems) > 0 {
		t.Fatal(err, live.Problems)
	}
	files := inventory(t, text)
	opts := cmp.Options{
		addresses, cmpopts.IgnoreTypes(audit.Source{}), cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(audit.Inventory{}, "At", "Unreadable"), cmpopts.IgnoreFields(audit.Object{}, "Raw"),
	}
	// Without namespaces of their own, the files' objects are in "default"; so they are served.
	if d := cmp.Diff(files.Endpoints, live.Endpoints, opts) + cmp.Diff(files.Webhooks, live.Webhooks, opts) + cmp.Diff(files.Pods, live.Pods, opts); d != "" {
		t.Error(d)
	}
	want, got := map[string]audit.Workload{}, map[string]audit.Workload{}
	for _, w := range files.Workloads {
		w.Namespace = ""
		want[w.Name] = w
	}
	for _, w := range live.Workloads {
		got[w.Name] = w
	}
	if d := cmp.Diff(want, got, opts); d != "" {
		t.Error(d)
	}
}
