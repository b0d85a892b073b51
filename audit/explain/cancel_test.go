package explain

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestAnswersComeWhenTheInputPausesAndEndWithTheContext(t *testing.T) {
	x := explainer(t)
	in, asks := io.Pipe()
	answers, out := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error)
	go func() {
		_, err := x.Answers(ctx, in, out, "q.jsonl")
		done <- err
	}()
	if _, err := io.WriteString(asks, query(web, db, `"protocol":"TCP","port":5432`)+"\n"); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 4096)
	n, err := answers.Read(line)
	if err != nil || !strings.Contains(string(line[:n]), `"verdict":"allow"`) {
		t.Fatalf("%v: %s", err, line[:n])
	}
	cancel() // the input is still open, and nobody writes to it
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	in.Close()
}
