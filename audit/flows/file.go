package flows

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/segproof/segproof/audit"
)

// Files reads recorded flows: Hubble's own JSON lines, plain or gzip. It is an
// audit.Network.
type Files struct {
	Paths []string // "-" is Stdin
	Stdin io.Reader
	Options
}

// workers decode in parallel.
const workers = 2

// Traffic reads all files. A line or a file that can't be read is counted and
// told of, and the rest goes on. It is an error if nothing could be read.
func (f *Files) Traffic(ctx context.Context, h audit.Hints) (*audit.Traffic, error) {
	seen := remember(f.filled().Remembered)
	batches := make(chan *batch)
	group, ctx := errgroup.WithContext(ctx)
	runs := make([]*run, workers)
	for i := range runs {
		runs[i] = newRun(f.Options, h, seen)
		group.Go(func() error {
			for b := range batches {
				b.into(runs[i].intake)
			}
			return nil
		})
	}
	r := &reading{batches: batches}
	group.Go(func() error {
		defer close(batches)
		return r.files(ctx, f.Paths, f.Stdin)
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := runs[0]
	for _, other := range runs[1:] {
		all.absorb(other)
	}
	return r.traffic(all)
}

// reading is what one reader gathers: batches for the workers, and what was
// wrong with files.
type reading struct {
	batches  chan<- *batch
	read     int // files that could be opened
	problems []audit.Problem
}

// traffic adds what was wrong with files to what is in them.
func (r *reading) traffic(in *run) (*audit.Traffic, error) {
	nothing := in.flows == 0 && in.lost == 0 && len(in.nodes) == 0
	t := in.traffic()
	t.Problems = append(t.Problems, r.problems...)
	if r.read > 0 && (!nothing || in.bad == 0) {
		return t, nil
	}
	const hint = "\nflows are what this prints: hubble observe -o jsonpb --last 10000 > flows.jsonl"
	if len(t.Problems) == 0 {
		return nil, errors.New("no file of flows was given" + hint)
	}
	var why strings.Builder
	for _, p := range t.Problems[:min(5, len(t.Problems))] {
		why.WriteString("\n" + p.String())
	}
	return nil, fmt.Errorf("no flows could be read%s%s", why.String(), hint)
}

func (r *reading) files(ctx context.Context, paths []string, stdin io.Reader) error {
	for i, path := range paths {
		if err := r.file(ctx, i, path, stdin); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			r.problems = append(r.problems, audit.Problem{File: path, Err: err.Error()})
		}
	}
	return nil
}

func (r *reading) file(ctx context.Context, index int, path string, stdin io.Reader) error {
	in := stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return cause(err)
		}
		defer file.Close()
		in = file
	} else if in == nil {
		return errors.New("there is no standard input")
	}
	plain, err := unpacked(in)
	if err != nil {
		return err
	}
	r.read++
	return r.lines(ctx, place{index, path}, newLines(plain))
}

// unpacked reads through gzip where the input begins like it.
func unpacked(in io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(in, 64<<10)
	magic, err := b.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, cause(err)
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("not whole: %w", err)
	}
	return z, nil
}

// cause is an error without the path, which a problem names already.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", p.Op, p.Err)
	}
	return err
}
