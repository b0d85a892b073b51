package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
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

func watch(t *testing.T, api *rig.API, h *rig.HubbleServers) *rig.Daemon {
	t.Helper()
	args := append(h.Flags(), "--kubeconfig", api.Kubeconfig, "--config", save(t, "segproof.yaml", []byte(hurried)),
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
	h := rig.StartHubble(t, rig.HubbleOptions{Nodes: []rig.Feed{{Rate: 50}}})
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
	t.Run("an API server that is restarted is followed again", func(t *testing.T) {
		api.Server.Kill()
		seen = reports(t, api, d, "flows are seen meanwhile", flowsBeyond(seen+50)).Coverage.Flows
		api.Server.Start(t)
		api.Apply(t, strings.ReplaceAll(managed, "payments", "ledger"))
		api.Apply(t, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"ledger"},"spec":{"containers":[{"name":"c","image":"i"}]}}`)
		reports(t, api, d, "what was declared since is judged", func(r *audit.Report) error {
			if find(r, "fail cover-no-default-deny-ingress Namespace ledger") == nil {
				return errors.New(strings.Join(lines(r, "cover-"), "; "))
			}
			return nil
		})
	})
	t.Run("a daemon that is killed while it stores goes on with what it had", func(t *testing.T) {
		for i := range 3 {
			before := reports(t, api, d, "flows are seen", flowsBeyond(seen)).Coverage.Flows
			d.Kill()
			if i == 2 {
				h.Nodes[0].Kill() // nothing new comes: what is known then, was stored
			}
			d.Start(t)
			after := reports(t, api, d, "what was stored is there", flowsBeyond(0)).Coverage.Flows
			// What was received since the last write is lost, and no more.
			if after < before/2 || after > before*2 {
				t.Errorf("%d flows before, %d after", before, after)
			}
		}
	})
	if d.PID() == 0 {
		t.Error("it does not run any more")
	}
}

func TestAStreamThatIsFasterThanItIsReadIsCountedAndNotFollowedBlindly(t *testing.T) {
	t.Parallel()
	rig.Require(t, rig.Kube, rig.Hubble)
	api := rig.StartAPI(t)
	api.Apply(t, testdata(t, "scenario.yaml"))
	h := rig.StartHubble(t, rig.HubbleOptions{Nodes: []rig.Feed{{Ring: 1023}}})
	d := watch(t, api, h)
	r := reports(t, api, d, "what was lost is counted", func(r *audit.Report) error {
		if r.Coverage.Lost == 0 {
			return fmt.Errorf("%d flows were seen, and none is said to be lost: %q", r.Coverage.Flows, r.Coverage.Problems)
		}
		return nil
	})
	if r.Coverage.Flows == 0 || len(lines(r, "evidence-lossy")) == 0 {
		t.Errorf("%d flows, %q", r.Coverage.Flows, lines(r, "evidence-"))
	}
}
