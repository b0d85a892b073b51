// Rigbuild builds the real servers ahead of the tests that need them, and prints
// where they are: go -C test run ./rig/rigbuild [TOOL ...]
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/segproof/segproof/test/rig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	paths, err := rig.Build(ctx, os.Stderr, os.Args[1:]...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, p := range paths {
		fmt.Println(p)
	}
}
