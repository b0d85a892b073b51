package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// uploaded reads the document that was sent to GitHub.
func uploaded(t *testing.T, r *http.Request) string {
	t.Helper()
	var body struct{ Sarif string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		t.Error(err)
	}
	packed, err := base64.StdEncoding.DecodeString(body.Sarif)
	if err != nil {
		t.Error(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Error(err)
		return ""
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// One receiver refuses: the other and the file get the report all the same, and
// no output shows a token.
func TestAnUploadThatIsRefusedSilencesNoOther(t *testing.T) {
	var document string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/api/v2/"):
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `{"detail":"%s may not"}`, r.Header.Get("Authorization"))
		case r.Method == http.MethodPost:
			document = uploaded(t, r)
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"id":"47177e22"}`)
		default:
			fmt.Fprint(w, `{"processing_status":"complete"}`)
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	token, out := put("token", "not-a-real-token\n"), filepath.Join(dir, "out.sarif")
	cfg := put("segproof.yaml", fmt.Sprintf(`apiVersion: segproof.dev/v1
kind: Config
upload:
  github: {repository: o/r, ref: refs/heads/main, commit: 0123456789abcdef0123456789abcdef01234567, api: %[1]q, tokenFile: %[2]q, category: mine}
  defectdojo: {url: %[1]q, product: p, engagement: e, tokenFile: %[2]q}
`, server.URL, token))
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"render", "../../reporters/testdata/report.json", "--config", cfg, "--sarif", out}, streams{nil, &stdout, &stderr})
	if want := "import into defectdojo: 403: detail: Token (hidden) may not"; code != exitFailed || !strings.Contains(stderr.String(), want) {
		t.Errorf("exit code %d and %q, want %d and %s", code, stderr.String(), exitFailed, want)
	}
	file, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(document, `"id":"mine/`) || strings.Count(document, `"ruleId"`) != strings.Count(string(file), `"ruleId"`) {
		t.Errorf("GitHub got %.300s", document)
	}
	if strings.Contains(stdout.String()+stderr.String()+string(file)+document, "not-a-real") {
		t.Error("the token is shown")
	}
}
