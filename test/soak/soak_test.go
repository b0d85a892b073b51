package soak

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/segproof/segproof/test/rig"
)

var (
	lasts = flag.Duration("for", 10*time.Minute, "how long the daemon runs")
	rate  = flag.Int("rate", 100, "flows a second of each of two nodes")
	keeps = flag.Duration("window", 10*time.Minute, "how long the daemon remembers; memory can't be flat before")
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

const config = `apiVersion: segproof.dev/v1
kind: Config
settle: 5s
watch: {schedule: "@every 1m", quiet: 5s, limit: 30s, window: %s}
`

// A sample is what the daemon uses at a time.
type sample struct{ resident, goroutines, flows, audits float64 }

func TestADaemonThatRunsForLongNeitherGrowsNorLeaks(t *testing.T) {
	rig.Require(t, rig.Kube, rig.Hubble)
	api := rig.StartAPI(t)
	api.Install(t, rig.CiliumDefinitions())
	feed := rig.Feed{Rate: *rate}
	h := rig.StartHubble(t, rig.HubbleOptions{Nodes: []rig.Feed{feed, feed}})
	file := filepath.Join(t.TempDir(), "segproof.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, *keeps), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append(h.Flags(), "--kubeconfig", api.Kubeconfig, "--config", file, "--store", "sqlite:"+filepath.Join(t.TempDir(), "segproof.db"))
	d := rig.Watch(t, args...)

	var all []sample
	began, reported, broke := time.Now(), time.Now(), time.Now()
	for time.Since(began) < *lasts {
		rig.Pause(t, 10*time.Second)
		// Something changes all the time, and now and then something breaks.
		if err := api.TryApply(t.Context(), fmt.Sprintf(change, time.Now().UnixNano(), time.Now().Unix()%7)); err != nil {
			t.Fatal(err)
		}
		if time.Since(broke) > 7*time.Minute {
			broke = time.Now()
			h.Relay.Kill()
			h.Relay.Start(t)
		}
		all = append(all, take(t, d))
		if time.Since(reported) > time.Minute {
			reported = time.Now()
			t.Logf("after %s: %s", time.Since(began).Round(time.Second), all[len(all)-1])
		}
	}
	if all[len(all)-1].audits < lasts.Minutes()/2 {
		t.Errorf("only %.0f audits", all[len(all)-1].audits)
	}
	// The window has to be full before anything can be flat.
	full := all[min(int(*keeps/(10*time.Second))+1, len(all)/2):]
	half := len(full) / 2
	for _, of := range []struct {
		what string
		get  func(sample) float64
	}{{"resident bytes", func(s sample) float64 { return s.resident }}, {"goroutines", func(s sample) float64 { return s.goroutines }}} {
		before, after := median(full[:half], of.get), median(full[half:], of.get)
		t.Logf("%s: median %.0f, then %.0f", of.what, before, after)
		if after > before*1.1+10 {
			t.Errorf("%s grew from %.0f to %.0f", of.what, before, after)
		}
	}
}

// change is a namespace and a policy that change.
const change = `
{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"tick","labels":{"at":"%d"}}}
---
{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"tick","namespace":"default"},"spec":{"podSelector":{"matchLabels":{"app":"a%d"}}}}
`

func (s sample) String() string {
	return fmt.Sprintf("%.1f MiB, %.0f goroutines, %.0f flows, %.0f audits", s.resident/(1<<20), s.goroutines, s.flows, s.audits)
}

func take(t *testing.T, d *rig.Daemon) (s sample) {
	t.Helper()
	for _, m := range []struct {
		name string
		to   *float64
	}{
		{"process_resident_memory_bytes", &s.resident}, {"go_goroutines", &s.goroutines},
		{"segproof_flows_received_total", &s.flows}, {"segproof_audits_total", &s.audits},
	} {
		n, err := d.Metric(t.Context(), m.name)
		if err != nil {
			t.Fatal(err)
		}
		*m.to = n
	}
	return s
}

func median(all []sample, get func(sample) float64) float64 {
	if len(all) == 0 {
		return 0
	}
	ns := make([]float64, len(all))
	for i, s := range all {
		ns[i] = get(s)
	}
	slices.Sort(ns)
	return ns[len(ns)/2]
}
