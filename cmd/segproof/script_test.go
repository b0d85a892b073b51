package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"segproof": func() {
			os.Exit(run(context.Background(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
		},
	})
}

// The scripts are the manual of the commands, executed.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"recording": unpack,
			"exits":     exits,
		},
		RequireExplicitExec: true,
	})
}

// unpack puts a recording into the working folder: recording NAME writes
// objects.yaml and flows.jsonl.
func unpack(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: recording NAME")
	}
	for _, file := range []string{"objects.yaml", "flows.jsonl"} {
		data, err := recording(args[0], file)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(file), data, 0o644))
	}
}

// exits runs a command and demands its exit code: exits CODE segproof ….
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND …")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		code = err.Error()
	}
	if code != args[0] && code != "exit status "+args[0] {
		ts.Fatalf("%s, expected exit status %s", code, args[0])
	}
}
