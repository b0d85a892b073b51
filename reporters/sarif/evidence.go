package sarif

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
)

// maxEvidence bounds the files that a run writes.
const maxEvidence = 25_000

// evidence writes the text of the objects that results are shown in and no file
// holds, each into the file that the document names. Nothing is written outside
// of the folder, whatever links are in it.
func (s Reporter) evidence(d *documents) (err error) {
	if s.EvidenceDir == "" {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write evidence to %s: %w\nname a folder that can be written to", clean(s.EvidenceDir), err)
		}
	}()
	if err := os.MkdirAll(s.EvidenceDir, 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(s.EvidenceDir)
	if err != nil {
		return err
	}
	defer root.Close()
	files := d.at.stateFiles()
	for _, f := range files[:min(len(files), maxEvidence)] {
		if err := put(root, f); err != nil {
			return err
		}
	}
	if more := len(files) - maxEvidence; more > 0 {
		return fmt.Errorf("%d of %d files are not written", more, len(files))
	}
	return nil
}

// stateFiles are those that were needed, by name.
func (l *locator) stateFiles() []*stateFile {
	files := make([]*stateFile, 0, len(l.state))
	for _, f := range l.state {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b *stateFile) int { return bytes.Compare([]byte(a.uri), []byte(b.uri)) })
	return files
}

// put writes a file whole, unless it is as it should be. Its URI is its name,
// since segments need no escapes.
func put(root *os.Root, f *stateFile) error {
	old, err := root.ReadFile(f.uri)
	if err == nil && string(old) == f.manifest.text {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := root.MkdirAll(path.Dir(f.uri), 0o777); err != nil {
		return err
	}
	next := path.Join(path.Dir(f.uri), ".segproof-next.tmp")
	if err := root.WriteFile(next, []byte(f.manifest.text), 0o666); err != nil {
		return err
	}
	return root.Rename(next, f.uri)
}
