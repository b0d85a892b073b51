package sarif

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A target is a file that is to be replaced.
type target struct {
	path string
	old  os.FileInfo // nil if there is none
}

// resolve follows links.
func resolve(path string) (target, error) {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	old, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return target{path: path}, nil
	}
	return target{path, old}, err
}

// special tells whether it is no plain file (a pipe, /dev/stdout): it is written
// to, and has nothing beside it.
func (t target) special() bool { return t.old != nil && !t.old.Mode().IsRegular() }

// part is the file of a part: report.sarif, report.2.sarif and so on.
func (t target) part(n int) target {
	if n == 0 {
		return t
	}
	ext := filepath.Ext(t.path)
	p := target{path: fmt.Sprintf("%s.%d%s", strings.TrimSuffix(t.path, ext), n+1, ext), old: t.old}
	if old, err := os.Stat(p.path); err == nil {
		p.old = old
	}
	return p
}

// parts is how many there were: what was in one that is not needed any more
// would stay open for ever, so it is written as one that holds nothing.
func (t target) parts() int {
	n := 1
	for i := 1; i < mostParts; i++ {
		if ours(t.part(i).path) {
			n = i + 1
		}
	}
	return n
}

// ours tells whether a file is a document of this reporter.
func ours(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	return bytes.HasPrefix(head[:n], []byte(opening))
}

// replace writes beside the old file and then takes its place.
func (t target) replace(from io.WriterTo) (err error) {
	if t.special() {
		f, err := os.OpenFile(t.path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = from.WriteTo(f)
		return errors.Join(err, f.Close())
	}
	next := filepath.Join(filepath.Dir(t.path), ".segproof-"+rand.Text()+".tmp")
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(next)
		}
	}()
	if t.old != nil {
		err = f.Chmod(t.old.Mode().Perm())
	}
	if err == nil {
		_, err = from.WriteTo(f)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(next, t.path)
}
