// Release builds what is released, from the checkout and the Go toolchain alone:
// archives for each platform with completions and manual pages, their bills of
// materials and checksums, and an image for amd64 and arm64.
//
//	go -C .ci/release run . -out DIR -version 0.1.0
//	go -C .ci/release run . -image-tar FILE -version lab      for this machine only
//	go -C .ci/release run . -out DIR -version 0.1.0 -push ghcr.io/segproof/segproof
//	go -C .ci/release run . -out DIR -version ci -os linux    a rehearsal: Linux alone
//
// The same checkout gives the same bytes: nothing holds a time or a path of this
// machine. The program's own version is that of the commit, as Go stamps it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
)

// A platform is what Go calls GOOS and GOARCH.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "_" + p.arch }

// What is released. The image is of those with Linux.
func platforms() []platform {
	return []platform{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var out, imageTar, version, push, only string
	fs := flag.NewFlagSet("release", flag.ContinueOnError)
	fs.StringVar(&out, "out", "", "write everything to `DIR`")
	fs.StringVar(&imageTar, "image-tar", "", "write only the image for this machine's architecture to `FILE`, as docker load takes it")
	fs.StringVar(&version, "version", "", "the `VERSION` in names and labels")
	fs.StringVar(&push, "push", "", "push the image to `REPOSITORY` too, with the credentials of docker login")
	fs.StringVar(&only, "os", "", "build for `OS` only, one that is released for")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if version == "" || (out == "") == (imageTar == "") {
		return errors.New("give -version, and one of -out and -image-tar")
	}
	tmp, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	b := &builder{root: filepath.Join("..", ".."), dir: tmp, version: version}
	for _, p := range platforms() {
		if only == "" || p.os == only {
			b.platforms = append(b.platforms, p)
		}
	}
	if len(b.platforms) == 0 || push != "" && only != "" {
		return errors.New("-os: expected linux, darwin or windows, and nothing that is pushed")
	}
	if imageTar != "" {
		return b.imageTar(ctx, platform{"linux", runtime.GOARCH}, imageTar)
	}
	return b.release(ctx, out, push)
}
