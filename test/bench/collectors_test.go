package bench

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/flows"
	"github.com/segproof/segproof/audit/store"
	"github.com/segproof/segproof/test/rig"
)

// What is simulated: so many collectors, each of which knows so many
// conversations, of which so many grow between two batches.
var (
	collectors = flag.Int("collectors", 500, "how many write")
	known      = flag.Int("known", 300, "conversations that each knows")
	grow       = flag.Int("grow", 60, "of them those that grow between two batches: 20 flows a second are about as many")
	every      = flag.Duration("every", 10*time.Second, "between two batches of one collector")
	during     = flag.Duration("during", time.Minute, "how long they write")
)

// BenchmarkCollectors writes as all collectors of a large cluster do: at their
// pace, then as fast as the server takes it; and reads all of it as an audit does.
// It runs once, whatever b.N is.
func BenchmarkCollectors(b *testing.B) {
	rig.Require(b, rig.Postgres)
	s := startServer(b)
	fleet := make([]*collector, *collectors)
	for i := range fleet {
		fleet[i] = newCollector(b, s, i)
	}
	flush(b, fleet, *known, 8)

	began, wal, cpu := time.Now(), s.wal(b), s.cpu(b)
	took, late := paced(b, fleet)
	seconds, rows := time.Since(began).Seconds(), float64(len(took)**grow)
	busy := s.cpu(b) - cpu
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rows/seconds, "rows/s")
	b.ReportMetric(busy/seconds, "server-cores")
	b.ReportMetric(1e6*busy/rows, "server-µs/row")
	b.ReportMetric(float64(s.wal(b)-wal)/rows, "WAL-B/row")
	b.ReportMetric(took[len(took)/2].Seconds()*1e3, "p50-ms/batch")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1e3, "p99-ms/batch")
	b.ReportMetric(float64(late), "late-batches")

	began = time.Now()
	flush(b, fleet, *grow, 16)
	b.ReportMetric(float64(*collectors**grow)/time.Since(began).Seconds(), "max-rows/s")

	all := float64(*collectors * *known)
	b.ReportMetric(float64(s.number(b, "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits"))/all, "disk-B/row")
	began = time.Now()
	t, err := (&flows.Stored{Keeper: fleet[0].store}).Traffic(b.Context(), audit.Hints{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(1e6*time.Since(began).Seconds()/all, "read-µs/row")
	b.ReportMetric(float64(len(t.Conversations)), "conversations")
	if len(t.Nodes) != *collectors {
		b.Errorf("%d nodes, want %d", len(t.Nodes), *collectors)
	}
}

// A collector has connections of its own, as a process of its own would.
type collector struct {
	store *store.Store
	batch audit.Batch
	next  int // the first conversation to grow
}

func newCollector(b *testing.B, s *server, n int) *collector {
	opened, err := store.Open(b.Context(), s.URL+"?sslmode=disable&pool_max_conns=1", store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { opened.Close() })
	c := &collector{store: opened}
	node := fmt.Sprintf("prod/node-%d", n)
	c.batch.Writer = node
	for i := range *known {
		c.batch.Conversations = append(c.batch.Conversations, conversation(node, n, i))
	}
	return c
}

// conversation is one as a busy node has them: half are with workloads that many
// nodes run, so that they are the same conversations elsewhere.
func conversation(node string, n, i int) audit.Conversation {
	namespace := fmt.Sprintf("team-%d", (n+i)%200)
	client, server := fmt.Sprintf("client-%d", i%40), fmt.Sprintf("server-%d", i%25)
	if i%2 == 0 {
		namespace = "shared"
	}
	now := time.Now().UTC()
	c := audit.Conversation{
		From: end(namespace, client), To: end(namespace, server), Protocol: audit.TCP, Port: uint16(1024 + i/2),
		Event: audit.PolicyVerdict, Direction: audit.Ingress, Verdict: audit.Forwarded, Match: 4,
		Policies: []audit.NamedPolicy{{Ref: audit.Ref{Kind: "NetworkPolicy", Namespace: namespace, Name: "allow"}, UID: "5f1c2f0e-7f7b-4c57-9d57-0a8f8e9d2b11"}},
		Flows:    100, First: now.Add(-time.Hour), Last: now, Opened: 10, FirstOpen: now.Add(-time.Hour), LastOpen: now, Nodes: []string{node},
	}
	for k := range audit.MaxOpens {
		c.Opens = append(c.Opens, audit.Open{Hash: uint64(k+1)<<56 + uint64(n*1000+i), At: c.First})
	}
	for k := range audit.MaxSamples {
		c.Samples = append(c.Samples, audit.Sample{
			Time: c.First, UUID: fmt.Sprintf("%08x-7f7b-4c57-9d57-%06x%06x", k, n, i), Node: node,
			From: namespace + "/" + client + "-7d9c5b6f4-xk2p", To: namespace + "/" + server + "-0", Address: fmt.Sprintf("10.0.%d.%d:%d", n%250, k, 1024+i),
		})
	}
	return c
}

func end(namespace, name string) audit.Peer {
	return audit.Peer{
		Labels: audit.NewLabels("k8s:app="+name, "k8s:io.kubernetes.pod.namespace="+namespace, "k8s:io.cilium.k8s.policy.cluster=prod",
			"k8s:io.cilium.k8s.policy.serviceaccount="+name, "k8s:io.cilium.k8s.namespace.labels.team="+namespace),
		Namespace: namespace, Workload: audit.Ref{Kind: "Deployment", Namespace: namespace, Name: name},
	}
}

// keep stores those that grew, the next ones each time.
func (c *collector) keep(ctx context.Context, n int) error {
	now := time.Now().UTC()
	part := audit.Batch{Writer: c.batch.Writer, Coverage: audit.Traffic{
		Since: now.Add(-time.Hour), Until: now, Flows: 1_000_000,
		Nodes: []audit.NodeCoverage{{Name: c.batch.Writer, Flows: 1_000_000, From: now.Add(-time.Hour), To: now, Watched: now}},
	}}
	for range n {
		grown := &c.batch.Conversations[c.next%len(c.batch.Conversations)]
		grown.Flows, grown.Last = grown.Flows+20, now
		part.Conversations = append(part.Conversations, *grown)
		c.next++
	}
	return c.store.Keep(ctx, part)
}

// flush lets each collector store so many, several collectors at a time.
func flush(b *testing.B, fleet []*collector, n, atOnce int) {
	turns := make(chan *collector, len(fleet))
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for c := range turns {
				if err := c.keep(b.Context(), n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	for _, c := range fleet {
		turns <- c
	}
	close(turns)
	group.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

// paced lets all write at their own times, evenly spread, and tells how long
// batches took, in order, and how many had to begin late because the one before was
// not stored yet.
func paced(b *testing.B, fleet []*collector) (took []time.Duration, late int) {
	ctx, stop := context.WithTimeout(b.Context(), *during)
	defer stop()
	var mu sync.Mutex
	var group sync.WaitGroup
	for i, c := range fleet {
		group.Go(func() {
			next := time.Now().Add(*every * time.Duration(i) / time.Duration(len(fleet)))
			for {
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Until(next)):
				}
				began := time.Now()
				if err := c.keep(b.Context(), *grow); err != nil {
					b.Error(err)
					return
				}
				next = next.Add(*every)
				mu.Lock()
				took = append(took, time.Since(began))
				if time.Now().After(next) {
					late++
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	slices.Sort(took)
	return took, late
}

// A server is the database, and a connection that asks how it does.
type server struct {
	*rig.Database
	conn *pgx.Conn
}

func startServer(b *testing.B) *server {
	db := rig.StartPostgres(b, fmt.Sprintf("max_connections=%d", *collectors+50))
	conn, err := pgx.Connect(b.Context(), db.URL)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close(context.Background()) })
	return &server{db, conn}
}

func (s *server) number(b *testing.B, sql string) (n int64) {
	if err := s.conn.QueryRow(b.Context(), sql).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

func (s *server) wal(b *testing.B) int64 {
	return s.number(b, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
}

// cpu is what the server and all its processes have used, in seconds: of those
// that are gone the first process knows.
func (s *server) cpu(b *testing.B) float64 {
	const ticks = 100 // a second, USER_HZ
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	first, sum := strconv.Itoa(s.PID()), 0.0
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it is gone
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest) // state, parent, …, see proc(5)
		own := filepath.Base(filepath.Dir(path)) == first
		if !own && f[1] != first {
			continue
		}
		for i, field := range f[11:15] { // utime, stime, cutime, cstime
			n, err := strconv.ParseFloat(field, 64)
			if err == nil && (own || i < 2) {
				sum += n
			}
		}
	}
	return sum / ticks
}
