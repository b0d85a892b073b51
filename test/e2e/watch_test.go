package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/test/rig"
)

// A hurried daemon audits soon after a change.
const hurried = `apiVersion: segproof.dev/v1
kind: Config
settle: 5s
watch: {schedule: "@every 1m", quiet: 1s, limit: 5s, window: 1h}
`

// soon is how long a daemon may take to see and tell of something.
const soon = 4 * time.Minute

func watch(t *testing.T, api *rig.API, h *rig.HubbleServers, more ...string) *rig.Daemon {
	t.Helper()
	args := append(h.Flags(), more...)
	args = append(args, "--kubeconfig", api.Kubeconfig, "--config", save(t, "segproof.yaml", []byte(hurried)),
		"--store", "sqlite:"+filepath.Join(t.TempDir(), "segproof.db"))
	return rig.Watch(t, args...)
}

// reports waits for a report that is good, and returns it. Every few seconds it
// changes something, so that the daemon has a reason to audit.
func reports(t *testing.T, api *rig.API, d *rig.Daemon, what string, good func(*audit.Report) error) *audit.Report {
	t.Helper()
	var last *audit.Report
	var changed time.Time
	rig.Until(t, soon, what, func() error {
		if time.Since(changed) > 5*time.Second {
			changed = time.Now()
			// An API server that is away is some test's wish.
			_ = api.TryApply(t.Context(), fmt.Sprintf(tick, changed.UnixNano()))
		}
		r, err := d.Report(t.Context())
		if err != nil {
			return err
		}
		last = r
		return good(r)
	})
	return last
}

// tick is a namespace whose label changes.
const tick = `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"tick","labels":{"at":"%d"}}}`

func flowsBeyond(n uint64) func(*audit.Report) error {
	return func(r *audit.Report) error {
		if r.Coverage.Flows <= n {
			return fmt.Errorf("%d flows, want more than %d; problems %q", r.Coverage.Flows, n, r.Coverage.Problems)
		}
		return nil
	}
}

// Each fault comes while the same daemon runs, and must leave nothing behind.
func TestADaemonOutlivesEveryServerThatItFollows(t *testing.T) {
	t.Parallel()
	rig.Require(t, rig.Kube, rig.Hubble)
	api := rig.StartAPI(t)
	api.Apply(t, testdata(t, "scenario.yaml"))
	h := rig.StartHubble(t, rig.HubbleOptions{Nodes: []rig.Feed{{Rate: 50}, {Rate: 50}}})
	d := watch(t, api, h)
	rig.Until(t, soon, "the daemon is ready", func() error { return d.Ready(t.Context()) })
	seen := reports(t, api, d, "flows are seen", flowsBeyond(50)).Coverage.Flows

	t.Run("a Relay that is killed is a gap that is said, and is followed again", func(t *testing.T) {
		h.Relay.Kill()
		rig.Until(t, soon, "the daemon says that it follows no flows", func() error {
			if d.Ready(t.Context()) == nil {
				return errors.New("it says that it is ready")
			}
			return nil
		})
		h.Relay.Start(t)
		rig.Until(t, soon, "the daemon follows again", func() error { return d.Ready(t.Context()) })
		seen = reports(t, api, d, "more flows are seen", flowsBeyond(seen+50)).Coverage.Flows
	})
	t.Run("an API server that comes back with expired watches is followed again", func(t *testing.T) {
		old := api.Revision(t, "networkpolicies.networking.k8s.io")
		api.Server.Kill()
		api.Compact(t)
		seen = reports(t, api, d, "flows are seen meanwhile", flowsBeyond(seen+50)).Coverage.Flows
		api.Server.Start(t)
		api.Expired(t, "networkpolicies.networking.k8s.io", old)
		api.Apply(t, strings.ReplaceAll(managed, "payments", "ledger"))
		api.Apply(t, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"ledger"},"spec":{"containers":[{"name":"c","image":"i"}]}}`)
		reports(t, api, d, "what was declared since is judged", func(r *audit.Report) error {
			if find(r, "fail cover-no-default-deny-ingress Namespace ledger") == nil {
				return errors.New(strings.Join(lines(r, "cover-"), "; "))
			}
			return nil
		})
	})
	t.Run("a node gone silent is said, and nothing is gone for it", func(t *testing.T) { silentNode(t, api, h, d) })
	if d.PID() == 0 {
		t.Error("it does not run any more")
	}
}

func silentNode(t *testing.T, api *rig.API, h *rig.HubbleServers, d *rig.Daemon) {
	before := reports(t, api, d, "no node is silent", func(r *audit.Report) error {
		if s := r.Coverage.SilentNodes; len(s) > 0 || len(r.Coverage.Nodes) != 2 {
			return fmt.Errorf("silent %v of %v", s, r.Coverage.Nodes)
		}
		return nil
	})
	h.Nodes[1].Kill()
	r := reports(t, api, d, "the node is said to be silent", func(r *audit.Report) error {
		if !slices.Equal(r.Coverage.SilentNodes, []string{"rig/node-2"}) {
			return fmt.Errorf("silent %v of %v", r.Coverage.SilentNodes, r.Coverage.Nodes)
		}
		return nil
	})
	if !slices.ContainsFunc(r.Coverage.Gaps, func(g audit.Gap) bool { return g.Node == "rig/node-2" && g.To.IsZero() }) {
		t.Errorf("no gap lasts: %v", r.Coverage.Gaps)
	}
	for _, f := range before.Findings {
		if f.Kind == audit.Fails && find(r, line(f)) == nil {
			t.Errorf("gone with the node: %s", line(f))
		}
	}
	h.Nodes[1].Start(t)
	reports(t, api, d, "the node is heard again", func(r *audit.Report) error {
		if s := r.Coverage.SilentNodes; len(s) > 0 {
			return fmt.Errorf("silent %v", s)
		}
		return nil
	})
}
