package store

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/segproof/segproof/audit"
)

func manyAtOnce(t *testing.T, url string) {
	const writers, batches = 4, 5
	var wg sync.WaitGroup
	for w := range writers {
		s := open(t, url, Options{})
		wg.Go(func() {
			for n := range batches {
				b := batch(string(rune('a'+w)), 40, noon().Add(time.Duration(n-batches)*24*time.Hour))
				if err := s.Keep(context.Background(), b); err != nil {
					t.Error(err)
				}
				if _, err := s.Kept(context.Background(), noon()); err != nil {
					t.Error(err)
				}
				if err := s.Expire(context.Background(), noon().Add(-30*24*time.Hour)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	one := batch("", 40, noon()).Conversations
	want := writers * batches * total(&audit.Traffic{Conversations: one})
	if got := kept(t, open(t, url, Options{}), time.Time{}); total(got) != want || len(got.Conversations) != 40 {
		t.Errorf("%d flows in %d conversations, want %d in 40", total(got), len(got.Conversations), want)
	}
}

func brokenOff(t *testing.T, url string) {
	s := open(t, url, Options{})
	before := batch("a", 5, noon())
	keep(t, s, before)
	ctx, cancel := context.WithCancel(t.Context())
	w, err := newWork(batch("a", 500, noon()), filing{dayOf(time.Now())})
	if err != nil {
		t.Fatal(err)
	}
	err = s.db.write(ctx, func(tx session) error {
		err := w.save(ctx, tx)
		cancel() // everything is sent, nothing is committed
		return err
	})
	if err == nil {
		t.Error("a batch that was cancelled was acknowledged")
	}
	same(t, before.Conversations, kept(t, s, time.Time{}).Conversations)
	if err := s.Keep(ctx, batch("a", 500, noon())); err == nil {
		t.Error("a batch after the end was acknowledged")
	}
	keep(t, s, batch("a", 500, noon()))
	if got := kept(t, s, time.Time{}); len(got.Conversations) != 500 {
		t.Errorf("%d conversations after the batch was stored again, want 500", len(got.Conversations))
	}
}
