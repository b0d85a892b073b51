package cluster

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// stdin is how standard input is called, in flags and in problems.
const stdin = "-"

// files lists the files to read, each once and ordered by name, so that the
// order of the paths does not matter.
func (m *Manifests) files() (names []string, problems []audit.Problem) {
	w := walker{seen: map[string]bool{}}
	for _, p := range m.Paths {
		if p == stdin {
			w.add(p)
			continue
		}
		p = filepath.Clean(p)
		switch info, err := os.Stat(p); {
		case err != nil:
			w.problem(p, cannotOpen(err))
		case info.IsDir():
			w.folder(p)
		default:
			w.add(p)
		}
	}
	slices.Sort(w.names)
	return w.names, w.problems
}

type walker struct {
	names    []string
	problems []audit.Problem
	seen     map[string]bool
}

func (w *walker) add(name string) {
	key := name
	if abs, err := filepath.Abs(name); err == nil && name != stdin {
		key = abs
	}
	if !w.seen[key] {
		w.seen[key] = true
		w.names = append(w.names, name)
	}
}

func (w *walker) problem(name, text string) {
	w.problems = append(w.problems, audit.Problem{File: filepath.ToSlash(name), Err: text})
}

// folder adds the manifests below a folder. Hidden files and folders are not
// looked at; a link to a file is (a mounted ConfigMap is made of them), one to a
// folder is not, since it may lead back.
func (w *walker) folder(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.problem(dir, cannotOpen(err))
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			w.folder(name)
		case e.Type()&fs.ModeSymlink != 0:
			if info, err := os.Stat(name); err == nil && info.IsDir() {
				w.problem(name, "a link to a folder is not followed; name the folder itself with --manifests")
			} else if isManifest(name) {
				w.add(name)
			}
		case isManifest(name):
			if !e.Type().IsRegular() {
				w.problem(name, "not a regular file; only files are read from a folder")
				continue
			}
			w.add(name)
		}
	}
}

func isManifest(name string) bool {
	switch strings.ToLower(filepath.Ext(strings.TrimSuffix(name, ".gz"))) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

func (m *Manifests) open(name string) (io.ReadCloser, error) {
	if name != stdin {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		return unpacked(f, f)
	}
	if m.Stdin == nil {
		return nil, errors.New("standard input was not given")
	}
	return unpacked(m.Stdin, io.NopCloser(nil))
}

// unpacked reads through gzip where the input begins like it.
func unpacked(in io.Reader, closer io.Closer) (io.ReadCloser, error) {
	b := bufio.NewReaderSize(in, 64<<10)
	plain := struct {
		io.Reader
		io.Closer
	}{b, closer}
	magic, err := b.Peek(2)
	if err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return plain, nil // what can't be read is told when it is read
	}
	if plain.Reader, err = gzip.NewReader(b); err != nil {
		return nil, errors.Join(fmt.Errorf("gzip: not whole: %w", err), closer.Close())
	}
	return plain, nil
}

func cannotOpen(err error) string {
	reason := err
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		reason = p.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file or folder; check the path given with --manifests"
	case errors.Is(err, fs.ErrPermission):
		return "not allowed to read it; check the file's permissions"
	}
	return "not readable: " + reason.Error()
}
