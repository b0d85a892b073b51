// Package html writes the report as one page for a browser: a single file that
// asks nothing of anybody, not even of the folder it lies in.
//
// # Design
//
// The page is the record, and scripts which draw it: no second wording of
// findings, and the daemon's page can read a newer record without a newer page.
// What the cluster and flows wrote reaches the document only as text, and a
// content security policy lets nothing run but the scripts of this package,
// named by their hashes: even markup that got through could do nothing.
//
// The scripts share one scope, as the files of a Go package do, so there is
// nothing to bundle; the map is drawn by Cytoscape.js, which is taken from npm
// as its lock file says and kept beside them.
package html

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/segproof/segproof/audit"
)

//go:generate sh assets/update.sh

// Reporter writes to a file, or to W if Path is "-".
type Reporter struct {
	Path string
	W    io.Writer
	// Live is for a page that a server hands out: it looks for a newer report.json
	// beside itself every half minute. A page that is not live requests nothing.
	Live bool
}

// Report replaces the file at once or not at all: a reader never sees half a
// page.
func (r *Reporter) Report(_ context.Context, rep *audit.Report) error {
	if r.Path == "-" {
		return r.write(r.W, rep)
	}
	tmp, err := os.CreateTemp(filepath.Dir(r.Path), ".segproof-*")
	if err != nil {
		return fmt.Errorf("write page: %w\nis the folder there, and may we write to it?", err)
	}
	defer os.Remove(tmp.Name()) // gone already if all went well
	if err := r.fill(tmp, rep); err != nil {
		tmp.Close()
		return fmt.Errorf("write page %s: %w", r.Path, err)
	}
	if err := tmp.Close(); err != nil {
		return fmt.Errorf("write page %s: %w", r.Path, err)
	}
	if err := os.Rename(tmp.Name(), r.Path); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

func (r *Reporter) fill(f *os.File, rep *audit.Report) error {
	b := bufio.NewWriter(f)
	if err := r.write(b, rep); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return f.Chmod(0o644)
}
