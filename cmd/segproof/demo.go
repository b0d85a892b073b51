package main

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/cluster"
	"github.com/segproof/segproof/audit/flows"
)

//go:embed recordings/*/*.gz
var recordings embed.FS

// The recordings, the first of which is shown unless another is asked for.
var demos = []struct{ name, about string }{
	{"not-enforced", "default-deny is declared, and nothing enforces it"},
	{"enforced", "the same policies enforced: what they drop that somebody wants"},
	{"audit-mode", "the same policies in audit mode"},
	{"platform", "Kyverno and Cilium: a generated default-deny that was deleted"},
}

func newDemo(s streams) *cobra.Command {
	f := outputFlags{json: "segproof.json", sarif: "segproof.sarif"}
	var about strings.Builder
	for _, d := range demos {
		fmt.Fprintf(&about, "  %-13s %s\n", d.name, d.about)
	}
	c := &cobra.Command{
		Use:   "demo [RECORDING]",
		Short: "Audit a recorded real cluster: no cluster, no server, no configuration",
		Long: "Demo audits a recording of a real Cilium cluster that is in the binary, prints the\n" +
			"table, and writes the record and the SARIF file to the current folder. It exits 0\n" +
			"when it ran.\n\n" + about.String(),
		Example: `  segproof demo
  segproof demo enforced --sarif -`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			name := demos[0].name
			if len(args) == 1 {
				name = args[0]
			}
			return runDemo(c, s, &f, name)
		},
	}
	c.Flags().StringVar(&f.json, "json", f.json, "write the record to `FILE` (- is standard output)")
	c.Flags().StringVar(&f.sarif, "sarif", f.sarif, "write SARIF 2.1.0 to `FILE` (- is standard output)")
	return c
}

func runDemo(c *cobra.Command, s streams, f *outputFlags, name string) error {
	objects, err := recording(name, "objects.yaml")
	if err != nil {
		return err
	}
	carried, err := recording(name, "flows.jsonl")
	if err != nil {
		return err
	}
	cfg, err := loadConfig("")
	if err != nil {
		return err
	}
	a := newAuditor(cfg)
	a.Log = newLog(s.err, false)
	a.Cluster = &cluster.Manifests{Paths: []string{"-"}, Stdin: bytes.NewReader(objects), Name: "recordings/" + name + "/objects.yaml"}
	a.Network = &flows.Files{Paths: []string{"-"}, Stdin: bytes.NewReader(carried)}
	if a.Reporter, err = wireReporters(s, cfg, f, false, newProgress(s.err, true)); err != nil {
		return err
	}
	if _, err := a.Audit(c.Context(), audit.Manual); err != nil {
		return &exitError{exitFailed, err}
	}
	for _, written := range []string{f.json, f.sarif} {
		if written != "" && written != "-" {
			fmt.Fprintln(s.err, "wrote "+written)
		}
	}
	return nil
}

// recording unpacks one file of a recording.
func recording(name, file string) ([]byte, error) {
	var names []string
	for _, d := range demos {
		names = append(names, d.name)
	}
	packed, err := recordings.ReadFile("recordings/" + name + "/" + file + ".gz")
	if err != nil {
		return nil, usage("no recording %q\nthe recordings are %s", name, strings.Join(names, ", "))
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack recording %s: %w", name, err)
	}
	return io.ReadAll(z)
}
