package flows

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/cilium/cilium/api/v1/flow"
	"github.com/cilium/cilium/api/v1/observer"
	relaypb "github.com/cilium/cilium/api/v1/relay"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/segproof/segproof/audit"
)

// recorded is every response in the recordings, as bytes on the wire.
func recorded(t testing.TB) (out [][]byte) {
	t.Helper()
	files, err := filepath.Glob("../../cmd/segproof/recordings/*/flows.jsonl.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, path := range append(files, recording) {
		for l := range bytes.SplitSeq(bytes.TrimSpace(unzipped(t, path)), []byte("\n")) {
			event, _, err := decodeLine(l)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, encoded(t, responseOf(event)))
		}
	}
	return out
}

func unzipped(t testing.TB, path string) []byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var r io.Reader = file
	if filepath.Ext(path) == ".gz" {
		if r, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func responseOf(e *observer.ExportEvent) *observer.GetFlowsResponse {
	r := &observer.GetFlowsResponse{NodeName: e.GetNodeName(), Time: e.GetTime()}
	switch x := e.GetResponseTypes().(type) {
	case *observer.ExportEvent_Flow:
		r.ResponseTypes = &observer.GetFlowsResponse_Flow{Flow: x.Flow}
	case *observer.ExportEvent_LostEvents:
		r.ResponseTypes = &observer.GetFlowsResponse_LostEvents{LostEvents: x.LostEvents}
	case *observer.ExportEvent_NodeStatus:
		r.ResponseTypes = &observer.GetFlowsResponse_NodeStatus{NodeStatus: x.NodeStatus}
	}
	return r
}

func encoded(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// byTypes is the record that the generated types give; nil if it is no flow.
func byTypes(b []byte) (*record, error) {
	var m observer.GetFlowsResponse
	if err := proto.Unmarshal(b, &m); err != nil {
		return nil, errWire
	}
	f, ok := m.GetResponseTypes().(*observer.GetFlowsResponse_Flow)
	if !ok {
		return nil, nil
	}
	r, err := newRecord(f.Flow, envelope{m.GetNodeName(), m.GetTime()})
	if err == nil {
		err = r.check()
	}
	return r, err
}

// byWire is the record that the wire reader gives.
func byWire(r *reader, b []byte) (*record, error) {
	var m outer
	if err := m.read(b); err != nil {
		return nil, err
	}
	if m.kind != fieldFlow {
		return nil, nil
	}
	out, err := r.read(m.body, &m)
	if err == nil {
		err = out.check()
	}
	return out, err
}

// sameRecord holds both readers against each other. What the generated types
// refuse may be read: they refuse texts that nobody looks at.
func sameRecord(t *testing.T, r *reader, b []byte) {
	t.Helper()
	want, wantErr := byTypes(b)
	got, err := byWire(r, b)
	switch {
	case wantErr == nil && err != nil:
		t.Fatalf("the wire reader refuses what is valid: %v", err)
	case wantErr == errWire, err == errWire:
		return
	case wantErr != nil:
		if err == nil || err.Error() != wantErr.Error() {
			t.Fatalf("got %v, want %v", err, wantErr)
		}
		return
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(record{}, endpoint{}), cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(endpoint{}, "party", "checked"), cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Fatalf("(-types +wire)\n%s", d)
	}
}

func TestTheWireReaderReadsWhatTheGeneratedTypesRead(t *testing.T) {
	r, all := newReader(), recorded(t)
	if len(all) < 1000 {
		t.Fatalf("%d recorded responses, want thousands", len(all))
	}
	for range 2 { // the second time from memory
		for _, b := range all {
			sameRecord(t, r, b)
		}
	}
	for _, f := range oddFlows() {
		sameRecord(t, r, encoded(t, response(f)))
	}
}

// oddFlows are flows of servers of all ages, and of none.
func oddFlows() []*flow.Flow {
	old := with(delivery(), func(f *flow.Flow) {
		f.IsReply, f.TraceReason, f.TraceObservationPoint, f.EventType.SubType, f.Reply = nil, 0, 0, 4, true
	})
	return []*flow.Flow{
		{}, old, with(verdict(flow.Verdict_DROPPED), func(f *flow.Flow) { f.DropReason = 181 }),
		with(verdict(flow.Verdict_DROPPED), func(f *flow.Flow) { f.DropReason = 4000000000 }),
		with(verdict(99), func(f *flow.Flow) { f.DropReasonDesc = 7777; f.Time.Nanos = -1 }),
		with(delivery(), func(f *flow.Flow) { f.Time = &timestamppb.Timestamp{Seconds: -1 << 62} }),
		with(delivery(), func(f *flow.Flow) { f.IP.Source, f.IP.Destination = "::ffff:10.0.0.1", "fe80::1%eth0" }),
		with(delivery(), func(f *flow.Flow) { f.IP.Source, f.IP.Destination = "10.0.0.01", "10.0.0.256" }),
		with(delivery(), func(f *flow.Flow) { f.IP.Source, f.IP.Destination = "1.2.3", "1.2.3.4." }),
		with(delivery(), func(f *flow.Flow) { f.L4.GetTCP().SourcePort = 1 << 20 }),
		with(delivery(), func(f *flow.Flow) { f.IsReply = &wrapperspb.BoolValue{Value: true} }),
		with(delivery(), func(f *flow.Flow) { f.Uuid = "9A2B47B0-0000-0000-0000-000000000001" }),
		with(delivery(), func(f *flow.Flow) { f.Source = nil; f.SourceNames = []string{"a", "b"} }),
		with(verdict(flow.Verdict_FORWARDED), func(f *flow.Flow) {
			f.EgressAllowedBy = []*flow.Policy{{Name: "a", Kind: "CiliumNetworkPolicy"}, {Labels: []string{reservedRule + "x"}}}
			f.EgressDeniedBy, f.IngressAllowedBy = []*flow.Policy{{Name: "b"}}, []*flow.Policy{{Name: "c"}}
		}),
	}
}

func TestAMessageThatComesTwiceIsOne(t *testing.T) {
	whole := encoded(t, response(delivery()))
	part := func(change func(*flow.Flow)) []byte {
		f := &flow.Flow{}
		change(f)
		return protowire.AppendBytes(protowire.AppendTag(nil, fieldFlow, protowire.BytesType), encoded(t, f))
	}
	for name, more := range map[string][]byte{
		"more of an end":    part(func(f *flow.Flow) { f.Source = &flow.Endpoint{PodName: "x", Labels: []string{"k8s:z=1"}} }),
		"other port":        part(func(f *flow.Flow) { f.L4 = &flow.Layer4{Protocol: &flow.Layer4_TCP{TCP: &flow.TCP{SourcePort: 9}}} }),
		"other protocol":    part(func(f *flow.Flow) { f.L4 = &flow.Layer4{Protocol: &flow.Layer4_UDP{UDP: &flow.UDP{SourcePort: 9}}} }),
		"other time":        part(func(f *flow.Flow) { f.Time = &timestamppb.Timestamp{Nanos: 5} }),
		"reply, not told":   part(func(f *flow.Flow) { f.IsReply = &wrapperspb.BoolValue{} }),
		"an unknown field":  protowire.AppendVarint(protowire.AppendTag(nil, 5000, protowire.VarintType), 7),
		"an unknown group":  protowire.AppendTag(protowire.AppendTag(nil, 7, protowire.StartGroupType), 7, protowire.EndGroupType),
		"a wrong wire type": protowire.AppendVarint(protowire.AppendTag(nil, fieldFlow, protowire.VarintType), 7),
		"status after all":  encoded(t, &observer.GetFlowsResponse{ResponseTypes: &observer.GetFlowsResponse_NodeStatus{NodeStatus: &relaypb.NodeStatusEvent{}}}),
	} {
		t.Run(name, func(t *testing.T) { sameRecord(t, newReader(), append(bytes.Clone(whole), more...)) })
	}
}

func TestBytesThatAreNoMessageAreABadRecord(t *testing.T) {
	whole := encoded(t, response(verdict(flow.Verdict_FORWARDED)))
	in := newRun(Options{}, audit.Hints{}, remember(10))
	for n := range len(whole) {
		// Cut off at the end of a field it is a shorter message.
		if _, err := byTypes(whole[:n]); err == errWire && in.takeBytes(whole[:n]) == nil {
			t.Errorf("the first %d of %d bytes are taken", n, len(whole))
		}
	}
	if in.takeBytes([]byte{0xff}) == nil || in.takeBytes([]byte{0x0a, 0x05, 1}) == nil {
		t.Error("malformed bytes are taken")
	}
}

func FuzzWire(f *testing.F) {
	for i, b := range recorded(f) {
		if i%97 == 0 {
			f.Add(b)
		}
	}
	for _, o := range oddFlows() {
		f.Add(encoded(f, response(o)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		sameRecord(t, newReader(), b)
		if err := newRun(Options{}, audit.Hints{}, remember(10)).takeBytes(b); err != nil && err.Error() == "" {
			t.Error("an error that says nothing")
		}
	})
}

func TestAFlowThatComesAgainAllocatesNothing(t *testing.T) {
	all := flowsOnly(t, recorded(t))
	in := newRun(Options{}, audit.Hints{Cuts: []audit.Cut{{At: noon(), Namespace: "payments"}, {At: noon()}}}, remember(1))
	take := func() {
		for _, b := range all {
			if err := in.takeBytes(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 3 { // warm
		take()
	}
	in.seen.age()
	in.seen.age()
	if n := testing.AllocsPerRun(3, take); n/float64(len(all)) > 0.001 {
		t.Errorf("%.0f allocations for %d flows, want none", n, len(all))
	}
}

func flowsOnly(t testing.TB, all [][]byte) (out [][]byte) {
	for _, b := range all {
		if r, err := byTypes(b); r != nil && err == nil {
			out = append(out, b)
		}
	}
	return out
}
