package flows

import (
	"testing"

	"github.com/cilium/cilium/api/v1/flow"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/segproof/segproof/audit"
)

func TestWhatAFlowProvesFollowsFromItsEvent(t *testing.T) {
	trace := func(p flow.TraceObservationPoint, change ...func(*flow.Flow)) *flow.Flow {
		f := delivery()
		f.TraceObservationPoint = p
		for _, c := range change {
			c(f)
		}
		return f
	}
	reply := func(f *flow.Flow) { f.IsReply = wrapperspb.Bool(true); f.TraceReason = flow.TraceReason_REPLY }
	// What servers before 1.10 send: neither point nor is_reply nor reason.
	old := func(sub int32, change func(*flow.Flow)) *flow.Flow {
		return trace(0, func(f *flow.Flow) {
			f.IsReply, f.TraceReason, f.EventType.SubType = nil, 0, sub
			change(f)
		})
	}
	acked := func(f *flow.Flow) { f.L4.GetTCP().Flags = &flow.TCPFlags{ACK: true} }
	same := func(f *flow.Flow) {}
	drop := func(change func(*flow.Flow)) *flow.Flow {
		return with(verdict(flow.Verdict_DROPPED), func(f *flow.Flow) { f.EventType.Type = kindDrop; change(f) })
	}
	const (
		toEndpoint = flow.TraceObservationPoint_TO_ENDPOINT
		toStack    = flow.TraceObservationPoint_TO_STACK
	)
	for name, tc := range map[string]struct {
		flow *flow.Flow
		want audit.Event
	}{
		"verdict forwarded":            {verdict(flow.Verdict_FORWARDED), audit.PolicyVerdict},
		"verdict dropped":              {verdict(flow.Verdict_DROPPED), audit.PolicyVerdict},
		"verdict audit":                {verdict(flow.Verdict_AUDIT), audit.PolicyVerdict},
		"verdict redirected":           {verdict(flow.Verdict_REDIRECTED), audit.PolicyVerdict},
		"verdict of another kind":      {verdict(flow.Verdict_ERROR), audit.Seen},
		"verdict without direction":    {with(verdict(flow.Verdict_DROPPED), func(f *flow.Flow) { f.TrafficDirection = 0 }), audit.Seen},
		"verdict dropped, a reply":     {with(verdict(flow.Verdict_DROPPED), reply), audit.Seen},
		"drop":                         {drop(same), audit.Drop},
		"drop of a reply":              {drop(reply), audit.Seen},
		"drop without direction":       {drop(func(f *flow.Flow) { f.TrafficDirection = 0 }), audit.Seen},
		"to-endpoint":                  {trace(toEndpoint), audit.Delivered},
		"to-endpoint, a reply":         {trace(toEndpoint, reply), audit.Seen},
		"to-endpoint, related":         {trace(toEndpoint, func(f *flow.Flow) { f.TraceReason = flow.TraceReason_RELATED }), audit.Seen},
		"to-endpoint, same pod":        {trace(toEndpoint, func(f *flow.Flow) { f.Destination = f.Source }), audit.Seen},
		"to-endpoint, same address":    {trace(toEndpoint, func(f *flow.Flow) { f.IP.Source = f.IP.Destination }), audit.Seen},
		"to-stack":                     {trace(toStack), audit.Left},
		"to-network":                   {trace(flow.TraceObservationPoint_TO_NETWORK), audit.Left},
		"to-overlay":                   {trace(flow.TraceObservationPoint_TO_OVERLAY), audit.Left},
		"to-host":                      {trace(flow.TraceObservationPoint_TO_HOST), audit.Left},
		"to-crypto":                    {trace(flow.TraceObservationPoint_TO_CRYPTO), audit.Left},
		"to-stack, a reply":            {trace(toStack, reply), audit.Seen},
		"to-stack from outside":        {trace(toStack, func(f *flow.Flow) { f.Source = world() }), audit.Seen},
		"to-stack from the node":       {trace(toStack, func(f *flow.Flow) { f.Source.Labels = []string{"reserved:host"} }), audit.Seen},
		"to-proxy":                     {trace(flow.TraceObservationPoint_TO_PROXY), audit.Seen},
		"from-endpoint":                {trace(flow.TraceObservationPoint_FROM_ENDPOINT), audit.Seen},
		"from-network":                 {trace(flow.TraceObservationPoint_FROM_NETWORK), audit.Seen},
		"a point of the future":        {trace(77), audit.Seen},
		"reply not told, reason new":   {trace(toEndpoint, func(f *flow.Flow) { f.IsReply = nil }), audit.Delivered},
		"reply not told, reason reply": {trace(toEndpoint, reply, func(f *flow.Flow) { f.IsReply = nil }), audit.Seen},
		"old to-endpoint, SYN":         {old(0, same), audit.Delivered},
		"old to-endpoint, ACK":         {old(0, acked), audit.Seen},
		"old to-endpoint, reply":       {old(0, func(f *flow.Flow) { acked(f); f.Reply = true }), audit.Seen},
		"old to-proxy":                 {old(1, same), audit.Seen},
		"old to-host":                  {old(2, same), audit.Left},
		"old to-stack":                 {old(3, same), audit.Left},
		"old to-overlay":               {old(4, same), audit.Left},
		"old from-endpoint":            {old(5, same), audit.Seen},
		"old to-network":               {old(11, same), audit.Left},
		"l7 request":                   {with(delivery(), func(f *flow.Flow) { f.EventType.Type = kindL7 }), audit.L7},
		"l7 response":                  {with(delivery(), func(f *flow.Flow) { f.EventType.Type = kindL7; reply(f) }), audit.Seen},
		"socket trace":                 {with(delivery(), func(f *flow.Flow) { f.EventType.Type = 7 }), audit.Seen},
		"capture":                      {with(delivery(), func(f *flow.Flow) { f.EventType.Type = 3 }), audit.Seen},
		"no type":                      {with(delivery(), func(f *flow.Flow) { f.EventType = nil }), audit.Seen},
	} {
		if got := recordOf(t, tc.flow).event(); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

func TestWhatOpensAConnection(t *testing.T) {
	dropped := func(from, to uint32, fl *flow.TCPFlags) *flow.Flow {
		return with(verdict(flow.Verdict_DROPPED), func(f *flow.Flow) {
			f.L4 = &flow.Layer4{Protocol: &flow.Layer4_TCP{TCP: &flow.TCP{SourcePort: from, DestinationPort: to, Flags: fl}}}
		})
	}
	udp := func(f *flow.Flow, from, to uint32) *flow.Flow {
		f.L4 = &flow.Layer4{Protocol: &flow.Layer4_UDP{UDP: &flow.UDP{SourcePort: from, DestinationPort: to}}}
		return f
	}
	ping := func(f *flow.Flow, kind uint32) *flow.Flow {
		f.L4 = &flow.Layer4{Protocol: &flow.Layer4_ICMPv4{ICMPv4: &flow.ICMPv4{Type: kind}}}
		return f
	}
	because := func(r flow.TraceReason) *flow.Flow {
		return with(delivery(), func(f *flow.Flow) { f.TraceReason = r })
	}
	syn, synAck := &flow.TCPFlags{SYN: true}, &flow.TCPFlags{SYN: true, ACK: true}
	for name, tc := range map[string]struct {
		flow *flow.Flow
		want bool
	}{
		"delivered, new":              {because(flow.TraceReason_NEW), true},
		"delivered, established":      {because(flow.TraceReason_ESTABLISHED), false},
		"delivered, unknown, SYN":     {because(0), true},
		"delivered, unknown, no SYN":  {with(because(0), func(f *flow.Flow) { f.L4.GetTCP().Flags = &flow.TCPFlags{ACK: true} }), false},
		"delivered, unknown, UDP":     {udp(because(0), 40000, 53), true},
		"delivered, established, UDP": {udp(because(flow.TraceReason_ESTABLISHED), 40000, 53), false},
		"forwarded verdict":           {verdict(flow.Verdict_FORWARDED), true},
		"redirected verdict":          {verdict(flow.Verdict_REDIRECTED), true},
		"audit verdict":               {verdict(flow.Verdict_AUDIT), true},
		"audit verdict, no SYN":       {with(verdict(flow.Verdict_AUDIT), func(f *flow.Flow) { f.L4.GetTCP().Flags = nil }), true},
		"dropped SYN":                 {dropped(40000, 80, syn), true},
		"dropped SYN to a high port":  {dropped(80, 40000, syn), true},
		"dropped SYN+ACK":             {dropped(40000, 80, synAck), false},
		"dropped RST":                 {dropped(40000, 80, &flow.TCPFlags{RST: true}), false},
		"dropped FIN":                 {dropped(40000, 80, &flow.TCPFlags{FIN: true, ACK: true}), false},
		"dropped data":                {dropped(40000, 80, &flow.TCPFlags{PSH: true, ACK: true}), true},
		"dropped data of a reply":     {dropped(80, 40000, &flow.TCPFlags{PSH: true, ACK: true}), false},
		"dropped UDP":                 {udp(verdict(flow.Verdict_DROPPED), 40000, 53), true},
		"dropped UDP of a reply":      {udp(verdict(flow.Verdict_DROPPED), 53, 40000), false},
		"ping":                        {ping(delivery(), 8), true},
		"pong":                        {ping(delivery(), 0), false},
		"dropped ping":                {ping(verdict(flow.Verdict_DROPPED), 8), true},
		"dropped unreachable":         {ping(verdict(flow.Verdict_DROPPED), 3), false},
		"l7":                          {with(delivery(), func(f *flow.Flow) { f.EventType.Type = kindL7 }), false},
		"seen":                        {with(delivery(), func(f *flow.Flow) { f.EventType.Type = 3 }), false},
	} {
		r := recordOf(t, tc.flow)
		if got := r.opens(r.event()); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}

func TestARetransmissionIsTheSameConnectionAndALaterQueryIsNot(t *testing.T) {
	at := func(change func(*record)) uint64 {
		r := recordOf(t, delivery())
		change(r)
		return r.connection()
	}
	tcp := at(func(r *record) {})
	if tcp != at(func(r *record) { r.at += 3e9 }) {
		t.Error("a second SYN of a connection has another hash")
	}
	if tcp == at(func(r *record) { r.fromPort++ }) {
		t.Error("another source port has the same hash")
	}
	udp := at(func(r *record) { r.protocol = audit.UDP })
	if udp != at(func(r *record) { r.protocol, r.at = audit.UDP, r.at+30e9 }) {
		t.Error("a repeated query within the minute has another hash")
	}
	if udp == at(func(r *record) { r.protocol, r.at = audit.UDP, r.at+60e9 }) {
		t.Error("a query in the next minute has the same hash")
	}
	const golden = 0xea524d82c18861d1
	if tcp != golden {
		t.Errorf("hash %#x, want %#x: it must not change between versions and processes", tcp, uint64(golden))
	}
}
