package flows

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cilium/cilium/api/v1/flow"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/segproof/segproof/audit"
)

// shuffled deals lines to some intakes in random order, and lets them absorb
// each other in random order too.
func shuffled(t *testing.T, lines [][]byte, o Options, h audit.Hints, r *rand.Rand) *audit.Traffic {
	t.Helper()
	seen := remember(1_000_000)
	ins := make([]*run, 1+r.IntN(4))
	for i := range ins {
		ins[i] = newRun(o, h, seen)
	}
	for _, i := range r.Perm(len(lines)) {
		if _, err := ins[r.IntN(len(ins))].takeLine(lines[i]); err != nil {
			t.Fatal(err)
		}
	}
	all := ins[0]
	for _, in := range ins[1:] {
		all.absorb(in)
	}
	return all.traffic()
}

func TestNeitherOrderNorSplitMatters(t *testing.T) {
	real := bytes.Split(bytes.TrimSpace(read(t, recording)), []byte("\n"))
	cut := audit.Hints{Cuts: []audit.Cut{{At: time.Date(2026, 11, 22, 22, 5, 20, 0, time.UTC)}}}
	for name, tc := range map[string]struct {
		lines [][]byte
		o     Options
		h     audit.Hints
	}{
		"recording":              {real, Options{}, audit.Hints{}},
		"recording with a cut":   {real, Options{}, cut},
		"few conversations":      {real, Options{Conversations: 12}, audit.Hints{}},
		"single address":         {real, Options{Addresses: 1}, audit.Hints{}},
		"crowd":                  {crowd(t), Options{}, audit.Hints{}},
		"crowd, few addresses":   {crowd(t), Options{Addresses: 5}, audit.Hints{}},
		"crowd, both of them":    {crowd(t), Options{Addresses: 5, Conversations: 20}, audit.Hints{}},
		"given twice":            {append(crowd(t), crowd(t)...), Options{}, audit.Hints{}},
		"crowd, no conversation": {crowd(t), Options{Conversations: 1}, audit.Hints{}},
	} {
		t.Run(name, func(t *testing.T) {
			want := shuffled(t, tc.lines, tc.o, tc.h, rand.New(rand.NewPCG(0, 0)))
			for seed := range uint64(8) {
				diff(t, want, shuffled(t, tc.lines, tc.o, tc.h, rand.New(rand.NewPCG(seed, 1))))
				if t.Failed() {
					t.Fatalf("with seed %d", seed)
				}
			}
			if n := len(want.Conversations); tc.o.Conversations > 0 && n > tc.o.Conversations {
				t.Errorf("%d conversations, want at most %d", n, tc.o.Conversations)
			}
			var flows uint64
			for _, c := range want.Conversations {
				flows += c.Flows
			}
			if tc.o.Addresses == 0 && flows+want.Folded != want.Flows {
				t.Errorf("%d flows in conversations and %d folded, want %d", flows, want.Folded, want.Flows)
			}
		})
	}
}

// crowd is flows between two workloads of many pods, half of which nobody tells
// the workload of in any one flow, and of many addresses outside.
func crowd(t *testing.T) (out [][]byte) {
	for i := range 120 {
		f := delivery()
		f.Uuid = fmt.Sprintf("u%d", i)
		f.Time = timestamppb.New(noon().Add(time.Duration(i%40) * time.Second))
		f.NodeName = fmt.Sprintf("lab/n%d", i%20)
		f.Source.PodName, f.Destination.PodName = fmt.Sprintf("web-%d", i%7), fmt.Sprintf("db-%d", i%5)
		f.L4.GetTCP().SourcePort += uint32(i)
		switch i % 4 {
		case 0:
			f.Source.Workloads = nil
		case 1:
			f.Destination.Workloads = nil
			f.Destination.Labels = append(f.Destination.Labels, "k8s:version=2")
		case 2:
			f.Source = world(fmt.Sprintf("cidr:198.51.100.%d/32", i))
			f.IP.Source = fmt.Sprintf("198.51.100.%d", i)
		case 3:
			f.EventType.Type = 3
			f.L4.GetTCP().DestinationPort = 40000 + uint32(i)
		}
		out = append(out, []byte(line(t, f)))
	}
	return out
}

func TestAConversationCountsItsFlows(t *testing.T) {
	var fs []*flow.Flow
	for i := range 20 {
		f := delivery()
		f.Uuid = fmt.Sprintf("u%02d", i)
		f.Time = timestamppb.New(noon().Add(time.Duration(i) * time.Second))
		f.L4.GetTCP().SourcePort += uint32(i)
		f.NodeName = fmt.Sprintf("lab/n%02d", i)
		if i >= 15 {
			f.TraceReason = flow.TraceReason_ESTABLISHED
		}
		fs = append(fs, f, f)
	}
	tr := takeAll(t, Options{}, audit.Hints{}, fs...)
	c := only(t, tr)
	if c.Flows != 20 || tr.Flows != 20 {
		t.Errorf("%d flows of %d, want 20: one that comes twice counts once", c.Flows, tr.Flows)
	}
	if c.Opened != 15 || len(c.Opens) != audit.MaxOpens {
		t.Errorf("opened %d, %d kept", c.Opened, len(c.Opens))
	}
	diff(t, []time.Time{noon(), noon().Add(19 * time.Second), noon(), noon().Add(14 * time.Second)},
		[]time.Time{c.First, c.Last, c.FirstOpen, c.LastOpen})
	if len(c.Nodes) != 16 || c.Nodes[0] != "lab/n00" || c.Nodes[15] != "lab/n15" {
		t.Errorf("nodes %v", c.Nodes)
	}
	if len(c.Samples) != audit.MaxSamples || c.Samples[0].UUID != "u00" || c.Samples[2].UUID != "u02" {
		t.Errorf("samples %+v", c.Samples)
	}
	diff(t, audit.Sample{
		Time: noon(), UUID: "u00", Node: "lab/n00", From: "shop/web-1", To: "shop/db-1", Address: "10.0.0.2:8080",
	}, c.Samples[0])
	diff(t, []string{"lab"}, tr.Clusters)
	if !tr.Since.Equal(noon()) || !tr.Until.Equal(noon().Add(19*time.Second)) || len(tr.Nodes) != 20 {
		t.Errorf("window %s to %s, nodes %+v", tr.Since, tr.Until, tr.Nodes)
	}
}

func TestAConversationNeverSpansACut(t *testing.T) {
	cut := noon().Add(time.Minute)
	var fs []*flow.Flow
	for _, at := range []time.Duration{0, time.Minute - 1, time.Minute, 2 * time.Minute} {
		fs = append(fs, with(delivery(), func(f *flow.Flow) { f.Time = timestamppb.New(noon().Add(at)) }))
	}
	tr := takeAll(t, Options{}, audit.Hints{Cuts: []audit.Cut{{At: cut}, {At: cut}}}, fs...)
	if len(tr.Conversations) != 2 {
		t.Fatalf("%d conversations, want 2", len(tr.Conversations))
	}
	if a, b := tr.Conversations[0], tr.Conversations[1]; !a.Last.Before(cut) || !b.First.Equal(cut) || a.Flows != 2 || b.Flows != 2 {
		t.Errorf("cut at %s: %s to %s, then %s to %s", cut, a.First, a.Last, b.First, b.Last)
	}
}

func TestRepliesAreKeptByTheirConnection(t *testing.T) {
	var fs []*flow.Flow
	for i := range uint32(50) {
		f := delivery()
		f.Source, f.Destination = f.Destination, f.Source
		f.TraceReason, f.IsReply.Value = flow.TraceReason_REPLY, true
		f.L4.GetTCP().SourcePort, f.L4.GetTCP().DestinationPort = 8080, 40000+i
		if i%2 == 0 { // it is not told that it is a reply, but it looks like one
			f.TraceReason, f.IsReply = 0, nil
			f.TraceObservationPoint = flow.TraceObservationPoint_FROM_ENDPOINT
			f.L4.GetTCP().Flags = nil
		}
		fs = append(fs, f)
	}
	c := only(t, takeAll(t, Options{}, audit.Hints{}, fs...))
	if c.Event != audit.Seen || c.From.Workload.Name != "web" || c.To.Workload.Name != "db" || c.Port != 8080 || c.Flows != 50 {
		t.Errorf("got %s %s to %s, port %d, %d flows", c.Event, c.From.Ref(), c.To.Ref(), c.Port, c.Flows)
	}
}

func TestATextInASampleIsBounded(t *testing.T) {
	f := delivery()
	long := string(bytes.Repeat([]byte("ä"), 10_000))
	f.Destination, f.IP.Destination = world(), "2001:db8::1"
	f.DestinationNames = []string{long, "b", "c", "d", "e", "f"}
	f.Summary = long
	s := only(t, takeAll(t, Options{}, audit.Hints{}, f)).Samples[0]
	if len(s.Names) != 5 || len([]rune(s.Names[0])) != 257 || len([]rune(s.Summary)) != 257 {
		t.Errorf("%d names, %d and %d runes", len(s.Names), len([]rune(s.Names[0])), len([]rune(s.Summary)))
	}
	if s.Address != "[2001:db8::1]:8080" {
		t.Errorf("address %s", s.Address)
	}
}
