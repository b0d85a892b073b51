package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/flows"
	"github.com/segproof/segproof/audit/store"
	"github.com/segproof/segproof/test/rig"
)

// One process follows all nodes through Relay, and three collectors follow one
// node each. Neither a restart of the database nor the death of a collector may
// make a difference.
func TestThreeCollectorsAndTwoAuditorsCountAsOneThatSawEverything(t *testing.T) {
	t.Parallel()
	rig.Require(t, rig.Kube, rig.Hubble, rig.Postgres)
	api := rig.StartAPI(t)
	api.Install(t, rig.CiliumDefinitions())
	api.Apply(t, testdata(t, "shop.yaml"))
	db := rig.StartPostgres(t)
	const nodes, each = 3, 9000
	feed := rig.Feed{Rate: 100, Count: each, Ring: 65535, Paused: true}
	h := rig.StartHubble(t, rig.HubbleOptions{Nodes: []rig.Feed{feed, feed, feed}})

	file := "sqlite:" + filepath.Join(t.TempDir(), "segproof.db")
	config := save(t, "segproof.yaml", []byte(hurried))
	cluster := []string{"--kubeconfig", api.Kubeconfig, "--config", config}
	one := rig.Watch(t, append(append(h.Flags(), cluster...), "--since", "30m", "--store", file)...)
	var collectors []*rig.Daemon
	for i := range nodes {
		collectors = append(collectors, rig.Collect(t, "--hubble", h.Node(i), "--node", fmt.Sprintf("node-%d", i+1), "--since", "30m", "--store", db.URL))
	}
	auditors := []*rig.Daemon{
		rig.Watch(t, append(cluster, "--store", db.URL)...), rig.Watch(t, append(cluster, "--store", db.URL)...),
	}
	for _, d := range append(append([]*rig.Daemon{one}, collectors...), auditors...) {
		rig.Until(t, soon, "all are ready", func() error { return d.Ready(t.Context()) })
	}

	h.Begin(t)
	reports(t, api, auditors[0], "an auditor sees what collectors stored", flowsBeyond(1000))
	collectors[1].Kill()
	api.Apply(t, testdata(t, "shop-allow.yaml"))
	rig.Pause(t, 15*time.Second)
	db.Kill()
	rig.Pause(t, 15*time.Second)
	collectors[1].Start(t)
	db.Start(t)
	collectors[0].Stop()
	collectors[0].Start(t)
	h.Fed(t, nodes*each)
	all := allOf(nodes * (each - unread))
	want := reports(t, api, one, "one process saw every flow", all)
	for i, d := range auditors {
		got := reports(t, api, d, "what three collectors stored is every flow", all)
		if len(got.Coverage.Nodes) != nodes || len(got.Coverage.SilentNodes) > 0 || got.Coverage.Lost > 0 || len(got.Coverage.Gaps) > 0 {
			t.Errorf("auditor %d: nodes %v, silent %v, %d lost, gaps %v", i, got.Coverage.Nodes, got.Coverage.SilentNodes, got.Coverage.Lost, got.Coverage.Gaps)
		}
		if d := cmp.Diff(lines(want, ""), lines(got, "")); d != "" {
			t.Errorf("auditor %d finds otherwise than one who saw everything: (-one +auditor)\n%s", i, d)
		}
	}
	rig.Until(t, soon, "both stores hold the same conversations", func() error {
		if d := cmp.Diff(storedIn(t, file), storedIn(t, db.URL), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
			return errors.New("(-one +collectors)\n" + d[:min(len(d), 4000)])
		}
		return nil
	})
	once := rig.Audit(t, append(cluster, "--store", db.URL)...)
	if err := all(once); err != nil {
		t.Errorf("a single run with the store: %v", err)
	}
}

// storedIn are the conversations of a store, whoever wrote them.
func storedIn(t *testing.T, url string) []audit.Conversation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tr, err := (&flows.Stored{Keeper: s}).Traffic(ctx, audit.Hints{})
	if err != nil {
		t.Fatal(err)
	}
	return tr.Conversations
}
