package bench

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
	"github.com/segproof/segproof/test/oracle"
)

// BenchmarkDecide asks both engines the same questions, over and over. Ours
// names the rules that decided. Cilium is asked with and without the names of
// its policies.
func BenchmarkDecide(b *testing.B) {
	w := newWorld()
	e, peers := w.ours()
	queries := w.queries(peers)
	c, ids := w.cilium(b)
	w.declare(b, c)
	compileAll(b, c, ids)
	asked := w.asked(ids)
	warm(e, queries)

	var ours, theirs, named []time.Duration
	for b.Loop() {
		ours = append(ours, timed(func() { warm(e, queries) }))
		theirs = append(theirs, timed(func() {
			for i := range asked {
				c.Lookup(asked[i])
			}
		}))
		named = append(named, timed(func() {
			for i := range asked {
				if _, err := c.Decide(asked[i]); err != nil {
					b.Fatal(err)
				}
			}
		}))
	}
	report(b, "decisions/s", questionCount, ours, theirs)
	b.ReportMetric(ratio(ours, named), "times-cilium-named")
}

// BenchmarkCompile takes policies as they are decoded from YAML to the point
// where each of 400 identities can be decided about in both directions.
func BenchmarkCompile(b *testing.B) {
	w := newWorld()
	var ours, theirs []time.Duration
	for b.Loop() {
		ours = append(ours, timed(func() {
			e, peers := w.ours()
			for i := range peers {
				for _, d := range []audit.Direction{audit.Ingress, audit.Egress} {
					e.Decide(audit.Query{Direction: d, Subject: &peers[i], Peer: &peers[0], Protocol: audit.TCP, Port: 80})
				}
			}
		}))
		c, ids := w.cilium(b)
		theirs = append(theirs, timed(func() {
			w.declare(b, c)
			compileAll(b, c, ids)
		}))
	}
	report(b, "compiles/s", 1, ours, theirs)
}

// BenchmarkFirstDecision is Compile and then every question once: what is
// worked out lazily is counted here.
func BenchmarkFirstDecision(b *testing.B) {
	w := newWorld()
	var ours, theirs []time.Duration
	for b.Loop() {
		ours = append(ours, timed(func() {
			e, peers := w.ours()
			warm(e, w.queries(peers))
		}))
		c, ids := w.cilium(b)
		theirs = append(theirs, timed(func() {
			w.declare(b, c)
			compileAll(b, c, ids)
			for _, q := range w.asked(ids) {
				c.Lookup(q)
			}
		}))
	}
	report(b, "runs/s", 1, ours, theirs)
}

// timed leaves the garbage of whoever came before to them.
func timed(f func()) time.Duration {
	runtime.GC()
	start := time.Now()
	f()
	return time.Since(start)
}

func compileAll(tb testing.TB, c *oracle.Cilium, ids []*oracle.Identity) {
	tb.Helper()
	for _, id := range ids {
		if _, err := c.Compile(id); err != nil {
			tb.Fatal(err)
		}
	}
}

// warm asks every question once.
func warm(e *policy.Engine, queries []audit.Query) {
	for i := range queries {
		e.Decide(queries[i])
	}
}

// report prints medians of both sides and the median of their ratios, which
// is steadier than either where the machine is shared.
func report(b *testing.B, unit string, n int, ours, theirs []time.Duration) {
	b.Helper()
	b.ReportMetric(float64(n)/median(ours).Seconds(), "segproof-"+unit)
	b.ReportMetric(float64(n)/median(theirs).Seconds(), "cilium-"+unit)
	b.ReportMetric(ratio(ours, theirs), "times-cilium")
	b.ReportMetric(0, "ns/op") // of both together it says nothing
}

func ratio(ours, theirs []time.Duration) float64 {
	var ratios []float64
	for i := range ours {
		ratios = append(ratios, theirs[i].Seconds()/ours[i].Seconds())
	}
	return median(ratios)
}

func median[T float64 | time.Duration](values []T) T {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// What is measured must be the same answers.
func TestBothEnginesAgreeOnWhatIsMeasured(t *testing.T) {
	w := newWorld()
	e, peers := w.ours()
	c, ids := w.cilium(t)
	w.declare(t, c)
	asked := w.asked(ids)
	allowed := 0
	for i, q := range w.queries(peers) {
		ours := e.Decide(q)
		theirs, err := c.Decide(asked[i])
		if err != nil {
			t.Fatal(err)
		}
		if ours.Answer == audit.Undetermined || (ours.Answer == audit.Allow) != theirs.Allowed {
			t.Fatalf("%+v: segproof says %+v, cilium says %+v", w.questions[i], ours, theirs)
		}
		if theirs.Allowed {
			allowed++
		}
	}
	t.Logf("%d questions, %d allowed", questionCount, allowed)
}

func TestAWarmDecisionAllocatesNothing(t *testing.T) {
	w := newWorld()
	e, peers := w.ours()
	queries := w.queries(peers)[:1000]
	warm(e, queries)
	if n := testing.AllocsPerRun(10, func() { warm(e, queries) }); n != 0 {
		t.Errorf("%v allocations in %d decisions, want none", n, len(queries))
	}
}
