package cluster

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Bounds on one document. A dump of a large cluster is one JSON document, of
// which one object at a time is decoded; YAML has to be parsed whole.
const (
	maxYAML = 32 << 20
	maxJSON = 512 << 20
)

// A document is one of those in a file, as text.
type document struct {
	number int // from 1, of those that are not empty
	line   int // of its first line in the file, from 1
	text   []byte
	tooBig bool
}

// documents splits a file where YAML does: at a line that begins with "---" or
// "...". It looks at nothing else, so that one broken document does not hide
// those behind it. UTF-16, which PowerShell writes, is understood.
func documents(r io.Reader) iter.Seq2[document, error] {
	return func(yield func(document, error) bool) {
		s := &splitter{yield: yield}
		b := bufio.NewReaderSize(transform.NewReader(r, unicode.BOMOverride(transform.Nop)), 64<<10)
		s.begin(1)
		for n, start := 1, true; ; {
			line, err := b.ReadSlice('\n')
			if !s.take(line, n, start) {
				return
			}
			start = !errors.Is(err, bufio.ErrBufferFull) // else the rest of the line comes next
			if start {
				n++
			}
			switch {
			case err == nil || !start:
			case errors.Is(err, io.EOF):
				s.end(n)
				return
			default: // half a document is none
				yield(document{}, err)
				return
			}
		}
	}
}

type splitter struct {
	yield     func(document, error) bool
	doc       document
	content   bool // something other than comments was seen
	directive bool
	json      bool
}

func (s *splitter) begin(line int) {
	s.doc = document{number: s.doc.number, line: line}
	s.content, s.directive, s.json = false, false, false
}

// take adds a line, or a part of one that is not its start. It returns false
// when nobody wants more.
func (s *splitter) take(line []byte, n int, start bool) bool {
	if start && marker(line, "...") {
		return s.end(n + 1)
	}
	text := bytes.TrimSpace(line)
	if start && marker(line, "---") {
		if s.content && !s.end(n) {
			return false
		}
		text = bytes.TrimSpace(text[3:])
		if !s.directive {
			s.begin(n)
			if len(text) == 0 {
				s.doc.line = n + 1
				return true
			}
		}
	}
	if len(text) > 0 && text[0] != '#' {
		switch {
		case s.content:
		case start && line[0] == '%':
			s.directive = true
		default:
			s.content, s.json = true, text[0] == '{' || text[0] == '['
		}
	}
	limit := maxYAML
	if s.json {
		limit = maxJSON
	}
	if len(s.doc.text)+len(line) > limit {
		s.doc.tooBig, s.doc.text = true, nil
	}
	if !s.doc.tooBig {
		s.doc.text = append(s.doc.text, line...)
	}
	return true
}

// end hands over the document so far; next is the line at which another begins.
func (s *splitter) end(next int) bool {
	ok := true
	if s.content {
		s.doc.number++
		ok = s.yield(s.doc, nil)
	}
	s.begin(next)
	return ok
}

func marker(line []byte, m string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(m))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}
