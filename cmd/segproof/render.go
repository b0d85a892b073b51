package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/segproof/segproof/audit"
)

func newRender(s streams) *cobra.Command {
	var f outputFlags
	c := &cobra.Command{
		Use:   "render RECORD",
		Short: "Render a stored report in any other format",
		Long:  "Render reads the record that --json wrote (- is standard input) and reports it again, without an audit.",
		Example: `  segproof render report.json
  segproof render report.json --sarif segproof.sarif
  segproof render report.json --framework cis
  segproof render report.json --config segproof.yaml --dry-run`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := loadConfig(f.config)
			if err != nil {
				return err
			}
			r, err := readRecord(s.in, args[0])
			if err != nil {
				return err
			}
			p := newProgress(s.err, true)
			out, err := wireReporters(s, cfg, &f, false, p)
			if err != nil {
				return err
			}
			if err := out.Report(c.Context(), r); err != nil {
				return &exitError{exitFailed, err}
			}
			return nil
		},
	}
	f.add(c.Flags())
	return c
}

func readBaseline(path string) (*audit.Report, error) {
	if path == "" {
		return nil, nil
	}
	return readRecord(nil, path)
}

// readRecord reads a record from a file or, for "-", from in.
func readRecord(in io.Reader, path string) (*audit.Report, error) {
	if path != "-" || in == nil {
		f, err := os.Open(path)
		if err != nil {
			return nil, usage("read record: %w\ngive the file that 'segproof audit --json FILE' wrote", err)
		}
		defer f.Close()
		in = f
	}
	r, err := audit.Decode(in)
	if err != nil {
		return nil, usage("%s: %w\ngive the file that 'segproof audit --json FILE' wrote", path, err)
	}
	return r, nil
}
