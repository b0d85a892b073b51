package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// nobody is the user of the image, as in distroless.
const nobody = 65532

const repository = "segproof/segproof"

// roots are the certificates that Go's own bundle trusts without a condition: a
// file of certificates can't state one.
func roots() []byte {
	var out bytes.Buffer
	for r := range bundle.Roots() {
		if r.Constraint == nil {
			_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate}) // a buffer takes all
		}
	}
	return out.Bytes()
}

// one is the image of a platform: the binary, certificates, a user, and a folder
// that this user may write. There is no shell and no system.
func (b *builder) one(ctx context.Context, p platform) (v1.Image, error) {
	binary, err := b.binary(ctx, p)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	made, err := bill(binary, "segproof_"+b.version+"_"+p.String())
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, files := range [][]file{
		{
			{name: "etc/", mode: 0o755}, {name: "etc/ssl/", mode: 0o755}, {name: "etc/ssl/certs/", mode: 0o755},
			{name: "etc/ssl/certs/ca-certificates.crt", data: roots(), mode: 0o644},
			{name: "etc/passwd", data: fmt.Appendf(nil, "nonroot:x:%d:%d::/:/sbin/nologin\n", nobody, nobody), mode: 0o644},
			{name: "etc/group", data: fmt.Appendf(nil, "nonroot:x:%d:\n", nobody), mode: 0o644},
			{name: "tmp/", mode: 0o1777},
			{name: "var/", mode: 0o755}, {name: "var/lib/", mode: 0o755}, {name: "var/lib/segproof/", mode: 0o750, uid: nobody},
		},
		{
			{name: "usr/", mode: 0o755}, {name: "usr/share/", mode: 0o755}, {name: "usr/share/segproof/", mode: 0o755},
			{name: "usr/share/segproof/sbom.spdx.json", data: made, mode: 0o644},
			{name: "segproof", data: data, mode: 0o755},
		},
	} {
		layer, err := layerOf(files)
		if err != nil {
			return nil, err
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			return nil, err
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = p.os, p.arch, v1.Time{Time: epoch}
	config.Config = v1.Config{
		Entrypoint: []string{"/segproof"}, User: fmt.Sprintf("%d:%d", nobody, nobody), WorkingDir: "/var/lib/segproof",
		Labels: map[string]string{
			"org.opencontainers.image.title": "segproof", "org.opencontainers.image.version": b.version, "org.opencontainers.image.licenses": "Apache-2.0",
			"org.opencontainers.image.source": "https://github.com/segproof/segproof",
		},
	}
	return mutate.ConfigFile(image, config)
}

func layerOf(files []file) (v1.Layer, error) {
	var buf bytes.Buffer
	if err := tarred(&buf, files); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
}

// image writes the image of both architectures as an OCI layout, and pushes it
// if asked to.
func (b *builder) image(ctx context.Context, dir, push string) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range b.platforms {
		if p.os != "linux" {
			continue
		}
		image, err := b.one(ctx, p)
		if err != nil {
			return fmt.Errorf("image for %s: %w", p, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: p.os, Architecture: p.arch}},
		})
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if !slices.ContainsFunc(b.platforms, func(p platform) bool { return p.os == "linux" }) {
		return nil
	}
	if _, err := layout.Write(dir, index); err != nil {
		return fmt.Errorf("write the image: %w", err)
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	fmt.Printf("image %s\n", digest)
	if push == "" {
		return nil
	}
	to, err := name.NewTag(push + ":" + b.version)
	if err != nil {
		return err
	}
	return remote.WriteIndex(to, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
}

// imageTar writes the image of one platform as docker load and k3d take it.
func (b *builder) imageTar(ctx context.Context, p platform, path string) error {
	image, err := b.one(ctx, p)
	if err != nil {
		return err
	}
	tag, err := name.NewTag(repository + ":" + b.version)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(path, tag, image)
}
