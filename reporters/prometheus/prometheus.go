// Package prometheus shows the newest report as metrics: what was found, what
// became of connections, the score card, and what was not seen.
//
// # Design
//
// A metric says how things stand, so everything is a gauge, made anew of each
// report: what is not there any more has no series. No label has a value for
// each pod, address or flow. Namespaces are bounded, since a cluster with
// thousands of them is no reason to fill a server's memory: beyond the bound they
// are added up as one named other, and it is counted how many those are.
package prometheus

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/segproof/segproof/audit"
)

// A Reporter holds the metrics of the newest report: it is told of reports, and
// is registered with a registry, which collects from it. It may be used by
// several goroutines. The zero value is ready: it has no metrics yet.
type Reporter struct {
	mu      sync.Mutex
	metrics []prometheus.Metric
}

// Report takes the place of the report before.
func (p *Reporter) Report(_ context.Context, r *audit.Report) error {
	ms, err := render(r)
	if err != nil {
		return fmt.Errorf("make metrics: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.metrics = ms
	return nil
}

// Describe is that of prometheus.Collector.
func (p *Reporter) Describe(to chan<- *prometheus.Desc) {
	for _, f := range families() {
		to <- f.desc()
	}
}

// Collect is that of prometheus.Collector.
func (p *Reporter) Collect(to chan<- prometheus.Metric) {
	p.mu.Lock()
	ms := p.metrics
	p.mu.Unlock()
	for _, m := range ms {
		to <- m
	}
}

// A Textfile writes the metrics of each report to a file, as node-exporter's
// textfile collector reads them. The file's name must end in .prom there.
type Textfile struct{ Path string }

// Report replaces the file at once or not at all: whoever collects never sees
// half of it.
func (t Textfile) Report(ctx context.Context, r *audit.Report) error {
	var one Reporter
	if err := one.Report(ctx, r); err != nil {
		return err
	}
	g := prometheus.NewRegistry()
	if err := g.Register(&one); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	if at, err := os.Stat(t.Path); err == nil && !at.Mode().IsRegular() {
		return fmt.Errorf("write metrics %s: %w\nname a plain file: it is replaced", audit.Clean(t.Path), errIrregular)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write metrics: %w", err)
	}
	if err := prometheus.WriteToTextfile(t.Path, g); err != nil {
		return fmt.Errorf("write metrics: %w\nis the folder there, and may we write to it?", err)
	}
	return nil
}

var errIrregular = errors.New("not a plain file")
