package record

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

func canonical(t *testing.T) *audit.Report {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := audit.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatIsWrittenIsTheReport(t *testing.T) {
	want := canonical(t)
	var b bytes.Buffer
	if err := (Reporter{&b}).Report(context.Background(), want); err != nil {
		t.Fatal(err)
	}
	got, err := audit.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
