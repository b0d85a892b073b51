package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// The size of the cluster that is measured.
const (
	manyPods       = 50_000
	manyPolicies   = 2000
	manyIdentities = 500
	perWorkload    = 20
)

// large makes the objects of a large cluster up as they are asked for, and
// streams them as servers do by now, so that the server itself needs no memory.
func large(s *server) http.Handler {
	lists := map[string]struct {
		n    int
		text func(int) string
	}{
		"/api/v1/pods":                               {manyPods, largePod},
		"/apis/apps/v1/replicasets":                  {manyPods / perWorkload, largeReplicaSet},
		"/apis/networking.k8s.io/v1/networkpolicies": {manyPolicies, largePolicy},
		"/apis/cilium.io/v2/ciliumendpoints":         {manyPods, largeEndpoint},
		"/apis/cilium.io/v2/ciliumidentities":        {manyIdentities, largeIdentity},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l, ok := lists[r.URL.Path]
		if !ok || r.URL.Query().Get("sendInitialEvents") == "" {
			s.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		for i := range l.n {
			_, _ = io.WriteString(w, `{"type":"ADDED","object":`+l.text(i)+"}\n")
		}
		head := l.text(0)[:strings.Index(l.text(0), `"metadata"`)]
		_, _ = io.WriteString(w, `{"type":"BOOKMARK","object":`+head+`"metadata":{"resourceVersion":"1000","annotations":{"k8s.io/initial-events-end":"true"}}}}`+"\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
}

// filling is what makes real objects as large as they are, and nobody reads.
func filling(n int) string { return strings.Repeat("x", n) }

func largeMeta(namespace, name string, i int) string {
	return fmt.Sprintf(`"metadata":{"name":%q,"namespace":%q,"uid":"00000000-0000-0000-0000-%012d","resourceVersion":"%d","creationTimestamp":"2026-01-01T00:00:00Z",
"managedFields":[{"manager":"kubelet","operation":"Update","time":"2026-01-01T00:00:00Z","fieldsV1":{"f:x":{"f:%s":{}}}}]`, name, namespace, i, i, filling(800))
}

func largePod(i int) string {
	w := i / perWorkload
	ns := fmt.Sprintf("team-%d", w%200)
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod",%s,"labels":{"app.kubernetes.io/name":"web-%d","app.kubernetes.io/part-of":"shop","pod-template-hash":"7d9f8c6b5%d"},
"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-%d-7d9f8c6b5%d","uid":"u-%d","controller":true}]},
"spec":{"nodeName":"node-%d.europe-west1.internal","serviceAccountName":"web","containers":[{"name":"web","image":"registry/%s","env":[{"name":"A","value":%q}],"ports":[{"name":"http","containerPort":8080},{"name":"metrics","containerPort":9090}]}],"volumes":[{"name":"v","emptyDir":{}}]},
"status":{"phase":"Running","podIP":"10.%d.%d.%d","podIPs":[{"ip":"10.%d.%d.%d"}],"startTime":"2026-01-01T00:00:00Z","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}],"containerStatuses":[{"name":"web","image":%q,"imageID":"x","ready":true,"restartCount":0}]}}`,
		largeMeta(ns, fmt.Sprintf("web-%d-7d9f8c6b5%d-%05d", w, w%10, i), i), w, w%10, w, w%10, w, i%500, filling(100), filling(400),
		i>>16, i>>8&255, i&255, i>>16, i>>8&255, i&255, filling(150))
}

func largeReplicaSet(i int) string {
	return fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"ReplicaSet",%s,"ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"web-%d","uid":"u","controller":true}]},
"spec":{"replicas":20,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app.kubernetes.io/name":"web-%d"}},"spec":{"containers":[{"name":"web","env":[{"name":"A","value":%q}]}]}}},"status":{"replicas":20}}`,
		largeMeta(fmt.Sprintf("team-%d", i%200), fmt.Sprintf("web-%d-7d9f8c6b5%d", i, i%10), i), i, i, filling(600))
}

func largePolicy(i int) string {
	return fmt.Sprintf(`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy",%s},"spec":{"podSelector":{"matchLabels":{"app.kubernetes.io/name":"web-%d"}},
"policyTypes":["Ingress","Egress"],"ingress":[{"from":[{"namespaceSelector":{"matchLabels":{"team":"t-%d"}},"podSelector":{"matchLabels":{"app":"gateway"}}}],"ports":[{"port":8080,"protocol":"TCP"}]}],
"egress":[{"to":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"kube-system"}}}],"ports":[{"port":53,"protocol":"UDP"}]}]}}`,
		largeMeta(fmt.Sprintf("team-%d", i%200), fmt.Sprintf("allow-%d", i), i), i, i%50)
}

func largeLabels(i int) string {
	return fmt.Sprintf(`"k8s:app.kubernetes.io/name=web-%d","k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=team-%d","k8s:io.cilium.k8s.policy.cluster=lab","k8s:io.cilium.k8s.policy.serviceaccount=web","k8s:io.kubernetes.pod.namespace=team-%d"`, i, i%200, i%200)
}

func largeEndpoint(i int) string {
	w := i / perWorkload
	id := w % manyIdentities
	return fmt.Sprintf(`{"apiVersion":"cilium.io/v2","kind":"CiliumEndpoint",%s,"labels":{"app":"web"}},
"status":{"id":%d,"identity":{"id":%d,"labels":[%s]},"state":"ready","encryption":{},"external-identifiers":{"cni-attachment-id":%q,"pod-name":"x"},"networking":{"addressing":[{"ipv4":"10.0.0.1"}],"node":"10.1.1.1"}}}`,
		largeMeta(fmt.Sprintf("team-%d", w%200), fmt.Sprintf("web-%d-7d9f8c6b5%d-%05d", w, w%10, i), i), i%4096, 10000+id, largeLabels(id), filling(70))
}

func largeIdentity(i int) string {
	labels := strings.NewReplacer("=", `":"`).Replace(largeLabels(i))
	return fmt.Sprintf(`{"apiVersion":"cilium.io/v2","kind":"CiliumIdentity",%s},"security-labels":{%s}}`, largeMeta("", fmt.Sprint(10000+i), i), labels)
}

// heap is the memory in use, in megabytes.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1e6
}

// The figures are what is in use after everything was read: by a follower, with
// an inventory taken, and beside it by informers that keep objects as they come.
func BenchmarkMemoryOfALargeCluster(b *testing.B) {
	h := httptest.NewServer(large(newServer()))
	defer h.Close()
	cfg := &rest.Config{Host: h.URL}
	b.Run("follower", func(b *testing.B) {
		for b.Loop() {
			before := heap()
			ctx, cancel := context.WithCancel(b.Context())
			f := Follow(Options{Config: cfg, Timeout: 5 * time.Minute})
			var running sync.WaitGroup
			running.Go(func() { _ = f.Run(ctx) })
			inv, err := f.Inventory(ctx)
			if err != nil || len(inv.Pods) != manyPods || len(inv.Endpoints) != manyPods || len(inv.Policies) != manyPolicies || len(inv.Problems) > 0 {
				b.Fatalf("%v: %d pods, %d endpoints, %d policies, %v", err, len(inv.Pods), len(inv.Endpoints), len(inv.Policies), inv.Problems)
			}
			b.ReportMetric(heap()-before, "MB")
			began := time.Now()
			clear(f.built)
			inv, _ = f.Inventory(ctx)
			b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/rebuild")
			began = time.Now()
			_, _ = f.Inventory(ctx)
			b.ReportMetric(float64(time.Since(began).Microseconds()), "µs/again")
			runtime.KeepAlive(inv)
			cancel()
			running.Wait()
		}
	})
	b.Run("untrimmed", func(b *testing.B) {
		for b.Loop() {
			before := heap()
			ctx, cancel := context.WithCancel(quietly(b.Context()))
			c, err := Follow(Options{Config: cfg}).connect()
			if err != nil {
				b.Fatal(err)
			}
			typed, dynamic := informers.NewSharedInformerFactory(c.typed, 0), dynamicinformer.NewDynamicSharedInformerFactory(c.dynamic, 0)
			cilium := schema.GroupVersion{Group: "cilium.io", Version: "v2"}
			all := []cache.SharedIndexInformer{
				typed.Core().V1().Pods().Informer(), typed.Apps().V1().ReplicaSets().Informer(), typed.Networking().V1().NetworkPolicies().Informer(),
				dynamic.ForResource(cilium.WithResource("ciliumendpoints")).Informer(), dynamic.ForResource(cilium.WithResource("ciliumidentities")).Informer(),
			}
			var running sync.WaitGroup
			for _, i := range all {
				running.Go(func() { i.RunWithContext(ctx) })
			}
			for _, i := range all {
				<-i.HasSyncedChecker().Done()
			}
			b.ReportMetric(heap()-before, "MB")
			runtime.KeepAlive(all)
			cancel()
			running.Wait()
		}
	})
}
