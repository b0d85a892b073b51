package main

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

// A file is written by a reporter that only knows how to write to somewhere.
type file struct {
	what, path string    // "-" means out
	out        io.Writer // used if path is "-"
	format     func(io.Writer) audit.Reporter
}

// Report replaces the file at once or not at all: a reader never sees half of
// it.
func (f file) Report(ctx context.Context, r *audit.Report) error {
	if f.path == "-" {
		return f.format(f.out).Report(ctx, r)
	}
	err := replace(f.path, func(w io.Writer) error { return f.format(w).Report(ctx, r) })
	if err != nil {
		return fmt.Errorf("write %s %s: %w\nname a file in a folder that exists and can be written to", f.what, audit.Clean(f.path), err)
	}
	return nil
}

// replace writes beside the old file and then takes its place. A link is
// followed, and what is no plain file (a pipe, /dev/stdout) is written to.
func replace(path string, write func(io.Writer) error) (err error) {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	mode := fs.FileMode(0o644)
	switch old, err := os.Stat(path); {
	case err == nil && !old.Mode().IsRegular():
		return writeTo(path, os.O_WRONLY, write)
	case err == nil:
		mode = old.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	next := filepath.Join(filepath.Dir(path), ".segproof-"+rand.Text()+".tmp")
	defer func() {
		if err != nil {
			os.Remove(next)
		}
	}()
	if err := writeTo(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, write); err != nil {
		return err
	}
	if err := os.Chmod(next, mode); err != nil {
		return err
	}
	return os.Rename(next, path)
}

func writeTo(path string, flag int, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, flag, 0o644)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(f)
	if err = write(b); err == nil {
		err = b.Flush()
	}
	return errors.Join(err, f.Close())
}

// bytesTo writes what is there already.
func bytesTo(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}
