package flows

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/cilium/cilium/api/v1/flow"
	"github.com/cilium/cilium/api/v1/observer"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/segproof/segproof/audit"
)

// Some records of a real Hubble, of every kind that it sent.
const recording = "testdata/mixed.jsonl"

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// verdict is a flow as Hubble sends it for a policy verdict at the source.
func verdict(v flow.Verdict) *flow.Flow {
	return &flow.Flow{
		Time: timestamppb.New(noon()), NodeName: "lab/n1", Verdict: v,
		IP: &flow.IP{Source: "10.0.0.1", Destination: "10.0.0.2"},
		L4: &flow.Layer4{Protocol: &flow.Layer4_TCP{TCP: &flow.TCP{
			SourcePort: 40000, DestinationPort: 8080, Flags: &flow.TCPFlags{SYN: true},
		}}},
		Source:           pod("shop", "web-1", "Deployment", "web"),
		Destination:      pod("shop", "db-1", "StatefulSet", "db"),
		EventType:        &flow.CiliumEventType{Type: kindVerdict},
		TrafficDirection: flow.TrafficDirection_EGRESS,
	}
}

// delivery is a flow as Hubble sends it for a packet that reached its end.
func delivery() *flow.Flow {
	f := verdict(flow.Verdict_FORWARDED)
	f.EventType = &flow.CiliumEventType{Type: kindTrace}
	f.TraceObservationPoint = flow.TraceObservationPoint_TO_ENDPOINT
	f.TraceReason = flow.TraceReason_NEW
	f.IsReply = wrapperspb.Bool(false)
	return f
}

func pod(namespace, name, kind, workload string) *flow.Endpoint {
	e := &flow.Endpoint{
		Namespace: namespace, PodName: name, ClusterName: "lab",
		Labels: []string{"k8s:app=" + workload, "k8s:io.kubernetes.pod.namespace=" + namespace},
	}
	if kind != "" {
		e.Workloads = []*flow.Workload{{Kind: kind, Name: workload}}
	}
	return e
}

func world(labels ...string) *flow.Endpoint {
	return &flow.Endpoint{Labels: append(labels, "reserved:world")}
}

func with(f *flow.Flow, change func(*flow.Flow)) *flow.Flow {
	change(f)
	return f
}

// line is a flow as a line of JSON.
func line(t *testing.T, f *flow.Flow) string {
	t.Helper()
	b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(
		&observer.ExportEvent{ResponseTypes: &observer.ExportEvent_Flow{Flow: f}, NodeName: f.NodeName, Time: f.Time})
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

// recordOf translates a flow that must be readable.
func recordOf(t *testing.T, f *flow.Flow) *record {
	t.Helper()
	r, err := newRecord(f, envelope{})
	if err == nil {
		err = r.check()
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func takeAll(t *testing.T, o Options, h audit.Hints, fs ...*flow.Flow) *audit.Traffic {
	t.Helper()
	in := newRun(o, h, remember(1000))
	for _, f := range fs {
		if err := in.takeFlow(f, envelope{}); err != nil {
			t.Fatal(err)
		}
	}
	return in.traffic()
}

// only is the conversation, if there is one.
func only(t *testing.T, tr *audit.Traffic) audit.Conversation {
	t.Helper()
	if len(tr.Conversations) != 1 {
		t.Fatalf("%d conversations, want 1: %+v", len(tr.Conversations), tr.Conversations)
	}
	return tr.Conversations[0]
}

func diff(t *testing.T, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
