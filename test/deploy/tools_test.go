package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	chart     = "../../deploy/chart"
	manifests = "../../deploy/manifests"
	lab       = "../../deploy/lab"
	namespace = "segproof"
)

// build builds a command that a module under test/tools pins, if need be.
func build(module, pkg string) (string, error) {
	base := os.Getenv("SEGPROOF_RIG")
	if base == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		base = filepath.Join(cache, "segproof-rig")
	}
	path := filepath.Join(base, "deploy", module+"-"+filepath.Base(filepath.Join(module, pkg)))
	c := exec.Command("go", "build", "-buildvcs=false", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", path, pkg)
	c.Dir = filepath.Join("..", "tools", module)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}

// helmBinary is built once.
var helmBinary = sync.OnceValues(func() (string, error) { return build("helm", ".") })

func helm(t *testing.T, args ...string) (out, errs string, err error) {
	t.Helper()
	binary, err := helmBinary()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), binary, args...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err = c.Run()
	return stdout.String(), stderr.String(), err
}

// render renders the chart with some files of values.
func render(t *testing.T, values ...string) string {
	t.Helper()
	return renderIn(t, namespace, values...)
}

func renderIn(t *testing.T, namespace string, values ...string) string {
	t.Helper()
	out, errs, err := helm(t, append([]string{"render", chart, namespace}, values...)...)
	if err != nil {
		t.Fatalf("render with %q: %v\n%s", values, err, errs)
	}
	return out
}

// examples are the values that the chart must render with: its own, and those
// of its folder ci.
func examples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chart, "ci", "*-values.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples of values: %v", err)
	}
	return append(files, filepath.Join(chart, "values.yaml"))
}

// moduleDir is where the source of a module lies that a module of ours pins.
func moduleDir(t *testing.T, pinnedBy, module string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module)
	c.Dir = filepath.Join("..", "tools", pinnedBy)
	c.Env = append(os.Environ(), "GOWORK=off")
	out, err := c.Output()
	if err != nil {
		t.Fatalf("find %s: %v", module, err)
	}
	return strings.TrimSpace(string(out))
}

func save(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// download is where the source of a module lies that nothing here imports: its
// manifests are what is wanted. Go checks it against its checksum database.
func download(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module).Output()
	if err != nil {
		t.Fatalf("download %s: %v", module, err)
	}
	var at struct{ Dir string }
	if err := json.Unmarshal(out, &at); err != nil {
		t.Fatal(err)
	}
	return at.Dir
}
