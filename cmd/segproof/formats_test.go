package main

import (
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/segproof/segproof/audit"
)

func TestTheDaemonsMetricsTellOfTheNewestReport(t *testing.T) {
	m := newMetrics(nil, func() bool { return true })
	to, err := m.collected()
	if err != nil {
		t.Fatal(err)
	}
	scrape := func() string {
		w := httptest.NewRecorder()
		m.handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Body.String()
	}
	const open = `segproof_findings{namespace="web",rule="flow-drop-gap",severity="high",state="open"} 1`
	if s := scrape(); strings.Contains(s, "segproof_findings{") {
		t.Errorf("before the first report:\n%s", s)
	}
	r := &audit.Report{Findings: []audit.Finding{
		{Rule: "flow-drop-gap", Severity: audit.High, Kind: audit.Fails, Subject: audit.Ref{Kind: "Deployment", Namespace: "web", Name: "shop"}},
	}}
	if err := to.Report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if s := scrape(); !strings.Contains(s, open) || !strings.Contains(s, "segproof_leader 1") {
		t.Errorf("after it:\n%s", s)
	}
	if err := to.Report(t.Context(), &audit.Report{}); err != nil {
		t.Fatal(err)
	}
	if s := scrape(); strings.Contains(s, "segproof_findings{") {
		t.Errorf("after a report without findings:\n%s", s)
	}
}

func TestAFileIsReplacedThroughItsLinkAndKeepsItsMode(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "r.md"), filepath.Join(dir, "link.md")
	if err := os.WriteFile(path, []byte("longer than what comes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := replace(link, bytesTo([]byte("new"))); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "new" {
		t.Errorf("the file holds %q (%v)", b, err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the mode is not kept: %v (%v)", fi.Mode(), err)
	}
	if fi, err := os.Lstat(link); err != nil || fi.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link was replaced (%v)", err)
	}
	if err := replace(dir, bytesTo([]byte("new"))); err == nil {
		t.Error("a folder was replaced")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestAFolderThatIsNotThereIsAnErrorWithAHint(t *testing.T) {
	to := recordFile(filepath.Join(t.TempDir(), "nowhere", "r.json"), io.Discard)
	err := to.Report(t.Context(), &audit.Report{})
	if err == nil || !strings.HasPrefix(err.Error(), "write record ") || !strings.Contains(err.Error(), "\nname a file in a folder that exists") {
		t.Errorf("got %v", err)
	}
}

func TestWhatCanNotBeRenderedLeavesTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	half := func(w io.Writer) error {
		_, err := w.Write([]byte("half"))
		return errors.Join(err, errors.New("no more"))
	}
	if err := replace(path, half); err == nil {
		t.Error("no error")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "old" {
		t.Errorf("the file holds %q (%v)", b, err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
