package main

import (
	"net"
	"net/netip"
	"net/url"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	flowpb "github.com/cilium/cilium/api/v1/flow"
	observerTypes "github.com/cilium/cilium/pkg/hubble/observer/types"
	"github.com/cilium/cilium/pkg/hubble/parser/getters"
	"github.com/cilium/cilium/pkg/hubble/testutils"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/ipcache"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/monitor"
	monitorAPI "github.com/cilium/cilium/pkg/monitor/api"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/trafficdirection"
	policyTypes "github.com/cilium/cilium/pkg/policy/types"
	"github.com/cilium/cilium/pkg/proxy/accesslog"
	"github.com/cilium/cilium/pkg/u8proto"
)

// A world is two pods that talk: frontend may call backend on 8080, not on 9090.
// Its events are those of the kernel and of the proxy, byte by byte.
type world struct {
	testutils.FakeIPGetter
	byIP   map[netip.Addr]*testutils.FakeEndpointInfo
	byID   map[uint16]*testutils.FakeEndpointInfo
	events []any
	at     int
}

const (
	frontendIP, backendIP = "10.0.0.11", "10.0.0.12"
	frontendID, backendID = 20001, 20002
)

func newWorld() *world {
	w := &world{byIP: map[netip.Addr]*testutils.FakeEndpointInfo{}, byID: map[uint16]*testutils.FakeEndpointInfo{}}
	w.add(101, frontendID, frontendIP, "frontend", "frontend-7d9c6b8f4-x2lqp")
	backend := w.add(102, backendID, backendIP, "backend", "backend-6b5c9d7f88-tk4zz")
	backend.PolicyMap = map[policyTypes.Key]labels.LabelArrayListString{
		policy.KeyForDirection(trafficdirection.Ingress).WithIdentity(frontendID).WithPortProto(u8proto.TCP, 8080): allowFrontend(),
	}
	w.packet(monitor.PolicyVerdictNotify{
		Type: monitorAPI.MessageTypePolicyVerdict, Source: 102, RemoteLabel: frontendID, DstPort: 8080, Proto: 6,
		Flags: monitorAPI.PolicyIngress | monitorAPI.PolicyMatchL3L4<<3,
	}, 8080, true)
	w.packet(monitor.TraceNotify{
		Type: monitorAPI.MessageTypeTrace, ObsPoint: monitorAPI.TraceToLxc, Version: monitor.TraceNotifyVersion1,
		Source: 101, SrcLabel: frontendID, DstLabel: backendID, DstID: 102, Reason: monitor.TraceReasonCtEstablished,
	}, 8080, false)
	w.packet(monitor.PolicyVerdictNotify{
		Type: monitorAPI.MessageTypePolicyVerdict, Source: 102, RemoteLabel: frontendID, Verdict: -133, DstPort: 9090, Proto: 6,
		Flags: monitorAPI.PolicyIngress,
	}, 9090, true)
	w.packet(monitor.DropNotify{
		Type: monitorAPI.MessageTypeDrop, SubType: 133, Version: monitor.DropNotifyVersion1,
		Source: 102, SrcLabel: frontendID, DstLabel: backendID, DstID: 102, File: 1, Line: 1234,
	}, 9090, true)
	w.request()
	return w
}

func (w *world) add(id uint64, ident identity.NumericIdentity, ip, app, pod string) *testutils.FakeEndpointInfo {
	e := &testutils.FakeEndpointInfo{
		ID: id, Identity: ident, PodName: pod, PodNamespace: "shop", IPv4: net.ParseIP(ip), PolicyRevision: 7,
		Labels: []string{
			"k8s:app=" + app, "k8s:io.kubernetes.pod.namespace=shop", "k8s:io.cilium.k8s.policy.cluster=rig",
			"k8s:io.cilium.k8s.policy.serviceaccount=default", "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop",
		},
	}
	w.byIP[netip.MustParseAddr(ip)], w.byID[uint16(id)] = e, e
	return e
}

func allowFrontend() labels.LabelArrayListString {
	return labels.LabelArrayList{labels.ParseLabelArray(
		"k8s:io.cilium.k8s.policy.derived-from=CiliumNetworkPolicy",
		"k8s:io.cilium.k8s.policy.name=backend-allow-frontend",
		"k8s:io.cilium.k8s.policy.namespace=shop",
		"k8s:io.cilium.k8s.policy.uid=4f6d9ae1-0bd0-4a0c-8bd3-1d2e9f0a7b11",
	)}.ArrayListString()
}

// packet adds what the datapath says of one packet from frontend to backend.
func (w *world) packet(event any, port int, syn bool) {
	data := testutils.MustCreateL3L4Payload(event,
		&layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: net.ParseIP(frontendIP).To4(), DstIP: net.ParseIP(backendIP).To4()},
		gopacket.SerializableLayer(&layers.TCP{SrcPort: 40000, DstPort: layers.TCPPort(port), SYN: syn, ACK: !syn}))
	w.events = append(w.events, &observerTypes.PerfEvent{Data: data})
}

// request adds what the proxy says of one HTTP request.
func (w *world) request() {
	end := func(id uint64, ip string, port uint16, ident uint64, app string) accesslog.EndpointInfo {
		return accesslog.EndpointInfo{ID: id, IPv4: ip, Port: port, Identity: ident, Labels: labels.ParseLabelArray("k8s:app="+app, "k8s:io.kubernetes.pod.namespace=shop")}
	}
	w.events = append(w.events, &observerTypes.AgentEvent{Type: monitorAPI.MessageTypeAccessLog, Message: accesslog.LogRecord{
		Type: accesslog.TypeRequest, Timestamp: time.Now().Format(time.RFC3339Nano), ObservationPoint: accesslog.Ingress,
		IPVersion: accesslog.VersionIPv4, Verdict: accesslog.VerdictForwarded, TransportProtocol: accesslog.TransportProtocol(u8proto.TCP),
		SourceEndpoint:      end(101, frontendIP, 40000, frontendID, "frontend"),
		DestinationEndpoint: end(102, backendIP, 8080, backendID, "backend"),
		HTTP: &accesslog.LogRecordHTTP{
			Method: "GET", Protocol: "HTTP/1.1",
			URL: &url.URL{Scheme: "http", Host: "backend.shop:8080", Path: "/api/v1/cart", RawQuery: "id=42"},
		},
	}})
}

func (w *world) next() any {
	w.at++
	return w.events[(w.at-1)%len(w.events)]
}

// What the parser asks the agent for.

func (w *world) GetEndpointInfo(ip netip.Addr) (getters.EndpointInfo, bool) {
	e, ok := w.byIP[ip]
	return e, ok
}

func (w *world) GetEndpointInfoByID(id uint16) (getters.EndpointInfo, bool) {
	e, ok := w.byID[id]
	return e, ok
}

func (w *world) GetIdentity(id uint32) (*identity.Identity, error) {
	return identity.NewIdentity(identity.NumericIdentity(id), labels.Labels{}), nil
}

func (w *world) GetServiceByAddr(netip.Addr, uint16) *flowpb.Service { return nil }

func (w *world) GetK8sMetadata(ip netip.Addr) *ipcache.K8sMetadata {
	if e, ok := w.byIP[ip]; ok {
		return &ipcache.K8sMetadata{Namespace: e.PodNamespace, PodName: e.PodName}
	}
	return nil
}

func (w *world) LookupSecIDByIP(ip netip.Addr) (ipcache.Identity, bool) {
	e, ok := w.byIP[ip]
	if !ok {
		return ipcache.Identity{}, false
	}
	return ipcache.Identity{ID: e.Identity}, true
}
