package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protojson"

	flowpb "github.com/cilium/cilium/api/v1/flow"
	observerpb "github.com/cilium/cilium/api/v1/observer"
	"github.com/cilium/cilium/pkg/hubble/observer"
	observerTypes "github.com/cilium/cilium/pkg/hubble/observer/types"
)

// A feed is what a node observes.
type feed struct {
	file    string
	rate    int
	count   int64
	trickle int64
	skew    time.Duration
	paused  bool
}

// await waits until the feed may go on.
func await(ctx context.Context) {
	begin := make(chan os.Signal, 1)
	signal.Notify(begin, syscall.SIGUSR1)
	defer signal.Stop(begin)
	select {
	case <-begin:
	case <-ctx.Done():
	}
}

// source gives one event after the other, for ever.
func (f *feed) source(w *world) (next func() any, err error) {
	if f.file == "" {
		return w.next, nil
	}
	flows, err := recorded(f.file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.file, err)
	}
	if f.count < 0 {
		// The newest event is not read before another follows it: the last comes twice.
		flows = append(flows, flows[len(flows)-1])
		f.count = int64(len(flows))
	}
	i := 0
	return func() any {
		i++
		return flows[(i-1)%len(flows)]
	}, nil
}

// primed is how many flows a node that waits has fed: who follows an empty ring
// hears nothing before it has gone around.
const primed = 2

// pump feeds until the count is reached or ctx ends, and returns how many it
// fed.
func (f *feed) pump(ctx context.Context, obs *observer.LocalObserverServer, node string, next func() any) int64 {
	events, began := obs.GetEventsChannel(), time.Now()
	for n := int64(0); f.count == 0 || n < f.count; n++ {
		if f.paused && n == primed {
			await(ctx)
			began = time.Now()
		}
		if f.rate > 0 {
			rest(ctx, time.Until(began.Add(time.Duration(n)*time.Second/time.Duration(f.rate))))
		}
		if f.trickle > 0 && n >= f.count-f.trickle {
			rest(ctx, time.Second/10)
		}
		e := &observerTypes.MonitorEvent{UUID: uuid.New(), Timestamp: time.Now().Add(f.skew), NodeName: node, Payload: next()}
		select {
		case events <- e:
		case <-ctx.Done():
			return n
		}
	}
	return f.count
}

func rest(ctx context.Context, d time.Duration) {
	if d <= time.Millisecond {
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func recorded(path string) ([]*flowpb.Flow, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, err
		}
	}
	var out []*flowpb.Flow
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m observerpb.GetFlowsResponse
		if err := protojson.Unmarshal(lines.Bytes(), &m); err != nil {
			return nil, err
		}
		if fl := m.GetFlow(); fl != nil {
			out = append(out, fl)
		}
	}
	if len(out) == 0 {
		return nil, errors.Join(lines.Err(), errors.New("no flows in it"))
	}
	return out, lines.Err()
}
