// Package sarif writes a report as SARIF 2.1.0, for security dashboards.
//
// A rule of ours is a reportingDescriptor, a finding that something does not
// hold is a result, and what was not seen is a notification of the run. Proofs
// and findings that are gone are not results: dashboards would show them as
// open.
//
// # Design
//
// Files that are valid SARIF are refused, misread or shown twice all the same,
// so the document keeps to what the consumers demand beyond the standard.
// Each result has exactly one location, which has a relative URI and all four
// numbers of a region (GitHub, reviewdog and DefectDojo fail otherwise); text is
// short enough (GitLab drops a result whose text is longer than 2,048); a
// message holds no numbers that change from run to run, as far as it is ours
// (DefectDojo compares it); severity is written in the three ways in which it is
// read (level, security-severity, rank).
//
// go-sarif builds the document. Its encoder is not used, since it writes nulls
// that GitHub rejects; see encode.
package sarif

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/segproof/segproof/audit"
)

// A Reporter writes each report as a SARIF document: it replaces the file Path
// at once and whole, so that no reader ever sees half of it.
type Reporter struct {
	Path     string    // "-" means W
	W        io.Writer // used if Path is "-"
	Root     string    // absolute folder that the repository is in: names of files below it are written relative to it
	Baseline bool      // the report was compared with a former record: write baselineState
}

// Report writes the document.
func (s Reporter) Report(_ context.Context, r *audit.Report) error {
	if s.Path == "-" {
		if err := s.write(s.W, r); err != nil {
			return fmt.Errorf("write sarif: %w", err)
		}
		return nil
	}
	if err := s.replace(r); err != nil {
		return fmt.Errorf("write sarif %s: %w\nname a file in a folder that exists and can be written to", audit.Clean(s.Path), err)
	}
	return nil
}

func (s Reporter) write(w io.Writer, r *audit.Report) error {
	b := bufio.NewWriterSize(w, 64<<10)
	if err := encode(b, s.render(r)); err != nil {
		return err
	}
	return b.Flush()
}

// replace writes beside the old file and then takes its place. A link is
// followed, and what is no plain file (a pipe, /dev/stdout) is written to.
func (s Reporter) replace(r *audit.Report) (err error) {
	path := s.Path
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	old, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if old != nil && !old.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(s.write(f, r), f.Close())
	}
	next := filepath.Join(filepath.Dir(path), ".segproof-"+rand.Text()+".tmp")
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(next)
		}
	}()
	if old != nil {
		err = f.Chmod(old.Mode().Perm())
	}
	if err = errors.Join(err, s.write(f, r), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(next, path)
}
