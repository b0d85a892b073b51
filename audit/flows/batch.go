package flows

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cilium/cilium/api/v1/observer"

	"github.com/segproof/segproof/audit"
)

// place is a file and its position among all.
type place struct {
	index int
	path  string
}

// A batch is some lines that are decoded together.
type batch struct {
	place
	data  []byte
	lines []numbered
}

// numbered is a line; end is where it ends in the data of its batch. One that
// is too long has an error and no data.
type numbered struct {
	number int
	end    int
	err    error
}

// A batch is full at either.
const (
	batchLines = 256
	batchBytes = 1 << 20
)

func (r *reading) lines(ctx context.Context, p place, from *lines) error {
	b := &batch{place: p}
	for ctx.Err() == nil {
		err := b.next(from)
		over := err != nil
		if len(b.lines) >= batchLines || len(b.data) >= batchBytes || over {
			select {
			case r.batches <- b:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			b = &batch{place: p}
		}
		switch {
		case over && errors.Is(err, io.EOF):
			return nil
		case over:
			return fmt.Errorf("read to line %d only: %w", from.n, cause(err))
		}
	}
	return context.Cause(ctx)
}

// next adds the next line; blank lines are not kept.
func (b *batch) next(from *lines) (err error) {
	start := len(b.data)
	b.data, err = from.next(b.data)
	n := numbered{number: from.n, end: len(b.data)}
	if errors.Is(err, errLong) {
		n.err, err = err, nil
	} else if isBlank(b.data[start:]) {
		b.data = b.data[:start]
		return err
	}
	b.lines = append(b.lines, n)
	return err
}

// into decodes all lines of a batch.
func (b *batch) into(in *intake) {
	start := 0
	for _, l := range b.lines {
		at := placed{b.index, audit.Problem{File: b.path, Line: l.number}}
		partly, err := "", l.err
		if err == nil {
			partly, err = in.takeLine(b.data[start:l.end])
		}
		start = l.end
		switch {
		case err != nil:
			at.Err = err.Error()
			in.refuse(at)
		case partly != "":
			at.Err = "from a newer Hubble, what is known of it is used: " + partly
			in.note(at)
		}
	}
}

// takeLine takes one line. Events of agents and of debugging say nothing about
// what was carried.
func (in *intake) takeLine(line []byte) (partly string, err error) {
	event, partly, err := decodeLine(line)
	if err != nil {
		return "", err
	}
	e := envelope{event.GetNodeName(), event.GetTime()}
	switch r := event.GetResponseTypes().(type) {
	case *observer.ExportEvent_Flow:
		err = in.takeFlow(r.Flow, e)
	case *observer.ExportEvent_LostEvents:
		in.takeLost(r.LostEvents, e)
	case *observer.ExportEvent_NodeStatus:
		in.takeStatus(r.NodeStatus, e)
	}
	return partly, err
}
