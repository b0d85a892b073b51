package explain

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
)

// Asked counts the queries of a file.
type Asked struct {
	Queries int
	Failed  int    // those that could not be answered
	First   string // why the first of them could not
}

// Bounds of a file of queries: the longest line that is read, and how many
// lines are handed to a worker at a time.
const (
	maxLine   = 1 << 20
	batchSize = 256
)

// Answers reads queries, one JSON object a line, and writes an answer for each
// in the same order: the query's fields and verdict, egress and ingress, or
// error. Name is what the file is called in errors. What is returned as an
// error is one of reading or writing. When the input pauses, what was asked so
// far is answered. If ctx ends, or nobody takes the answers any more, Answers
// returns without waiting for input that may never come.
func (x *Explainer) Answers(ctx context.Context, r io.Reader, w io.Writer, name string) (Asked, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := runtime.GOMAXPROCS(0)
	work := make(chan *batch)
	ordered := make(chan *batch, 4*workers)
	var readErr error
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for b := range work {
				b.answer(x, name)
				close(b.done)
			}
		})
	}
	wg.Go(func() {
		defer close(ordered)
		defer close(work)
		readErr = readBatches(ctx, r, func(b *batch) bool {
			for _, to := range []chan *batch{ordered, work} {
				select {
				case to <- b:
				case <-ctx.Done():
					return false
				}
			}
			return true
		})
	})
	var sum Asked
	err := writeBatches(ctx, w, ordered, &sum)
	cancel()
	if err == nil {
		wg.Wait()
		err = readErr
	}
	return sum, err
}

// writeBatches writes the answers in the order of the queries.
func writeBatches(ctx context.Context, w io.Writer, ordered <-chan *batch, sum *Asked) error {
	for {
		b, err := next(ctx, ordered)
		if b == nil {
			return err
		}
		if _, err := w.Write(b.out.Bytes()); err != nil {
			return fmt.Errorf("write answers: %w", err)
		}
		sum.Queries += b.Queries
		sum.Failed += b.Failed
		if sum.First == "" {
			sum.First = b.First
		}
	}
}

// next waits for the next batch to be answered; nil if there is none.
func next(ctx context.Context, ordered <-chan *batch) (*batch, error) {
	select {
	case b, ok := <-ordered:
		if !ok {
			return nil, ctx.Err()
		}
		select {
		case <-b.done:
			return b, nil
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	return nil, ctx.Err()
}
