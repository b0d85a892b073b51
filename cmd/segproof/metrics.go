package main

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/flows"
)

// metrics are what the daemon tells of itself. No label has a value for each
// pod, address or flow.
type metrics struct {
	registry *prometheus.Registry
	audits   *prometheus.CounterVec
	took     prometheus.Histogram
	success  prometheus.Gauge
	sent     *prometheus.CounterVec
	leads    prometheus.GaugeFunc
}

func newMetrics(stats func() flows.Stats, leads func() bool) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		audits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "segproof_audits_total", Help: "Audits, by what began them and how they ended: whole, partial or failed.",
		}, []string{"trigger", "outcome"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "segproof_audit_duration_seconds", Help: "How long an audit took, with telling of it.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 8),
		}),
		success: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "segproof_last_success_timestamp_seconds", Help: "When the last audit ended of which everybody was told.",
		}),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "segproof_target_send_total", Help: "Reports handed to each reporter, by outcome: ok or failed.",
		}, []string{"target", "status"}),
		leads: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "segproof_leader", Help: "1 if this replica audits.",
		}, func() float64 {
			if leads() {
				return 1
			}
			return 0
		}),
	}
	m.registry.MustRegister(
		m.audits, m.took, m.success, m.sent, m.leads,
	)
	m.registry.MustRegister(processMetrics(stats)...)
	return m
}

// processMetrics are those of Go, of the process, and of a stream of flows if
// there is one.
func processMetrics(stats func() flows.Stats) []prometheus.Collector {
	all := []prometheus.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})}
	if stats != nil {
		all = append(all, streamMetrics(stats))
	}
	return all
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// audited counts a run.
func (m *metrics) audited(t audit.Trigger, r *audit.Report, took time.Duration, err error) {
	outcome := "whole"
	switch {
	case r == nil:
		outcome = "failed"
	case err != nil:
		outcome = "partial"
	}
	m.audits.WithLabelValues(string(t), outcome).Inc()
	m.took.Observe(took.Seconds())
	if err == nil {
		m.success.SetToCurrentTime()
	}
}

func (m *metrics) told(target string, err error) {
	status := "ok"
	if err != nil {
		status = "failed"
	}
	m.sent.WithLabelValues(target, status).Inc()
}

// streamMetrics are the counts of the stream of flows, read when asked for.
type streamMetrics func() flows.Stats

var (
	received = prometheus.NewDesc("segproof_flows_received_total", "Flows received, by the node that reported them.", []string{"node"}, nil)
	lost     = prometheus.NewDesc("segproof_flows_lost_total", "Flows that Hubble says it lost, by where.", []string{"source"}, nil)
	nodes    = prometheus.NewDesc("segproof_stream_nodes", "Nodes, by what is known of their streams.", []string{"state"}, nil)
	singles  = []struct {
		desc  *prometheus.Desc
		kind  prometheus.ValueType
		value func(*flows.Stats) float64
	}{
		{single("stream_connected_nodes", "Nodes whose flows are coming in."), prometheus.GaugeValue, func(s *flows.Stats) float64 { return float64(s.Nodes["connected"]) }},
		{single("stream_reconnects_total", "Times that the stream was opened again."), prometheus.CounterValue, func(s *flows.Stats) float64 { return float64(s.Reconnects) }},
		{single("stream_gaps", "Known gaps in the window."), prometheus.GaugeValue, func(s *flows.Stats) float64 { return float64(s.Gaps) }},
		{single("stream_blocked_seconds_total", "How long receiving waited for merging."), prometheus.CounterValue, func(s *flows.Stats) float64 { return s.Blocked.Seconds() }},
		{single("flows_bad_total", "Records that could not be read."), prometheus.CounterValue, func(s *flows.Stats) float64 { return float64(s.Bad) }},
		{single("flows_folded_total", "Flows for which there was no room."), prometheus.CounterValue, func(s *flows.Stats) float64 { return float64(s.Folded) }},
		{single("flows_held", "Flows held back until the policies of their time are known."), prometheus.GaugeValue, func(s *flows.Stats) float64 { return float64(s.Held) }},
		{single("conversations", "Conversations in memory."), prometheus.GaugeValue, func(s *flows.Stats) float64 { return float64(s.Conversations) }},
		{single("conversations_expired_total", "Conversations that grew older than the window."), prometheus.CounterValue, func(s *flows.Stats) float64 { return float64(s.Expired) }},
		{single("store_failures_total", "Times that conversations could not be stored; they are tried again."), prometheus.CounterValue, func(s *flows.Stats) float64 { return float64(s.Unkept) }},
	}
)

func single(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("segproof_"+name, help, nil, nil)
}

// valid is a label value that Prometheus takes: names of nodes come from flows.
func valid(s string) string { return strings.ToValidUTF8(s, "?") }

// Describe is that of prometheus.Collector.
func (m streamMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{received, lost, nodes} {
		to <- d
	}
	for _, s := range singles {
		to <- s.desc
	}
}

// Collect is that of prometheus.Collector.
func (m streamMetrics) Collect(to chan<- prometheus.Metric) {
	s := m()
	for _, n := range slices.Sorted(maps.Keys(s.Flows)) {
		to <- prometheus.MustNewConstMetric(received, prometheus.CounterValue, float64(s.Flows[n]), valid(n))
	}
	for _, n := range slices.Sorted(maps.Keys(s.Lost)) {
		to <- prometheus.MustNewConstMetric(lost, prometheus.CounterValue, float64(s.Lost[n]), valid(n))
	}
	for _, n := range slices.Sorted(maps.Keys(s.Nodes)) {
		to <- prometheus.MustNewConstMetric(nodes, prometheus.GaugeValue, float64(s.Nodes[n]), valid(n))
	}
	for _, x := range singles {
		to <- prometheus.MustNewConstMetric(x.desc, x.kind, x.value(&s))
	}
}
