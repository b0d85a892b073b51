package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/test/rig"
)

// The newest flow of a node's ring is read once another follows it.
const unread = 1

// allOf waits for a report in which every flow is accounted for.
func allOf(want uint64) func(*audit.Report) error {
	return func(r *audit.Report) error {
		if got := r.Coverage.Flows + r.Coverage.Lost; got != want {
			return fmt.Errorf("%d flows and %d lost are %d, want %d; gaps %v, problems %q", r.Coverage.Flows, r.Coverage.Lost, got, want, r.Coverage.Gaps, r.Coverage.Problems)
		}
		return nil
	}
}

// The rings hold all that the nodes ever emit, so nothing may be missing at the
// end, nor be counted twice, whoever died meanwhile.
func TestADaemonThatIsKilledWhileItStoresCountsEveryFlowOnce(t *testing.T) {
	t.Parallel()
	rig.Require(t, rig.Kube, rig.Hubble)
	api := rig.StartAPI(t)
	api.Apply(t, testdata(t, "scenario.yaml"))
	const each = 12_000
	feed := rig.Feed{Rate: 200, Count: each, Ring: 65535, Paused: true}
	h := rig.StartHubble(t, rig.HubbleOptions{Nodes: []rig.Feed{feed, feed}})
	d := watch(t, api, h, "--since", "30m") // until something is stored, a start knows of none before it
	rig.Until(t, soon, "the daemon is ready", func() error { return d.Ready(t.Context()) })
	h.Begin(t)
	seen := reports(t, api, d, "flows are seen", flowsBeyond(2000)).Coverage.Flows
	// It stores every ten seconds: some kills come amid that.
	for _, after := range []time.Duration{10 * time.Second, 10300 * time.Millisecond, 2 * time.Second, 11 * time.Second} {
		rig.Pause(t, after)
		d.Kill()
		d.Start(t)
	}
	h.Relay.Kill()
	h.Relay.Start(t)
	reports(t, api, d, "more flows are seen", flowsBeyond(seen))
	h.Fed(t, 2*each)
	r := reports(t, api, d, "every flow is accounted for", allOf(2*(each-unread)))
	if r.Coverage.Lost > 0 || len(r.Coverage.Gaps) > 0 {
		t.Errorf("%d lost, gaps %v", r.Coverage.Lost, r.Coverage.Gaps)
	}

	// What is known once nothing can come any more was stored.
	rig.Pause(t, 45*time.Second)
	d.Kill()
	for _, n := range h.Nodes {
		n.Kill()
	}
	d.Start(t)
	reports(t, api, d, "every flow was stored", allOf(2*(each-unread)))
}

func TestAStreamThatIsFasterThanItIsReadIsCountedAndNotFollowedBlindly(t *testing.T) {
	t.Parallel()
	rig.Require(t, rig.Kube, rig.Hubble)
	api := rig.StartAPI(t)
	api.Apply(t, testdata(t, "scenario.yaml"))
	const emitted = 500_000
	h := rig.StartHubble(t, rig.HubbleOptions{Nodes: []rig.Feed{{Ring: 1023, Count: emitted, Trickle: 40, Paused: true}}})
	d := watch(t, api, h)
	rig.Until(t, soon, "the daemon is ready", func() error { return d.Ready(t.Context()) })
	h.Begin(t)
	h.Fed(t, emitted)
	var lost float64
	rig.Until(t, soon, "every flow was received or is counted as lost", func() error {
		received, err := d.Metric(t.Context(), "segproof_flows_received_total")
		if err != nil {
			return err
		}
		if lost, err = d.Metric(t.Context(), "segproof_flows_lost_total"); err != nil {
			return err
		}
		if n := received + lost; n < emitted-unread || n > emitted {
			return fmt.Errorf("%.0f received and %.0f lost are %.0f of %d", received, lost, n, emitted)
		}
		return nil
	})
	if lost == 0 {
		t.Fatal("nothing was lost: the stream was not faster than it is read")
	}
	r := reports(t, api, d, "the report says so", func(r *audit.Report) error {
		if r.Coverage.Flows+r.Coverage.Lost < emitted-unread {
			return fmt.Errorf("%d flows and %d lost", r.Coverage.Flows, r.Coverage.Lost)
		}
		return nil
	})
	if len(lines(r, "evidence-lossy")) == 0 {
		t.Errorf("%d flows, %q", r.Coverage.Flows, lines(r, "evidence-"))
	}
}
