package flows

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine is the longest line that is read. A flow has some 2 kB.
const maxLine = 16 << 20

var errLong = errors.New("longer than 16 MiB, not read")

// lines reads line by line, of any length.
type lines struct {
	r *bufio.Reader
	n int // number of the last line
}

func newLines(r io.Reader) *lines {
	return &lines{r: bufio.NewReaderSize(r, 64<<10)}
}

// next appends the next line to buf. A line that is too long is passed over and
// gives errLong; the next one can be read. The last line may come together with
// the error that ends the input.
func (l *lines) next(buf []byte) ([]byte, error) {
	l.n++
	start, long := len(buf), false
	for {
		part, err := l.r.ReadSlice('\n')
		if !long {
			buf = append(buf, part...)
		}
		if len(buf)-start > maxLine {
			buf, long = buf[:start], true
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if long && err == nil {
			err = errLong
		}
		return buf, err
	}
}

// isBlank tells a line with nothing on it.
func isBlank(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }
