package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/segproof/segproof/audit"
)

// binaryVariable names a binary to test instead of this checkout's.
const binaryVariable = "SEGPROOF_BINARY"

// Main runs the tests of a package with the binary of this checkout, built once,
// or with the one that SEGPROOF_BINARY names. It is for TestMain.
func Main(m *testing.M) int {
	if os.Getenv(binaryVariable) == "" {
		path, err := buildSegproof(context.Background())
		if err != nil {
			fmt.Fprintln(os.Stderr, "build segproof:", err)
			return 1
		}
		if err := os.Setenv(binaryVariable, path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// buildSegproof builds the command. Go does nothing if nothing changed.
func buildSegproof(ctx context.Context) (string, error) {
	test, err := testModule()
	if err != nil {
		return "", err
	}
	dir, err := cacheDir("segproof-" + short(test))
	if err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	path := filepath.Join(dir, "segproof")
	return path, goBuild(ctx, filepath.Dir(test), "-o", path, "./cmd/segproof")
}

func segproof(t testing.TB) string {
	t.Helper()
	path := os.Getenv(binaryVariable)
	if path == "" {
		t.Fatal("no binary of segproof: let TestMain call rig.Main")
	}
	return path
}

// Audit runs segproof audit, as a user does, and reads the record. Exit codes 0
// and 3 are an audit; everything else fails the test.
func Audit(t testing.TB, args ...string) *audit.Report {
	t.Helper()
	r, code, errs := TryAudit(t, args...)
	if code != 0 && code != 3 {
		t.Fatalf("segproof audit %s: exit %d\n%s", strings.Join(args, " "), code, errs)
	}
	return r
}

// TryAudit runs segproof audit; the record is nil if it wrote none.
func TryAudit(t testing.TB, args ...string) (r *audit.Report, code int, errs string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), segproof(t), append([]string{"audit", "--json", "-", "--quiet"}, args...)...)
	var out, progress bytes.Buffer
	c.Stdout, c.Stderr = &out, &progress
	if err := c.Run(); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			t.Fatal(err)
		}
		code = exit.ExitCode()
	}
	r, err := audit.Decode(&out)
	if err != nil && (code == 0 || code == 3) {
		t.Fatalf("read the record: %v\n%s", err, progress.String())
	}
	return r, code, progress.String()
}
