package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// agentAPI asks the agent over its socket, as cilium-dbg does.
type agentAPI struct{ client *http.Client }

func newAgentAPI(socket func() string) *agentAPI {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket())
	}
	return &agentAPI{&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

func (a *agentAPI) do(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://agent/v1"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := a.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the agent says %s to %s %s: %s", resp.Status, method, path, data)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

// ready asks whether all of the agent's parts are well.
func (a *agentAPI) ready(ctx context.Context) error {
	var s struct {
		Cilium struct{ State, Msg string }
	}
	if err := a.do(ctx, http.MethodGet, "/healthz", nil, &s); err != nil {
		return err
	}
	if s.Cilium.State != "Ok" {
		return fmt.Errorf("the agent is %s: %s", s.Cilium.State, s.Cilium.Msg)
	}
	return nil
}

// An endpoint is what the agent says of a pod.
type endpoint struct {
	ID     int
	Status struct {
		State      string
		Networking struct {
			Addressing []struct{ IPv4 string }
		}
		Policy struct {
			Realized struct {
				Revision int `json:"policy-revision"`
			}
		}
	}
}

func (a *agentAPI) endpoints(ctx context.Context) ([]endpoint, error) {
	var out []endpoint
	err := a.do(ctx, http.MethodGet, "/endpoint", nil, &out)
	return out, err
}

// enforces asks whether the agent knows the policies of these names, and every
// endpoint has taken them.
func (a *agentAPI) enforces(ctx context.Context, names []string) error {
	var p struct {
		Revision int
		Policy   string
	}
	if err := a.do(ctx, http.MethodGet, "/policy", nil, &p); err != nil {
		return err
	}
	for _, n := range names {
		if !strings.Contains(p.Policy, n) {
			return fmt.Errorf("the agent does not know policy %s yet", n)
		}
	}
	all, err := a.endpoints(ctx)
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.Status.State != "ready" || e.Status.Policy.Realized.Revision < p.Revision {
			return fmt.Errorf("endpoint %d is %s at policy revision %d of %d", e.ID, e.Status.State, e.Status.Policy.Realized.Revision, p.Revision)
		}
	}
	return nil
}

// agentSettings are what the agent is told, and what a cluster's ConfigMap
// cilium-config would say: Cilium's defaults where that is possible, on IPv4
// without a load balancer, an Envoy or a health checker.
func agentSettings(more map[string]string) map[string]string {
	s := map[string]string{
		"cluster-name": ClusterName, "cluster-id": "0", "enable-policy": "default", "policy-audit-mode": "false",
		"monitor-aggregation": "medium", "monitor-aggregation-interval": "5s", "monitor-aggregation-flags": "syn,fin,rst",
		"enable-ipv4": "true", "enable-ipv6": "false", "ipam": "kubernetes", "k8s-require-ipv4-pod-cidr": "true",
		"identity-allocation-mode": "crd", "routing-mode": "native", "ipv4-native-routing-cidr": podNetwork, "auto-direct-node-routes": "false",
		"kube-proxy-replacement": "false", "enable-ipv4-masquerade": "false", "enable-l7-proxy": "true", "external-envoy-proxy": "true",
		"enable-health-checking": "false", "enable-endpoint-health-checking": "false", "cni-exclusive": "false",
		"bpf-map-dynamic-size-ratio": "0.0025", "devices": "eth0",
		"enable-hubble": "true", "hubble-listen-address": nodeIP + ":4244", "hubble-disable-tls": "true",
		"hubble-socket-path": "/run/cilium/hubble.sock", "hubble-event-buffer-capacity": "16383",
	}
	maps.Copy(s, more)
	return s
}

// startAgent starts the agent; its first start compiles the datapath.
func (c *CiliumNode) startAgent(t testing.TB, api *API, lib string) {
	t.Helper()
	binary := Binary(t, "cilium-agent")
	args := []string{
		"env", "K8S_NODE_NAME=" + NodeName, "PATH=" + c.tools, "HOME=/root", binary,
		"--k8s-kubeconfig-path=" + api.Kubeconfig, "--lib-dir=" + lib, "--state-dir=/run/cilium",
		"--bpf-root=/sys/fs/bpf", "--cgroup-root=/run/cilium/cgroupv2",
	}
	for k, v := range c.Settings {
		args = append(args, "--"+k+"="+v)
	}
	c.Agent = Start(t, Server{
		Name:    "cilium-agent",
		Command: func() *exec.Cmd { return c.in.command(context.Background(), args...) },
		Ready:   c.agent.ready,
	})
}
