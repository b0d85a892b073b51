package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/cluster"
	"github.com/segproof/segproof/reporters/html"
	"github.com/segproof/segproof/reporters/junit"
	"github.com/segproof/segproof/reporters/markdown"
	"github.com/segproof/segproof/reporters/openreports"
	"github.com/segproof/segproof/reporters/prometheus"
	"github.com/segproof/segproof/reporters/record"
)

// formatFlags are files in formats that others read.
type formatFlags struct{ html, junit, markdown, openreports, prometheus string }

func (f *formatFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.html, "html", "", "write a page for a browser, which asks nothing of anybody, to `FILE` (- is standard output)")
	fs.StringVar(&f.junit, "junit", "", "write JUnit XML for a CI system to `FILE` (- is standard output)")
	fs.StringVar(&f.markdown, "markdown", "", "write a comment for a pull request to `FILE` (- is standard output)")
	fs.StringVar(&f.openreports, "openreports", "", "write OpenReports objects as YAML to `FILE` (- is standard output)")
	fs.StringVar(&f.prometheus, "prometheus", "", "write metrics for node-exporter's textfile collector to `FILE`")
}

// wire builds the reporters of the formats that are asked for, by name.
func (f *formatFlags) wire(s streams, baseline bool) map[string]audit.Reporter {
	to := map[string]audit.Reporter{}
	add := func(what, path string, format func(io.Writer) audit.Reporter) {
		if path != "" {
			to[what] = file{what, path, s.out, format}
		}
	}
	add("html", f.html, func(w io.Writer) audit.Reporter { return &html.Reporter{W: w} })
	add("junit", f.junit, func(w io.Writer) audit.Reporter { return junit.Reporter{W: w} })
	add("markdown", f.markdown, func(w io.Writer) audit.Reporter { return markdown.Reporter{W: w, Baseline: baseline} })
	add("openreports", f.openreports, func(w io.Writer) audit.Reporter { return openreports.Reporter{W: w} })
	if f.prometheus != "" {
		to["prometheus"] = prometheus.Textfile{Path: f.prometheus}
	}
	return to
}

// recordFile is the record in a file, or on standard output.
func recordFile(path string, out io.Writer) audit.Reporter {
	return file{"record", path, out, func(w io.Writer) audit.Reporter { return record.Reporter{W: w} }}
}

// taken tells whether a format has standard output; only one may.
func (f *outputFlags) taken() (bool, error) {
	if f.formats.prometheus == "-" {
		return false, usage("--prometheus - is no file\ngive a file whose name ends in .prom")
	}
	var want []string
	for _, o := range []struct{ flag, path string }{
		{"--json -", f.json}, {"--sarif -", f.sarif},
		{"--html -", f.formats.html}, {"--junit -", f.formats.junit}, {"--markdown -", f.formats.markdown}, {"--openreports -", f.formats.openreports},
	} {
		if o.path == "-" {
			want = append(want, o.flag)
		}
	}
	switch n := len(want); n {
	case 0, 1:
		return n == 1, nil
	case 2:
		return false, usage("%s both want standard output\ngive one of them a file", strings.Join(want, " and "))
	}
	return false, usage("%s all want standard output\ngive all but one of them a file", strings.Join(want, ", "))
}

// openReports keeps the objects in the cluster up to date.
func openReports(f *inputFlags) (audit.Reporter, error) {
	rest, _, err := cluster.ClientConfig(f.kubeconfig, f.context)
	if err != nil {
		return nil, usage("%w", err)
	}
	return openreports.Writer{Applier: &cluster.Reports{Config: rest}}, nil
}

// collected shows the newest report as metrics of the daemon.
func (m *metrics) collected() (audit.Reporter, error) {
	p := &prometheus.Reporter{}
	if err := m.registry.Register(p); err != nil {
		return nil, fmt.Errorf("register metrics of the report: %w", err)
	}
	return p, nil
}
