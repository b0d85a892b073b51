package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/test/rig"
)

func TestADaemonWhoseDiskIsFullSaysSoAndStoresOnceThereIsRoom(t *testing.T) {
	t.Parallel()
	rig.Require(t, rig.Kube, rig.Hubble, rig.Mounts)
	api := rig.StartAPI(t)
	api.Apply(t, testdata(t, "scenario.yaml"))
	h := rig.StartHubble(t, rig.HubbleOptions{Nodes: []rig.Feed{{Rate: 50}}})
	disk := rig.StartDisk(t, "8m")
	const file = "segproof.db"
	args := append(h.Flags(), "--kubeconfig", api.Kubeconfig, "--config", save(t, "segproof.yaml", []byte(hurried)), "--store", "sqlite:"+disk.Path(file))
	d := disk.Watch(t, args...)
	reports(t, api, d, "flows are seen", flowsBeyond(50))
	disk.Fill(t)
	rig.Until(t, soon, "the daemon counts that it can't store", func() error {
		if n, err := d.Metric(t.Context(), "segproof_store_failures_total"); err != nil || n == 0 {
			return errors.Join(err, errors.New("no failure is counted"))
		}
		return nil
	})
	if !strings.Contains(d.Log(), "conversations are not kept") {
		t.Error("the log does not say that conversations are not kept")
	}
	before, err := d.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := reports(t, api, d, "it goes on", flowsBeyond(before.Coverage.Flows+50)).Coverage.Flows

	disk.Free(t)
	rig.Until(t, soon, "it stores again", func() error {
		if !strings.Contains(d.Log(), "conversations are kept again") {
			return errors.New("the log does not say so")
		}
		return nil
	})
	rig.Pause(t, 2*time.Second) // more than one transaction may be under way
	d.Kill()
	h.Nodes[0].Kill()
	d.Start(t)
	// What came in the last seconds before the room was made may have been held back.
	const held = 40 * 50
	reports(t, api, d, "what came while the disk was full is stored", flowsBeyond(max(before.Coverage.Flows, seen, held)-held))
}

// Two nodes, whose clocks go four minutes apart, carry what a policy allows that
// was declared after it by one clock, and was gone before it by the other.
func TestClocksThatGoTwoMinutesWrongContradictNothing(t *testing.T) {
	t.Parallel()
	rig.Require(t, rig.Kube, rig.Hubble)
	began := time.Now()
	api := rig.StartAPI(t)
	api.Install(t, rig.CiliumDefinitions())
	api.Apply(t, testdata(t, "shop.yaml"))
	const skew, each = 2 * time.Minute, 1000
	feed := func(s time.Duration) rig.Feed {
		return rig.Feed{Rate: 100, Count: each, Ring: 65535, Skew: s, Paused: true}
	}
	h := rig.StartHubble(t, rig.HubbleOptions{Nodes: []rig.Feed{feed(-skew), feed(skew)}})
	d := watch(t, api, h)
	rig.Until(t, soon, "the daemon is ready", func() error { return d.Ready(t.Context()) })
	rig.Pause(t, skew+20*time.Second) // else a flow of two minutes ago would be from before all policies

	api.Apply(t, testdata(t, "shop-allow.yaml"))
	rig.Pause(t, settled)
	h.Begin(t)
	h.Fed(t, 2*each)
	api.Delete(t, "ciliumnetworkpolicies.cilium.io", "shop", "backend-allow-frontend")
	r := reports(t, api, d, "all flows are judged", allOf(2*(each-unread)))
	rig.Pause(t, 30*time.Second) // flows are held back for a while
	r = reports(t, api, d, "they are judged again", func(again *audit.Report) error {
		if !again.Run.Began.After(r.Run.Began.Add(30 * time.Second)) {
			return errors.New("no later run")
		}
		return nil
	})
	wantLines(t, "of the clocks", lines(r, "enforce-"))
	// Else nothing would have been held against the default deny at all.
	if !slices.ContainsFunc(r.Edges, func(e audit.Edge) bool {
		return e.To.Namespace == "shop" && e.Ingress.Answer != "" && e.Connections > 0
	}) {
		t.Errorf("no connection into shop was held against its policies: %+v", r.Edges)
	}
	c := r.Coverage
	if c.From.After(c.To) || c.From.Before(began.Add(-skew)) || c.To.After(time.Now().Add(skew)) {
		t.Errorf("the window is %s to %s", c.From, c.To)
	}
	if len(c.Nodes) != 2 {
		t.Errorf("nodes %v", c.Nodes)
	}
}

func TestOfTwoReplicasOneAuditsAndTheOtherTakesOver(t *testing.T) {
	t.Parallel()
	rig.Require(t, rig.Kube)
	api := rig.StartAPI(t)
	api.Apply(t, testdata(t, "scenario.yaml"))
	api.Apply(t, rights(t, "watch.yaml"))
	kubeconfig := api.ServiceAccount(t, "segproof", "segproof-watch")
	config := strings.Replace(hurried, "window: 1h}", "window: 1h, leaderElection: {enabled: true, namespace: segproof, name: segproof-watch}}", 1)
	start := func(host string) *rig.Daemon {
		dir := t.TempDir()
		return rig.WatchOn(t, host, "--kubeconfig", kubeconfig, "--config", save(t, "segproof.yaml", []byte(config)), "--store", "sqlite:"+dir+"/segproof.db")
	}
	first := start("segproof-0")
	rig.Until(t, soon, "the first audits", func() error { return leads(t, first, true) })
	second := start("segproof-1")
	rig.Until(t, soon, "the second is ready", func() error { return second.Ready(t.Context()) })

	before := count(t, first, "segproof_audits_total")
	reports(t, api, first, "the first audits again and again", func(*audit.Report) error {
		if n := count(t, first, "segproof_audits_total"); n < before+3 {
			return fmt.Errorf("%.0f audits, %.0f before", n, before)
		}
		return nil
	})
	if err := leads(t, second, false); err != nil {
		t.Error(err)
	}
	if n := count(t, second, "segproof_audits_total"); n != 0 {
		t.Errorf("the replica that does not lead made %.0f audits", n)
	}

	first.Kill()
	rig.Until(t, 30*time.Second, "the second audits", func() error { return leads(t, second, true) })
	reports(t, api, second, "it goes on auditing", since(time.Now()))
	first.Start(t)
	rig.Until(t, soon, "the first is ready again", func() error { return first.Ready(t.Context()) })
	if err := errors.Join(leads(t, first, false), leads(t, second, true)); err != nil {
		t.Error(err)
	}
}

func count(t *testing.T, d *rig.Daemon, metric string) float64 {
	t.Helper()
	n, err := d.Metric(t.Context(), metric)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func leads(t *testing.T, d *rig.Daemon, want bool) error {
	t.Helper()
	if got := count(t, d, "segproof_leader") == 1; got != want {
		return fmt.Errorf("%s: leads %v, want %v", d.URL, got, want)
	}
	return nil
}
