package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/rules"
	"github.com/segproof/segproof/config"
)

// held is both sides of an audit, gathered already.
type held struct {
	inv     *audit.Inventory
	traffic *audit.Traffic
}

func (h held) Inventory(context.Context) (*audit.Inventory, error) { return h.inv, nil }

func (h held) Traffic(context.Context, audit.Hints) (*audit.Traffic, error) { return h.traffic, nil }

// scaleLimit is the memory that an audit of that size may take.
const scaleLimit = 512 << 20

// BenchmarkAudit is a run as the commands wire it, with every rule there is, on
// 2,000 policies and 50,000 pods: policies are compiled, conversations judged,
// rules applied, the score card and the policy coverage made, and changes looked
// for. Where the kernel tells, it also reports the processor's seconds and the
// most memory that was resident, the inventory and the flows among it.
//
//	GOMAXPROCS=1 go test ./cmd/segproof -run '^$' -bench BenchmarkAudit -benchtime 5x
func BenchmarkAudit(b *testing.B) {
	w := newBigWorld()
	for _, bc := range []struct{ conversations, refused int }{
		{25_000, 500}, {50_000, 1_000}, {100_000, 2_000}, {200_000, 4_000}, {100_000, 52_000},
	} {
		b.Run(fmt.Sprintf("conversations=%d/refused=%d", bc.conversations, bc.refused), func(b *testing.B) {
			benchmarkAudit(b, held{w.inv, w.traffic(bc.conversations, bc.refused)})
		})
	}
}

func benchmarkAudit(b *testing.B, h held) {
	cfg, err := config.Load("")
	if err != nil {
		b.Fatal(err)
	}
	a := newAuditor(cfg)
	a.Cluster, a.Network, a.Rules, a.Log = h, h, rules.All, slog.New(slog.DiscardHandler)
	var r *audit.Report
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(scaleLimit - scaleLimit/10)) // as limitMemory does in a container of that size
	debug.FreeOSMemory()
	held := resident("VmRSS:")
	forgetPeak()
	before := processorSeconds()
	for b.Loop() {
		if r, err = a.Audit(b.Context(), audit.Manual); err != nil {
			b.Fatal(err)
		}
	}
	if after := processorSeconds(); after > 0 {
		b.ReportMetric((after-before)/float64(b.N), "cpu-s/op")
	}
	if peak := resident("VmHWM:"); peak > 0 {
		b.ReportMetric(float64(held)/1024, "held-MiB")
		b.ReportMetric(float64(peak)/1024, "peak-MiB")
	}
	b.ReportMetric(float64(len(r.Findings)), "findings")
}

// forgetPeak makes the kernel forget the most memory that was resident so far.
func forgetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// resident is how much memory is, or at most was, resident, in KiB; 0 if nobody
// tells.
func resident(key string) int {
	text, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(text), key)
	kib, _, _ := strings.Cut(rest, "kB")
	n, _ := strconv.Atoi(strings.TrimSpace(kib))
	return n
}

// processorSeconds is the time the process has had a processor for, to a
// hundredth; 0 if nobody tells.
func processorSeconds() float64 {
	text, _ := os.ReadFile("/proc/self/stat")
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return float64(user+system) / 100
}
