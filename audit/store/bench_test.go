package store

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkKeep tells how many rows a second are stored when all of them grew.
func BenchmarkKeep(b *testing.B) {
	path := filepath.Join(b.TempDir(), "store.db")
	s := open(b, "sqlite:"+path, Options{})
	rows := batch("a", 10_000, noon())
	for b.Loop() {
		keep(b, s, rows)
	}
	b.ReportMetric(float64(b.N)*10_000/b.Elapsed().Seconds(), "rows/s")
	if err := s.Expire(context.Background(), noon().AddDate(0, 0, -30)); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/10_000, "bytes/row")
}

func BenchmarkKeepPostgreSQL(b *testing.B) {
	s := open(b, serverURL(b), Options{})
	rows := batch("a", 10_000, noon())
	for b.Loop() {
		keep(b, s, rows)
	}
	b.ReportMetric(float64(b.N)*10_000/b.Elapsed().Seconds(), "rows/s")
	size := int64(0)
	err := s.db.read(context.Background(), func(tx session) (err error) {
		size, err = number(context.Background(), tx, "SELECT SUM(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent = 'conversations'::regclass")
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(size)/10_000, "bytes/row")
}

// BenchmarkKept reads 100,000 conversations.
func BenchmarkKept(b *testing.B) {
	s := open(b, "sqlite:"+filepath.Join(b.TempDir(), "store.db"), Options{})
	keep(b, s, batch("a", 100_000, noon()))
	b.ReportAllocs()
	for b.Loop() {
		if got := kept(b, s, time.Time{}); len(got.Conversations) != 100_000 {
			b.Fatal(len(got.Conversations))
		}
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "rows/s")
}
