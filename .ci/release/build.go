package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// A builder builds the command for each platform, once.
type builder struct {
	root, dir, version string
	platforms          []platform
}

// binary builds the command: static, without paths of this machine.
func (b *builder) binary(ctx context.Context, p platform) (string, error) {
	path := filepath.Join(b.dir, p.String(), "segproof")
	if p.os == "windows" {
		path += ".exe"
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-mod=readonly", "-tags", "grpcnotrace", "-buildvcs=auto", "-ldflags", "-s -w -buildid=", "-o", path, "./cmd/segproof")
	c.Dir = b.root
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=", "GOOS="+p.os, "GOARCH="+p.arch, "GOAMD64=v1", "GOARM64=v8.0")
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("build for %s: %w", p, err)
	}
	return path, nil
}

// release writes everything into a folder.
func (b *builder) release(ctx context.Context, out, push string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	docs, err := b.docs(ctx)
	if err != nil {
		return err
	}
	for _, p := range b.platforms {
		if err := b.archive(ctx, p, docs, out); err != nil {
			return fmt.Errorf("archive for %s: %w", p, err)
		}
	}
	if err := b.image(ctx, filepath.Join(out, "image"), push); err != nil {
		return err
	}
	return checksums(out)
}
