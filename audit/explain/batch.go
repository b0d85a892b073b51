package explain

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A batch is some lines of the file, and then their answers.
type batch struct {
	first int // number of the first line
	lines [][]byte
	out   bytes.Buffer
	Asked
	done chan struct{}
}

var errLong = fmt.Errorf("the line is longer than %d bytes", maxLine)

// readBatches hands over lines until the end of the input, or until it is told
// to stop. A line that is too long is nil.
func readBatches(ctx context.Context, r io.Reader, hand func(*batch) bool) error {
	in := bufio.NewReaderSize(r, 64<<10)
	b := &batch{first: 1, done: make(chan struct{})}
	for {
		line, err := readLine(in)
		if err == nil || len(line) > 0 {
			b.lines = append(b.lines, line)
		}
		if n := len(b.lines); n == batchSize || n > 0 && (err != nil || in.Buffered() == 0) {
			if !hand(b) {
				return ctx.Err()
			}
			b = &batch{first: b.first + n, done: make(chan struct{})}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read queries: %w", err)
		}
	}
}

func readLine(in *bufio.Reader) ([]byte, error) {
	line, long := []byte{}, false
	for {
		part, err := in.ReadSlice('\n')
		if long = long || len(line)+len(part) > maxLine; !long {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if long {
			line = nil
		}
		return line, err
	}
}

// answer answers the lines. Blank ones are passed over.
func (b *batch) answer(x *Explainer, name string) {
	var fields bytes.Buffer
	enc := json.NewEncoder(&fields)
	enc.SetEscapeHTML(false)
	for i, line := range b.lines {
		line = bytes.TrimSpace(line)
		if len(line) == 0 && b.lines[i] != nil {
			continue
		}
		b.Queries++
		line, a, err := x.line(b.lines[i], line)
		if err != nil {
			text := fmt.Sprintf("%s:%d: %s", name, b.first+i, strings.ReplaceAll(err.Error(), "\n", "; "))
			if b.Failed++; b.First == "" {
				b.First = text
			}
			a = struct {
				Error string `json:"error"`
			}{text}
		}
		fields.Reset()
		_ = enc.Encode(a) // into memory, of types that can be encoded
		join(&b.out, line, fields.Bytes())
	}
}

func (x *Explainer) line(raw, line []byte) ([]byte, any, error) {
	if raw == nil {
		return nil, nil, errLong
	}
	q, line, err := parseQuery(bytes.ToValidUTF8(line, []byte("\ufffd")))
	if err != nil {
		return line, nil, err
	}
	a, err := x.Answer(q)
	return line, a, err
}

// join writes the fields of the query and then those of the answer as one
// object. A line that is no object can't be repeated.
func join(out *bytes.Buffer, query, answer []byte) {
	open := bytes.TrimSpace(bytes.TrimSuffix(query, []byte("}")))
	if len(open) > 1 && open[0] == '{' {
		out.Write(open)
		out.WriteByte(',')
		answer = answer[1:]
	}
	out.Write(answer)
}
