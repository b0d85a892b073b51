package cluster

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// told are Services, and what they are told of.
const told = `
{apiVersion: v1, kind: Service, metadata: {name: ext, namespace: a, labels: {tier: far}}, spec: {ports: [{name: db, port: 5432}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: silent, namespace: a}, spec: {}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: a}, spec: {selector: {app: web}}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: ext-1, namespace: a, labels: {kubernetes.io/service-name: ext}}, addressType: IPv4,
 endpoints: [{addresses: [203.0.113.9], conditions: {ready: false}}, {addresses: [203.0.113.8, nonsense]}], ports: [{name: db, port: 5432, protocol: TCP}, {name: none}]}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: ext-2, namespace: a, labels: {kubernetes.io/service-name: ext, service.kubernetes.io/headless: ""}}, addressType: IPv6,
 endpoints: [{addresses: ["2001:db8::1"]}], ports: [{name: db, port: 5432}]}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: ext-3, namespace: a, labels: {kubernetes.io/service-name: ext}}, addressType: FQDN,
 endpoints: [{addresses: [db.example]}], ports: [{name: db, port: 5432}]}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: web-1, namespace: a, labels: {kubernetes.io/service-name: web, endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io}}, addressType: IPv4,
 endpoints: [{addresses: [10.0.0.1]}], ports: [{port: 80}]}
`

func backend(ip string, headless bool) audit.Backend {
	return audit.Backend{IP: netip.MustParseAddr(ip), Protocol: audit.TCP, Port: 5432, Name: "db", Headless: headless}
}

func TestAServiceWithoutASelectorHasTheBackendsOfItsSlices(t *testing.T) {
	got := inventory(t, told).Services
	want := []audit.Backend{backend("203.0.113.8", false), backend("203.0.113.9", false), backend("2001:db8::1", true)}
	if d := cmp.Diff(want, got[0].Backends, addresses); d != "" {
		t.Error(d)
	}
	if got[0].Labels["tier"] != "far" {
		t.Errorf("labels %v", got[0].Labels)
	}
	// Files may not hold all slices there are.
	if got[1].Backends != nil || got[2].Backends != nil {
		t.Errorf("backends %v and %v of Services that have none in the files", got[1].Backends, got[2].Backends)
	}
}

func TestEndpointsAreBackendsTooAndCountOnce(t *testing.T) {
	got := inventory(t, told+`
---
{apiVersion: v1, kind: Endpoints, metadata: {name: ext, namespace: a}, subsets: [{addresses: [{ip: 203.0.113.8}], notReadyAddresses: [{ip: 203.0.113.7}], ports: [{name: db, port: 5432}]}]}
`).Services[0].Backends
	want := []audit.Backend{backend("203.0.113.7", false), backend("203.0.113.8", false), backend("203.0.113.9", false), backend("2001:db8::1", true)}
	if d := cmp.Diff(want, got, addresses); d != "" {
		t.Error(d)
	}
}

func TestOnlySlicesThatNoSelectorMadeAreAskedFor(t *testing.T) {
	var o metav1.ListOptions
	withoutSelected(&o)
	s, err := labels.Parse(o.LabelSelector)
	if err != nil {
		t.Fatal(err)
	}
	for by, want := range map[string]bool{
		"endpointslice-controller.k8s.io": false, "endpointslicemirroring-controller.k8s.io": true, "": true,
	} {
		set := labels.Set{"endpointslice.kubernetes.io/managed-by": by}
		if by == "" {
			set = nil
		}
		if s.Matches(set) != want {
			t.Errorf("managed by %q: %v, want %v", by, !want, want)
		}
	}
}

func TestALiveClusterTellsThatAServiceHasNoBackends(t *testing.T) {
	s, cfg := serve(t, "testdata/dump.yaml")
	for text := range strings.SplitSeq(told, "\n---\n") {
		s.add(t, text)
	}
	inv, err := (&Live{Config: cfg}).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for i := range inv.Services {
		if s := &inv.Services[i]; s.Backends != nil {
			found[s.Namespace+"/"+s.Name] = len(s.Backends)
		}
	}
	if found["a/ext"] != 3 {
		t.Errorf("backends %v", found)
	}
	if n, known := found["a/silent"]; n != 0 || !known {
		t.Errorf("of a/silent %d, known %v", n, known)
	}
	if _, known := found["a/web"]; known {
		t.Error("a Service with a selector has backends of its own")
	}
}
