package suggest

import (
	"bytes"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/segproof/segproof/audit"
)

// sheets are the files that declare policies, each read once.
type sheets struct {
	read  func(string) ([]byte, error)
	open  map[string]*sheet
	order []string
}

// A sheet is the text of one file; nil if it can't be read.
type sheet struct{ before, now []byte }

func newSheets(read func(string) ([]byte, error)) *sheets {
	return &sheets{read: read, open: map[string]*sheet{}}
}

func (s *sheets) of(o *audit.Object) *sheet {
	path := o.Source.File
	if s.read == nil || path == "" || path == "-" {
		return nil
	}
	if _, ok := s.open[path]; !ok {
		s.open[path] = nil
		if text, err := s.read(path); err == nil {
			s.open[path] = &sheet{text, text}
			s.order = append(s.order, path)
		}
	}
	return s.open[path]
}

// document is a policy as its file would have it, or else as it is written
// anew; and the difference to the file, "" if that can't be edited.
func (s *sheets) document(o *audit.Object) (text, difference string) {
	sh := s.of(o)
	if sh == nil {
		return whole(o), ""
	}
	e, ok := rewrite(sh.before, o)
	if !ok {
		return whole(o), ""
	}
	if text = e.document; text == "" || e.dumped {
		text = whole(o)
	}
	return text, Diff(o.Source.File, sh.before, e.file)
}

// edit writes a policy into the text of its file.
func (s *sheets) edit(o *audit.Object) {
	sh := s.of(o)
	if sh == nil {
		return
	}
	if e, ok := rewrite(sh.now, o); ok {
		sh.now = e.file
	}
}

func (s *sheets) edited() []File {
	var out []File
	for _, path := range s.order {
		if sh := s.open[path]; !bytes.Equal(sh.before, sh.now) {
			out = append(out, File{path, sh.before, sh.now})
		}
	}
	return out
}

// Diff is the unified difference between two states of a file; "" if there is none.
func Diff(path string, before, after []byte) string {
	text := diff.Diff(path, before, path, after)
	_, rest, _ := bytes.Cut(text, []byte("\n")) // which names the files once more
	return string(rest)
}
