package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A file of an archive or a layer. One whose name ends in / is a folder.
type file struct {
	name string
	data []byte
	mode int64
	uid  int
}

// epoch is the time of every file: what is built twice is equal.
var epoch = time.Unix(0, 0).UTC()

// tarred writes files in the order of their names.
func tarred(w io.Writer, files []file) error {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	t := tar.NewWriter(w)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: epoch, Uid: f.uid, Gid: f.uid, Format: tar.FormatPAX, Typeflag: tar.TypeReg}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(f.data); err != nil {
			return err
		}
	}
	return t.Close()
}

// archive writes the archive of a platform, and its bill of materials.
func (b *builder) archive(ctx context.Context, p platform, docs []file, out string) error {
	binary, err := b.binary(ctx, p)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("segproof_%s_%s", b.version, p)
	files := []file{{name: path.Join(name, filepath.Base(binary)), data: data, mode: 0o755}}
	for _, plain := range []string{"LICENSE", "README.md"} {
		text, err := os.ReadFile(filepath.Join(b.root, plain))
		if err != nil {
			return err
		}
		files = append(files, file{name: path.Join(name, plain), data: text, mode: 0o644})
	}
	for _, d := range docs {
		d.name = path.Join(name, d.name)
		files = append(files, d)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if err := tarred(z, files); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, name+".tar.gz"), packed.Bytes(), 0o644); err != nil {
		return err
	}
	bill, err := bill(binary, name)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, name+".spdx.json"), bill, 0o644)
}

// checksums writes those of all files, as sha256sum -c reads them.
func checksums(out string) error {
	entries, err := os.ReadDir(out)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, e := range entries {
		if e.IsDir() || e.Name() == "checksums.txt" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), e.Name())
	}
	return os.WriteFile(filepath.Join(out, "checksums.txt"), []byte(sums.String()), 0o644)
}
