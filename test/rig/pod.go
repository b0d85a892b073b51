package rig

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// A Pod is a network namespace that Cilium's CNI plugin has wired, and an object
// of the API that says so. It belongs to a Deployment of the name of its app.
type Pod struct {
	Namespace, App string
	Labels         map[string]string // app=App if nil
	Serve          []string          // as for nt serve: http:8080, tcp:9090

	Name, IP string // once it runs
	netns    string
}

// Run runs a pod on the node.
func (c *CiliumNode) Run(t testing.TB, p Pod) *Pod {
	t.Helper()
	if p.Labels == nil {
		p.Labels = map[string]string{"app": p.App}
	}
	hash := suffix(p.Namespace + "/" + p.App)
	set := p.App + "-" + hash[:9]
	p.Name, p.netns = set+"-"+hash[9:14], p.Namespace+"-"+p.App
	labels := map[string]string{"pod-template-hash": hash[:9]}
	maps.Copy(labels, p.Labels)
	object, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{
			"name": p.Name, "generateName": set + "-", "namespace": p.Namespace, "labels": labels,
			"ownerReferences": []any{map[string]any{
				"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "uid": "00000000-0000-4000-8000-" + hexOf(set)[:12], "controller": true,
			}},
		},
		"spec": map[string]any{"nodeName": NodeName, "containers": []any{map[string]any{"name": p.App, "image": "registry.example.com/" + p.App + ":1"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.api.Apply(t, string(object))
	c.in.run(t, "ip netns add "+p.netns)
	c.wire(t, &p)
	now := time.Now().UTC().Format(time.RFC3339)
	c.api.SetStatus(t, "pods", p.Namespace, p.Name, map[string]any{
		"phase": "Running", "podIP": p.IP, "podIPs": []any{map[string]any{"ip": p.IP}}, "hostIP": nodeIP, "startTime": now,
		"conditions": []any{map[string]any{"type": "Ready", "status": "True", "lastTransitionTime": now}},
	})
	c.pods[p.netns] = &p
	if len(p.Serve) > 0 {
		c.serveIn(t, p.netns, p.Serve...)
	}
	return &p
}

// wire does what a container runtime does: it asks the CNI plugin to connect the
// pod. An agent that has just started may refuse at first.
func (c *CiliumNode) wire(t testing.TB, p *Pod) {
	t.Helper()
	plugin := Binary(t, "cilium-cni")
	id := hexOf(p.Namespace + "/" + p.Name)
	args := fmt.Sprintf("IgnoreUnknown=1;K8S_POD_NAMESPACE=%s;K8S_POD_NAME=%s;K8S_POD_INFRA_CONTAINER_ID=%s", p.Namespace, p.Name, id)
	Until(t, patience, "pod "+p.Name+" is connected", func() error {
		cmd := c.in.command(t.Context(), "env", "CNI_COMMAND=ADD", "CNI_CONTAINERID="+id, "CNI_NETNS=/run/netns/"+p.netns,
			"CNI_IFNAME=eth0", "CNI_PATH="+plugin, "CNI_ARGS="+args, plugin)
		cmd.Stdin = strings.NewReader(`{"cniVersion":"0.3.1","name":"cilium","type":"cilium-cni","log-file":"/dev/null"}`)
		out, err := cmd.Output()
		var result struct{ IPs []struct{ Address string } }
		if err != nil || json.Unmarshal(out, &result) != nil || len(result.IPs) == 0 {
			return fmt.Errorf("%w: %s", err, out)
		}
		p.IP, _, _ = strings.Cut(result.IPs[0].Address, "/")
		return nil
	})
}

func (c *CiliumNode) serveIn(t testing.TB, netns string, services ...string) {
	t.Helper()
	binary := Binary(t, "nt")
	args := append([]string{binary, "serve"}, services...)
	Start(t, Server{Name: "nt-" + netns, Command: func() *exec.Cmd { return c.in.within(context.Background(), netns, args...) }})
}

// Dial makes connections from a pod, one every gap, and returns how many came
// about. Kind is tcp, http, udp, or dns with address/name.
func (c *CiliumNode) Dial(t testing.TB, from *Pod, kind, address string, count int, gap time.Duration) int {
	t.Helper()
	out, err := c.in.within(t.Context(), from.netns, Binary(t, "nt"), "dial", kind, address, itoa(count), gap.String()).CombinedOutput()
	if err != nil {
		t.Errorf("dial %s %s from %s: %v\n%s", kind, address, from.Name, err, out)
	}
	ok := strings.Count(string(out), " ok\n")
	t.Logf("%s -> %s %s: %d of %d", from.App, kind, address, ok, count)
	return ok
}

// suffix makes letters as Kubernetes has them in the names of pods.
func suffix(s string) string {
	const letters = "bcdfghjklmnpqrst"
	var b strings.Builder
	for _, c := range sha256.Sum256([]byte(s)) {
		b.WriteByte(letters[c&15])
	}
	return b.String()
}

func hexOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
