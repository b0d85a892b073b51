// Package record writes the report as JSON: the record that can be read again
// and rendered in any other format.
package record

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/segproof/segproof/audit"
)

// Reporter writes to a file, or to W if Path is "-".
type Reporter struct {
	Path string
	W    io.Writer
}

// Report replaces the file at once or not at all: a reader never sees half a
// record.
func (r *Reporter) Report(_ context.Context, rep *audit.Report) error {
	if r.Path == "-" {
		return audit.Encode(r.W, rep)
	}
	tmp, err := os.CreateTemp(filepath.Dir(r.Path), ".segproof-*")
	if err != nil {
		return fmt.Errorf("write record: %w\nis the folder there, and may we write to it?", err)
	}
	defer os.Remove(tmp.Name()) // gone already if all went well
	b := bufio.NewWriter(tmp)
	if err := write(tmp, b, rep); err != nil {
		tmp.Close()
		return fmt.Errorf("write record %s: %w", r.Path, err)
	}
	if err := tmp.Close(); err != nil {
		return fmt.Errorf("write record %s: %w", r.Path, err)
	}
	if err := os.Rename(tmp.Name(), r.Path); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return nil
}

func write(f *os.File, b *bufio.Writer, rep *audit.Report) error {
	if err := audit.Encode(b, rep); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return f.Chmod(0o644)
}
