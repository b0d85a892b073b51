package rig

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/cilium/api/v1/observer"
	"github.com/cilium/cilium/api/v1/relay"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"k8s.io/client-go/rest"
)

// A Feed is what a node without a datapath observes.
type Feed struct {
	Flows string // recorded, JSON lines, plain or gzip; made up from the kernel's events without
	Rate  int    // a second; 0 as fast as they are taken
	Count int64  // 0 for ever; -1 the recording once
	Ring  int    // flows kept, a power of two less one; 4095 if 0
	Node  string // its name; node-1 and so on if empty

	// Trickle is how many of Count come last, slowly: a node tells what it lost only
	// once something follows.
	Trickle int64
	Skew    time.Duration // how far the node's clock goes ahead of ours
	Paused  bool          // only two flows are fed before Begin
}

// HubbleOptions say what a Hubble without a datapath is like.
type HubbleOptions struct {
	Nodes []Feed // one node for each
	TLS   bool   // mutual, on every connection
	Name  string // of the cluster; ClusterName if empty
}

// HubbleServers are Hubble's own observers, one a node, with Relay before them.
type HubbleServers struct {
	Address string // of Relay
	Relay   *Process
	Nodes   []*Process
	Files   TLSFiles // of a client; empty without TLS

	port int // that all nodes listen on, each on its own address
}

// TLSFiles are what a client of Relay needs.
type TLSFiles struct{ CA, Cert, Key, ServerName string }

// StartHubble starts the nodes and Relay, and waits until Relay has found all of
// them.
func StartHubble(t testing.TB, o HubbleOptions) *HubbleServers {
	t.Helper()
	node, relayBinary := Binary(t, "hubble-node"), Binary(t, "hubble-relay")
	ports := freePorts(t, 3)
	h := &HubbleServers{Address: local(ports[1]), port: ports[0]}
	o.Name = cmp.Or(o.Name, ClusterName)
	tls := hubbleTLS{relay: plain()}
	if o.TLS {
		tls = newHubbleTLS(t, o.Name)
		h.Files = tls.client
	}
	for i, f := range o.Nodes {
		args := append(f.args(), "-listen="+h.Node(i), "-name="+f.name(i), "-cluster="+o.Name, "-peers="+h.peers(o.Nodes))
		args = append(args, tls.node...)
		h.Nodes = append(h.Nodes, Start(t, Server{
			fmt.Sprintf("hubble-node-%d", i+1), func() *exec.Cmd { return exec.Command(node, args...) }, listens(h.Node(i)),
		}))
	}
	args := append(relayArgs(o.Name, h.Node(0), h.Address, ports[2]), tls.relay...)
	h.Relay = Start(t, Server{
		"hubble-relay", func() *exec.Cmd { return exec.Command(relayBinary, args...) }, h.connected(len(o.Nodes)),
	})
	return h
}

// relayArgs are common to every Relay. Without a sort buffer of one, a slow
// stream is as late as the buffer is long.
func relayArgs(cluster, peers, listen string, health int) []string {
	return []string{
		"serve", "--peer-service=" + peers, "--cluster-name=" + cluster, "--listen-address=" + listen,
		"--health-listen-address=" + local(health), "--gops=false", "--retry-timeout=1s", "--sort-buffer-len-max=1",
	}
}

// Node is the address of a node, from 0 on: Relay expects all of them on one port.
func (h *HubbleServers) Node(i int) string { return fmt.Sprintf("127.0.0.%d:%d", i+1, h.port) }

func (h *HubbleServers) peers(nodes []Feed) string {
	var out []string
	for i, f := range nodes {
		out = append(out, fmt.Sprintf("%s=127.0.0.%d", f.name(i), i+1))
	}
	return strings.Join(out, ",")
}

func (f Feed) name(i int) string { return cmp.Or(f.Node, fmt.Sprintf("node-%d", i+1)) }

func (f Feed) args() []string {
	ring := cmp.Or(f.Ring, 4095)
	return []string{"-file=" + f.Flows, fmt.Sprintf("-rate=%d", f.Rate), fmt.Sprintf("-count=%d", f.Count), fmt.Sprintf("-ring=%d", ring),
		fmt.Sprintf("-trickle=%d", f.Trickle), "-skew=" + f.Skew.String(), fmt.Sprintf("-paused=%v", f.Paused)}
}

// Begin lets the nodes that are paused feed.
func (h *HubbleServers) Begin(t testing.TB) {
	t.Helper()
	for _, n := range h.Nodes {
		if err := syscall.Kill(n.PID(), syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
	}
}

// Flags are the flags of segproof for this Relay.
func (h *HubbleServers) Flags() []string {
	if h.Files.CA == "" {
		return []string{"--hubble", h.Address}
	}
	return []string{
		"--hubble", h.Address, "--hubble-tls-ca", h.Files.CA, "--hubble-tls-cert", h.Files.Cert, "--hubble-tls-key", h.Files.Key,
		"--hubble-tls-server-name", h.Files.ServerName,
	}
}

// Fed waits until all nodes together have observed so many flows.
func (h *HubbleServers) Fed(t testing.TB, atLeast uint64) {
	t.Helper()
	Until(t, patience, "flows are observed", func() error {
		s, _, err := h.Files.status(t.Context(), h.Address)
		if err == nil && s.GetSeenFlows() < atLeast {
			err = fmt.Errorf("%d of %d flows", s.GetSeenFlows(), atLeast)
		}
		return err
	})
}

func (h *HubbleServers) connected(nodes int) func(context.Context) error {
	return func(ctx context.Context) error { return h.Files.connected(ctx, h.Address, nodes) }
}

// connected asks Relay whether so many nodes are there.
func (f TLSFiles) connected(ctx context.Context, address string, nodes int) error {
	_, ns, err := f.status(ctx, address)
	if err != nil {
		return err
	}
	n := 0
	for _, node := range ns.GetNodes() {
		if node.GetState() == relay.NodeState_NODE_CONNECTED {
			n++
		}
	}
	if n < nodes {
		return fmt.Errorf("%d of %d nodes are connected: %v", n, nodes, ns.GetNodes())
	}
	return nil
}

func (f TLSFiles) status(ctx context.Context, address string) (*observer.ServerStatusResponse, *observer.GetNodesResponse, error) {
	transport := insecure.NewCredentials()
	if f.CA != "" {
		config, err := rest.TLSConfigFor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{
			CAFile: f.CA, CertFile: f.Cert, KeyFile: f.Key, ServerName: f.ServerName, NextProtos: []string{"h2"},
		}})
		if err != nil {
			return nil, nil, err
		}
		transport = credentials.NewTLS(config)
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(transport))
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client := observer.NewObserverClient(conn)
	s, err := client.ServerStatus(ctx, &observer.ServerStatusRequest{})
	if err != nil {
		return nil, nil, err
	}
	ns, err := client.GetNodes(ctx, &observer.GetNodesRequest{})
	return s, ns, err
}

// listens tells whether somebody accepts connections there.
func listens(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp4", address)
		if err != nil {
			return err
		}
		return c.Close()
	}
}
