// Command pages writes the pages that the browser opens in the tests: one for
// each record that is named, each once more as a server hands it out, and one
// of a cluster that is large.
//
//	pages FOLDER RECORD...
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/reporters/html"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: pages FOLDER RECORD...")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "pages:", err)
		os.Exit(1)
	}
}

func write(folder string, records []string) error {
	if err := page(folder, "large", large(500, 5_000)); err != nil {
		return err
	}
	for _, path := range records {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		r, err := audit.Decode(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := page(folder, strings.TrimSuffix(filepath.Base(path), ".json"), r); err != nil {
			return err
		}
	}
	return nil
}

func page(folder, name string, r *audit.Report) error {
	for end, live := range map[string]bool{".html": false, ".live.html": true} {
		var b bytes.Buffer
		if err := (&html.Reporter{W: &b, Live: live}).Report(context.Background(), r); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name+end), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
