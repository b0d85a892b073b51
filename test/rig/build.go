package rig

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Binary is the path of a tool, built first if need be.
func Binary(t testing.TB, name string) string {
	t.Helper()
	paths, err := Build(t.Context(), os.Stderr, name)
	if err != nil {
		t.Fatal(err)
	}
	return paths[0]
}

// Build builds the named tools that are not there yet, all if none is named, and
// returns where they are. It says what it builds and how long it took.
//
// A tool is kept in the folder SEGPROOF_RIG, or segproof-rig in the user's cache
// folder, under a name made of all that it is built from. Two builds of the same
// tool wait for each other.
func Build(ctx context.Context, say io.Writer, names ...string) ([]string, error) {
	test, err := testModule()
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		for _, tool := range Tools() {
			names = append(names, tool.Name)
		}
	}
	var paths []string
	for _, name := range names {
		i := slices.IndexFunc(Tools(), func(t Tool) bool { return t.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("build %s: no such tool", name)
		}
		path, err := Tools()[i].build(ctx, say, test)
		if err != nil {
			return nil, fmt.Errorf("build %s: %w", name, err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func (t Tool) build(ctx context.Context, say io.Writer, test string) (string, error) {
	source := test
	if t.Module != "" {
		source = filepath.Join(test, "tools", t.Module)
	}
	key, err := t.key(source)
	if err != nil {
		return "", err
	}
	dir, err := cacheDir(t.Name + "-" + key)
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	path := filepath.Join(dir, t.Name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fmt.Fprintf(say, "rig: building %s from %s\n", t.Name, t.Package)
	began := time.Now()
	flags := "-s -w"
	if len(t.Stamp) > 0 {
		flags += " -X " + strings.Join(t.Stamp, " -X ")
	}
	if err := goBuild(ctx, source, "-trimpath", "-ldflags", flags, "-o", path+".new", t.Package); err != nil {
		return "", err
	}
	fmt.Fprintf(say, "rig: built %s in %.0f s\n", t.Name, time.Since(began).Seconds())
	return path, os.Rename(path+".new", path)
}

// key is made of all that a tool is built from.
func (t Tool) key(source string) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s %q\n", runtime.Version(), t.Package, t.Stamp)
	files := []string{filepath.Join(source, "go.mod"), filepath.Join(source, "go.sum")}
	if strings.HasPrefix(t.Package, "./") {
		ours, err := filepath.Glob(filepath.Join(source, t.Package, "*.go"))
		if err != nil {
			return "", err
		}
		files = append(files, ours...)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %x\n", filepath.Base(f), sha256.Sum256(data))
	}
	return short(string(h.Sum(nil))), nil
}

// short is a name made of something long.
func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}

// goBuild builds without cgo and without the checkout's state, so that equal
// sources are equal binaries, and are found in Go's build cache.
func goBuild(ctx context.Context, dir string, args ...string) error {
	_, err := goRun(ctx, dir, append([]string{"build", "-buildvcs=false", "-mod=readonly"}, args...)...)
	return err
}

func goRun(ctx context.Context, dir string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "go", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// testModule is the folder of the module that we are run in: tests run in the
// folder of their package.
func testModule() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(mod, []byte("module github.com/segproof/segproof/test\n")) {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("the rig's module is not here\nrun this in the folder test of a checkout")
		}
		dir = up
	}
}

// moduleDir is where the source of a module lies that one of ours pins.
func moduleDir(ctx context.Context, pinnedBy, module string) (string, error) {
	test, err := testModule()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(test, "tools", pinnedBy)
	if _, err := goRun(ctx, dir, "mod", "download", module); err != nil {
		return "", err
	}
	return goRun(ctx, dir, "list", "-m", "-f", "{{.Dir}}", module)
}

func cacheDir(name string) (string, error) {
	base := os.Getenv("SEGPROOF_RIG")
	if base == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		base = filepath.Join(cache, "segproof-rig")
	}
	dir := filepath.Join(base, name)
	return dir, os.MkdirAll(dir, 0o755)
}

// lock waits until nobody else holds the file.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
