package record

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
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

func TestTheFileIsTheRecordAndReplacesALongerOne(t *testing.T) {
	want := canonical(t)
	path := filepath.Join(t.TempDir(), "r.json")
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := (&Reporter{Path: path}).Report(context.Background(), want); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := audit.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if rest, err := os.ReadDir(filepath.Dir(path)); err != nil || len(rest) != 1 {
		t.Errorf("left behind: %v %v", rest, err)
	}
}

func TestADashIsStandardOutput(t *testing.T) {
	var b bytes.Buffer
	if err := (&Reporter{Path: "-", W: &b}).Report(context.Background(), canonical(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Decode(&b); err != nil {
		t.Fatal(err)
	}
}

func TestAFolderThatIsNotThereIsAnErrorWithAHint(t *testing.T) {
	err := (&Reporter{Path: filepath.Join(t.TempDir(), "nowhere", "r.json")}).Report(context.Background(), canonical(t))
	if err == nil || !strings.Contains(err.Error(), "write record: ") || !strings.Contains(err.Error(), "\nis the folder there") {
		t.Errorf("got %v", err)
	}
}
