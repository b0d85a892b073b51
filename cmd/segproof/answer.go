package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/explain"
)

// explainOne explains the port that is asked about, or those that were seen.
func explainOne(s streams, x *explain.Explainer, f *explainFlags, q *explain.Query, t *audit.Traffic) error {
	ports := []explain.Port{{Protocol: q.Protocol, Port: f.port}}
	if f.anyPort {
		var err error
		if ports, err = x.Ports(q.From, q.To, t); err != nil {
			return &exitError{exitFailed, err}
		}
		if len(ports) == 0 {
			return usage("no connection between these ends was observed, so it is not known which port is meant\nadd --port, and --protocol if it is not TCP")
		}
	}
	for i, p := range ports {
		one := *q
		one.Protocol, one.Port = p.Protocol, &p.Port
		a, err := x.Account(&one, t)
		if err != nil {
			return &exitError{exitFailed, err}
		}
		if f.output == "json" {
			err = writeJSON(s.out, a)
		} else {
			if i > 0 {
				fmt.Fprintln(s.out)
			}
			err = a.Text(s.out)
		}
		if err != nil {
			return &exitError{exitFailed, fmt.Errorf("write the answer: %w", err)}
		}
	}
	return nil
}

func answerQueries(ctx context.Context, s streams, x *explain.Explainer, path string) error {
	in, name := s.in, "standard input"
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return &exitError{exitFailed, fmt.Errorf("read queries: %w", err)}
		}
		defer file.Close()
		in, name = file, path
	}
	asked, err := x.Answers(ctx, in, s.out, name)
	switch {
	case err != nil:
		return &exitError{exitFailed, err}
	case asked.Failed > 0:
		return &exitError{exitFailed, fmt.Errorf("%d of %d queries could not be answered\nthe first: %s", asked.Failed, asked.Queries, asked.First)}
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
