package store

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

func changesAnnounced(t *testing.T, url string) {
	teller, reader := open(t, url, Options{}), open(t, url, Options{})
	at := noon()
	old, first := audit.Cut{At: at.Add(-40 * 24 * time.Hour)}, audit.Cut{At: at, Namespace: "shop\x00\xff"}
	second := audit.Cut{At: at.Add(time.Nanosecond)}
	for range 2 {
		if err := teller.Announce(context.Background(), []audit.Cut{second, first, old}); err != nil {
			t.Fatal(err)
		}
	}
	announced := func(since time.Time) []audit.Cut {
		t.Helper()
		got, err := reader.Announced(context.Background(), since)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if d := cmp.Diff([]audit.Cut{first, second}, announced(at)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if d := cmp.Diff([]audit.Cut{second}, announced(second.At)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if n := len(announced(time.Time{})); n != 3 {
		t.Errorf("%d changes, want 3", n)
	}
	if err := teller.Expire(context.Background(), at.Add(-30*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]audit.Cut{first, second}, announced(time.Time{})); d != "" {
		t.Errorf("after the old days are dropped: -want +got\n%s", d)
	}
}
