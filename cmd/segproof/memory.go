package main

import (
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/segproof/segproof/audit"
)

// limitMemory makes Go collect garbage harder before the container's limit is
// met, unless GOMEMLIMIT says otherwise: a tenth is left for what Go does not
// count.
func limitMemory(log *slog.Logger) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit, ok := memoryLimit(os.ReadFile)
	if !ok {
		return
	}
	debug.SetMemoryLimit(limit - limit/10)
	log.Debug("memory limit", "bytes", limit)
}

// memoryLimit is that of the control group we run in, of version 2 or 1.
func memoryLimit(read func(string) ([]byte, error)) (int64, bool) {
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := read(file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		const absurd = 1 << 50 // how version 1 says that there is no limit
		return n, err == nil && n > 0 && n < absurd
	}
	return 0, false
}

// givingBack gives what the first audit left over back to the system, once: a
// daemon reads and compiles most when it starts, and then may rest for hours.
func givingBack(done func(audit.Trigger, *audit.Report, time.Duration, error)) func(audit.Trigger, *audit.Report, time.Duration, error) {
	var once sync.Once
	return func(t audit.Trigger, r *audit.Report, took time.Duration, err error) {
		done(t, r, took, err)
		if r != nil {
			once.Do(debug.FreeOSMemory)
		}
	}
}
