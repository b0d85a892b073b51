package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segproof/segproof/audit/cluster"
)

// A reader follows the README from top to bottom: every command of it, in one
// folder. Commands of others stand aside: what they would write is a recording.
type reader struct {
	t     *testing.T
	dir   string
	relay string // where Hubble is, once it was forwarded
	ran   int
}

func TestEveryCommandOfTheREADMERuns(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, dir: t.TempDir()}
	source, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", serveObjects(t, "enforced", ""))
	t.Chdir(r.dir)
	yamls := blocks(string(data), "yaml")
	if len(yamls) != 1 || !strings.HasPrefix(yamls[0], "# segproof.yaml\n") {
		t.Fatalf("expected one example of a configuration, found %d", len(yamls))
	}
	r.write("segproof.yaml", yamls[0])
	for _, block := range blocks(string(data), "sh") {
		for line := range strings.Lines(block) {
			r.do(source, strings.TrimSpace(line))
		}
	}
	if r.ran < 12 {
		t.Errorf("only %d commands were run", r.ran)
	}
}

// blocks are the fenced parts of a Markdown text in one language.
func blocks(text, language string) []string {
	var out []string
	for {
		_, rest, ok := strings.Cut(text, "```"+language+"\n")
		if !ok {
			return out
		}
		block, after, _ := strings.Cut(rest, "```")
		out, text = append(out, block), after
	}
}

func (r *reader) do(source, line string) {
	r.t.Helper()
	words := strings.Fields(line)
	switch {
	case line == "go test ./...": // this
	case line == "go install ./cmd/segproof":
		build := exec.Command("go", "build", "-o", filepath.Join(r.dir, "segproof"), ".")
		build.Dir = source
		if out, err := build.CombinedOutput(); err != nil {
			r.t.Errorf("%s: %v\n%s", line, err, out)
		}
	case strings.HasPrefix(line, "go run ./cmd/segproof "):
		r.segproof(line, "", words[3:])
	case strings.HasPrefix(line, "kubectl -n kube-system port-forward service/hubble-relay 4245:80"):
		r.relay = serveFlows(r.t, "enforced")
	case strings.HasPrefix(line, "kubectl get ") && strings.HasSuffix(line, " -A -o yaml --show-managed-fields > objects.yaml"):
		r.resources(words[2])
		r.write("objects.yaml", string(recorded(r.t, "enforced", "objects.yaml")))
	case strings.HasPrefix(line, "hubble observe --server localhost:4245 ") && strings.HasSuffix(line, " -o jsonpb > flows.jsonl"):
		r.write("flows.jsonl", string(recorded(r.t, "enforced", "flows.jsonl")))
	case words[0] == "cat" && words[2] == "|" && words[3] == "segproof":
		r.segproof(line, words[1], words[4:])
	case words[0] == "segproof" && (words[1] == "watch" || words[1] == "collect"):
		r.daemon(line, words[1:])
	case words[0] == "segproof":
		r.segproof(line, "", words[1:])
	default:
		r.t.Errorf("no way to run: %s", line)
	}
	r.ran++
}

// resources checks that a dump holds the kinds that are read.
func (r *reader) resources(list string) {
	for name := range strings.SplitSeq(list, ",") {
		if !slices.ContainsFunc(cluster.Kinds(), func(k cluster.Kind) bool { return k.Resource == name }) {
			r.t.Errorf("the dump asks for %s, which is not read", name)
		}
	}
}

// segproof runs a command. Hubble is where it was forwarded to, and five
// minutes of listening are a moment here.
func (r *reader) segproof(line, stdin string, args []string) {
	r.t.Helper()
	for i, a := range args {
		switch {
		case a == "localhost:4245":
			args[i] = r.relay
		case a == "5m" && args[i-1] == "--for":
			args[i] = "500ms"
		}
	}
	var in []byte
	if stdin != "" {
		in, _ = os.ReadFile(stdin)
	}
	var out, errs bytes.Buffer
	code := run(context.Background(), args, streams{bytes.NewReader(in), &out, &errs})
	if code != 0 && code != exitFound || out.Len() == 0 {
		r.t.Errorf("%s: exit %d\n%s", line, code, errs.String())
	}
}

// daemon runs a daemon for a moment.
func (r *reader) daemon(line string, args []string) {
	r.t.Helper()
	for i, a := range args {
		switch a {
		case "localhost:4245":
			args[i] = r.relay
		case "localhost:8080", "localhost:8081":
			args[i] = "localhost:0"
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	var errs safeBuffer
	if code := run(ctx, args, streams{strings.NewReader(""), io.Discard, &errs}); code != 0 || !strings.Contains(errs.String(), args[0]+"ing") || !strings.Contains(errs.String(), "ended") {
		r.t.Errorf("%s: exit %d\n%s", line, code, errs.String())
	}
}

func (r *reader) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}
