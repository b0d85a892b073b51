package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segproof/segproof/audit"
)

// A shelf is a memory that can be out of reach.
type shelf struct {
	mu     sync.Mutex
	things map[string][]byte
	err    error
}

func (s *shelf) Recall(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.things[key], s.err
}

func (s *shelf) Remember(_ context.Context, key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.things[key] = value
	}
	return s.err
}

// A desk is a fake Slack, a memory and one report after the other.
type desk struct {
	*testing.T
	slack *fake
	shelf *shelf
	o     Options
}

// inBubble runs a test in fake time, on a desk.
func inBubble(t *testing.T, test func(d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		slack := &fake{scopes: everything}
		o := ways(serve(t, slack))["token"]
		d := &desk{T: t, slack: slack, shelf: &shelf{things: map[string][]byte{}}, o: o}
		d.o.Memory = d.shelf
		test(d)
	})
}

// tell reports as after a restart: with a new reporter.
func (d *desk) tell(r *audit.Report) {
	d.Helper()
	if err := d.try(r); err != nil {
		d.Errorf("error is %v", err)
	}
}

func (d *desk) try(r *audit.Report) error {
	d.Helper()
	x, err := New(d.o)
	if err != nil {
		d.Fatal(err)
	}
	return x.Report(d.Context(), r)
}

// calls are the methods called since the last time that one asked.
func (d *desk) calls() string {
	d.slack.mu.Lock()
	defer d.slack.mu.Unlock()
	var out []string
	for _, m := range slices.Sorted(maps.Keys(d.slack.methods)) {
		out = append(out, fmt.Sprintf("%s %d", m, d.slack.methods[m]))
	}
	clear(d.slack.methods)
	return strings.Join(out, ", ")
}

// top are the messages of a channel that are in no thread.
func (d *desk) top(c string) (out []*fakeMessage) {
	for _, m := range d.slack.messages {
		if m.channel == c && m.thread == "" {
			out = append(out, m)
		}
	}
	return out
}

// thread are the texts of the replies to a message.
func (d *desk) thread(ts string) (out []string) {
	for _, m := range d.slack.messages {
		if m.thread == ts && m.file == nil {
			out = append(out, textOf(m))
		}
	}
	return out
}

func textOf(m *fakeMessage) string {
	var p struct{ Text string }
	_ = json.Unmarshal([]byte(m.body), &p)
	return p.Text
}

func (d *desk) expect(got, want any) {
	d.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		d.Errorf("got %v, want %v", got, want)
	}
}

// one is a finding; print is made into a fingerprint.
func one(print string, s audit.Severity, owner string) audit.Finding {
	return audit.Finding{
		ID: "SEG101", Rule: "enforce-deny-forwarded", Severity: s, Kind: audit.Fails, State: audit.New, Owner: owner,
		Subject: audit.Ref{Kind: "Deployment", Namespace: "shop", Name: print}, Message: print + " is reached", Fingerprint: digestOf(print) + digestOf(print+"!"),
	}
}

func holding(fs ...audit.Finding) *audit.Report {
	r := &audit.Report{Cluster: "prod", Run: audit.Run{ID: "R", Ended: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, Findings: fs}
	return r
}
