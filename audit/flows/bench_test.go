package flows

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cilium/cilium/api/v1/flow"
	"github.com/cilium/cilium/api/v1/observer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/segproof/segproof/audit"
)

// BenchmarkTake reads and merges recorded flows from their bytes, and beside it
// does nothing but decode them with the generated types.
func BenchmarkTake(b *testing.B) {
	all := flowsOnly(b, recorded(b))
	in := newRun(Options{}, audit.Hints{}, remember(2))
	types := func(m []byte) {
		var r observer.GetFlowsResponse
		if err := proto.Unmarshal(m, &r); err != nil {
			b.Fatal(err)
		}
	}
	wire := func(m []byte) {
		if err := in.takeBytes(m); err != nil {
			b.Fatal(err)
		}
	}
	measure := func(take func([]byte), n int) time.Duration {
		began := time.Now()
		for i := range n {
			take(all[i%len(all)])
		}
		return time.Since(began)
	}
	measure(wire, len(all))
	b.ReportAllocs()
	var ours, theirs time.Duration
	const flows = 1000
	for b.Loop() {
		ours += measure(wire, flows)
		b.StopTimer()
		theirs += measure(types, flows)
		b.StartTimer()
	}
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N)/flows, "ns/flow")
	b.ReportMetric(float64(theirs.Nanoseconds())/float64(b.N)/flows, "generated-ns/flow")
	b.ReportMetric(float64(theirs)/float64(ours), "times-faster")
}

// town gives follower flows of so many conversations, some of each: between
// workloads of several pods, a tenth of them with addresses outside.
func town(tb testing.TB, f *Follower, conversations, each int) {
	tb.Helper()
	l := f.ledger()
	l.up, l.ever, l.now = true, true, time.Now().UnixNano()
	workload := func(n, pod int) *flow.Endpoint {
		ns, name := fmt.Sprintf("team-%d", n/10), fmt.Sprintf("service-%d", n)
		e := &flow.Endpoint{
			ID: uint32(n), Identity: uint32(1000 + n), Namespace: ns, ClusterName: "prod",
			PodName:   fmt.Sprintf("%s-7d9f8b6c5-%05d", name, pod),
			Workloads: []*flow.Workload{{Kind: "Deployment", Name: name}},
			Labels: []string{
				"k8s:app.kubernetes.io/instance=" + name, "k8s:app.kubernetes.io/name=" + name,
				"k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=" + ns,
				"k8s:io.cilium.k8s.namespace.labels.team=" + ns, "k8s:io.cilium.k8s.policy.cluster=prod",
				"k8s:io.cilium.k8s.policy.serviceaccount=" + name, "k8s:io.kubernetes.pod.namespace=" + ns,
				"k8s:tier=backend",
			},
		}
		return e
	}
	began := time.Now().Add(-time.Hour)
	m := delivery()
	for i := range conversations * each {
		c := i % conversations
		pod := i / conversations % 3
		m.Uuid = fmt.Sprintf("%08x-0000-4000-8000-%012x", c, i)
		m.Time = timestamppb.New(began.Add(time.Duration(i) * 100 * time.Microsecond))
		m.NodeName = fmt.Sprintf("prod/node-%d", c%100)
		m.Source, m.Destination = workload(c%2000, pod), workload(c*7919%2000, pod)
		m.IP.Source, m.IP.Destination = fmt.Sprintf("10.1.%d.%d", c%250, pod), fmt.Sprintf("10.2.%d.%d", c/250%250, pod)
		m.L4.GetTCP().SourcePort, m.L4.GetTCP().DestinationPort = uint32(32768+i%20000), uint32(8000+c/2000)
		if c%10 == 0 {
			m.IP.Source = fmt.Sprintf("198.51.%d.%d", c/250%250, c%250)
			m.Source = world("cidr:0.0.0.0/0")
			m.SourceNames = []string{fmt.Sprintf("host-%d.example.com", c)}
		} else {
			m.SourceNames = nil
		}
		if err := l.takeBytes(encoded(tb, response(m))); err != nil {
			tb.Fatal(err)
		}
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkTown measures what 100,000 conversations cost: to remember, and to
// tell of while others wait.
func BenchmarkTown(b *testing.B) {
	const conversations = 100_000
	before := heap()
	f := &Follower{Options: Options{Remembered: 2}}
	town(b, f, conversations, 4)
	n := f.Stats().Conversations
	after := heap()
	if n < conversations*9/10 {
		b.Fatalf("%d conversations", n)
	}
	l := f.ledger()
	var frozen, told time.Duration
	for b.Loop() {
		began := time.Now()
		_, book, _ := l.freeze(audit.Hints{}, time.Now())
		frozen += time.Since(began)
		if all, _ := book.conversations(nil); len(all) != n {
			b.Fatalf("told %d of %d", len(all), n)
		}
		told += time.Since(began)
	}
	b.ReportMetric(float64(after-before)/float64(n), "B/conversation")
	b.ReportMetric(frozen.Seconds()*1000/float64(b.N), "frozen-ms")
	b.ReportMetric(told.Seconds()*1000/float64(b.N), "told-ms")
	runtime.KeepAlive(f)
}
