package main

import (
	"archive/tar"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// stub is a builder whose command is the one that SEGPROOF_BINARY names, or else
// this test: what is made around it is the same.
func stub(t *testing.T) *builder {
	t.Helper()
	binary := os.Getenv("SEGPROOF_BINARY")
	if binary == "" {
		var err error
		if binary, err = os.Executable(); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{dir: t.TempDir(), version: "test", platforms: platforms()}
	for _, p := range platforms() {
		path := filepath.Join(b.dir, p.String(), "segproof")
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestTheImageIsTheSameTwiceAndRunsAsNobody(t *testing.T) {
	b, dir := stub(t), t.TempDir()
	digests := map[v1.Hash]bool{}
	for range 2 {
		if err := b.image(t.Context(), dir, ""); err != nil {
			t.Fatal(err)
		}
		index, err := layout.ImageIndexFromPath(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Index(index); err != nil {
			t.Fatal(err)
		}
		digest, err := index.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests[digest] = true
		manifest, err := index.IndexManifest()
		if err != nil || len(manifest.Manifests) != 2 {
			t.Fatalf("want two architectures: %+v, %v", manifest, err)
		}
	}
	if len(digests) != 1 {
		t.Errorf("two builds differ: %v", digests)
	}
	image, err := b.one(t.Context(), platform{"linux", runtime.GOARCH})
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil || config.Config.User != "65532:65532" || config.Architecture != runtime.GOARCH || !config.Created.Equal(epoch) {
		t.Errorf("%+v, %v", config, err)
	}
	root := unpack(t, image)
	if out, err := exec.CommandContext(t.Context(), filepath.Join(root, "segproof"), "-h").CombinedOutput(); len(out) == 0 {
		t.Errorf("what was unpacked does not run: %v", err)
	}
	pem, err := os.ReadFile(filepath.Join(root, "etc", "ssl", "certs", "ca-certificates.crt"))
	if err != nil || !x509.NewCertPool().AppendCertsFromPEM(pem) {
		t.Errorf("no certificates: %v", err)
	}
	var bill spdx
	text, err := os.ReadFile(filepath.Join(root, "usr", "share", "segproof", "sbom.spdx.json"))
	if err == nil {
		err = json.Unmarshal(text, &bill)
	}
	if err != nil || len(bill.Packages) < 3 || len(bill.Relationships) != len(bill.Packages) {
		t.Errorf("the bill of materials names %d packages: %v", len(bill.Packages), err)
	}
}

// unpack writes what a container of the image would see.
func unpack(t *testing.T, image v1.Image) string {
	t.Helper()
	root := t.TempDir()
	stream := mutate.Extract(image)
	defer stream.Close()
	for r := tar.NewReader(stream); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, filepath.FromSlash(filepath.Clean("/"+h.Name)))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else {
			var data []byte
			if data, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(path, data, os.FileMode(h.Mode))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
