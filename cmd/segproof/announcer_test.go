package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segproof/segproof/audit"
)

func TestAChangeReachesCollectorsAlsoWhenTheStoreWasAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := true
		var here, shared []audit.Cut
		a := newAnnouncer(30*time.Second, slog.New(slog.DiscardHandler))
		a.here = func(c audit.Cut) { here = append(here, c) }
		a.shared = func(_ context.Context, cuts []audit.Cut) error {
			if away {
				return errors.New("the store is away")
			}
			shared = append(shared, cuts...)
			return nil
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.run(ctx) }()

		first, second := audit.Cut{At: time.Now(), Namespace: "a"}, audit.Cut{At: time.Now().Add(time.Second), Namespace: "b"}
		want := []audit.Cut{first, {At: first.At.Add(30 * time.Second), Namespace: "a"}, second, {At: second.At.Add(30 * time.Second), Namespace: "b"}}
		a.tell(first)
		time.Sleep(7 * time.Second)
		a.tell(second)
		synctest.Wait()
		if !slices.Equal(here, want) || len(shared) > 0 {
			t.Errorf("told here %v, and shared %v", here, shared)
		}
		away = false
		time.Sleep(time.Minute)
		slices.SortFunc(shared, func(a, b audit.Cut) int { return a.At.Compare(b.At) })
		slices.SortFunc(want, func(a, b audit.Cut) int { return a.At.Compare(b.At) })
		if !slices.Equal(shared, want) {
			t.Errorf("shared %v, want %v", shared, want)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
