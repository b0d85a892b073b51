package rig

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Where things are in the one node's network.
const (
	NodeName   = "node-1"
	nodeIP     = "172.30.0.1"
	podNetwork = "10.244.0.0/16"
	worldIP    = "172.30.0.2"

	// OutsideIP is a host of the world that serves TCP on 443 and 80.
	OutsideIP = "203.0.113.10"
)

// CiliumOptions say how Cilium differs from its defaults.
type CiliumOptions struct {
	Settings map[string]string // of the agent, as in ConfigMap cilium-config
}

// A CiliumNode is Cilium's agent with its datapath on a node of its own: a
// network in which pods are network namespaces, and beside it a world.
type CiliumNode struct {
	Settings map[string]string
	Relay    string // address of Hubble Relay
	Agent    *Process

	api   *API
	in    *enclosure
	agent *agentAPI
	tools string // search path of the agent
	pods  map[string]*Pod
}

// StartCilium makes the node and starts the agent and Relay in it. The kinds of
// Cilium must not be installed before.
func StartCilium(t testing.TB, api *API, o CiliumOptions) *CiliumNode {
	t.Helper()
	c := &CiliumNode{api: api, Settings: agentSettings(o.Settings), pods: map[string]*Pod{}}
	api.Install(t, CiliumDefinitions())
	c.in = enclose(t)
	c.agent = newAgentAPI(func() string { return c.in.path("/run/cilium/cilium.sock") })
	c.in.run(t, `
		ip netns add world
		ip link add eth0 type veth peer name eth0 netns world
		ip addr add `+nodeIP+`/24 dev eth0
		ip link set eth0 up
		sysctl -qw net.ipv4.ip_forward=1
		ip netns exec world ip link set lo up
		ip netns exec world ip link set eth0 up
		ip netns exec world ip addr add `+worldIP+`/24 dev eth0
		ip netns exec world ip addr add `+OutsideIP+`/32 dev eth0
		ip netns exec world ip route add `+podNetwork+` via `+nodeIP+`
		ip route add default via `+worldIP)
	c.in.carryIn(t, api.Address)
	c.declare(t)
	dir := runDir(t)
	c.tools = toolPath(t, dir)
	c.startAgent(t, api, datapathSource(t, dir))
	c.startRelay(t)
	c.serveIn(t, "world", "tcp:443", "tcp:80")
	return c
}

// declare writes what a cluster would say of the node and of Cilium's settings.
func (c *CiliumNode) declare(t testing.TB) {
	t.Helper()
	settings, err := json.Marshal(c.Settings)
	if err != nil {
		t.Fatal(err)
	}
	c.api.Apply(t, `
apiVersion: v1
kind: Node
metadata: {name: `+NodeName+`, labels: {kubernetes.io/hostname: `+NodeName+`, kubernetes.io/os: linux}}
spec: {podCIDR: 10.244.1.0/24, podCIDRs: [10.244.1.0/24]}
---
apiVersion: v1
kind: Namespace
metadata: {name: cilium-secrets}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cilium-config, namespace: kube-system}
data: `+string(settings)+"\n")
	now := time.Now().UTC().Format(time.RFC3339)
	c.api.SetStatus(t, "nodes", "", NodeName, map[string]any{
		"addresses":  []any{map[string]any{"type": "InternalIP", "address": nodeIP}, map[string]any{"type": "Hostname", "address": NodeName}},
		"conditions": []any{map[string]any{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now, "lastTransitionTime": now}},
	})
}

// datapathSource copies the datapath's C source: the agent writes beside it.
func datapathSource(t testing.TB, dir string) string {
	t.Helper()
	module, err := moduleDir(t.Context(), "cilium", "github.com/cilium/cilium")
	if err != nil {
		t.Fatal(err)
	}
	lib := filepath.Join(dir, "lib")
	if err := os.CopyFS(filepath.Join(lib, "bpf"), os.DirFS(filepath.Join(module, "bpf"))); err != nil {
		t.Fatal(err)
	}
	return lib
}

// toolPath is a search path on which clang is the one that Cilium takes.
func toolPath(t testing.TB, dir string) string {
	t.Helper()
	path, err := clang()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, filepath.Join(bin, "clang")); err != nil {
		t.Fatal(err)
	}
	return strings.Join([]string{bin, os.Getenv("PATH"), "/usr/sbin", "/sbin"}, ":")
}

func (c *CiliumNode) startRelay(t testing.TB) {
	t.Helper()
	binary := Binary(t, "hubble-relay")
	const listen = "127.0.0.1:4245"
	args := append([]string{binary}, relayArgs(ClusterName, "unix:///run/cilium/hubble.sock", listen, 4222)...)
	args = append(args, plain()...)
	c.Relay = c.in.carryOut(t, listen)
	Start(t, Server{
		Name:    "hubble-relay",
		Command: func() *exec.Cmd { return c.in.command(context.Background(), args...) },
		Ready:   func(ctx context.Context) error { return TLSFiles{}.connected(ctx, c.Relay, 1) },
	})
}

// AwaitPolicies waits until the agent enforces every policy of the cluster at
// every pod.
func (c *CiliumNode) AwaitPolicies(t testing.TB) {
	t.Helper()
	var names []string
	for _, r := range []string{"networkpolicies.networking.k8s.io", "ciliumnetworkpolicies.cilium.io", "ciliumclusterwidenetworkpolicies.cilium.io"} {
		list, err := c.api.Objects(t, r, "").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list.Items {
			names = append(names, o.GetName())
		}
	}
	Until(t, patience, "policies are enforced", func() error { return c.agent.enforces(t.Context(), names) })
}

// AuditMode turns the audit mode of one pod on or off, which no object of the API
// shows.
func (c *CiliumNode) AuditMode(t testing.TB, p *Pod, on bool) {
	t.Helper()
	all, err := c.agent.endpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		for _, a := range e.Status.Networking.Addressing {
			if a.IPv4 == p.IP {
				c.setAudit(t, e.ID, on)
				return
			}
		}
	}
	t.Fatalf("no endpoint has the address of %s", p.Name)
}

func (c *CiliumNode) setAudit(t testing.TB, id int, on bool) {
	t.Helper()
	value := "Disabled"
	if on {
		value = "Enabled"
	}
	in := map[string]any{"options": map[string]string{"PolicyAuditMode": value}}
	if err := c.agent.do(t.Context(), http.MethodPatch, "/endpoint/"+itoa(id)+"/config", in, nil); err != nil {
		t.Fatal(err)
	}
	Until(t, patience, "audit mode is "+value, func() error { return c.agent.enforces(t.Context(), nil) })
}
