package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

// A book keeps exceptions.
type book struct {
	mu  sync.Mutex
	all []audit.Exception
	err error
}

func (b *book) Accept(_ context.Context, e audit.Exception) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.all = append(b.all, e)
	}
	return b.err
}

// A booth is a Listener, Slack's end of it, and a message with a menu.
type booth struct {
	*testing.T
	slack  *fake
	socket *socket
	book   *book
	log    *lockedLog
	own    *fakeMessage
	print  string
}

type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func newBooth(t *testing.T) *booth {
	b := &booth{T: t, slack: &fake{scopes: everything}, book: &book{}, log: &lockedLog{}}
	server := httptest.NewServer(b.slack)
	t.Cleanup(server.Close)
	o := Options{Token: token, AppToken: appToken, Channel: channel, APIURL: server.URL + "/api/", Buttons: true, PerHour: 1}
	reporter, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	f := one("c", audit.Critical, "shop")
	f.Evidence = []audit.Evidence{{What: "forwarded at ingress", Connections: 3, Nodes: []string{"node-a"}}}
	b.print = f.Fingerprint
	r := holding(f)
	reporter.remember(r)
	p, _ := reporter.room(reporter.parts(r)[0]).criticalPayload(&r.Findings[0], isOpen)
	body, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	b.own = b.slack.add(channel, "", string(body))
	b.slack.heard, b.slack.sockets = make(chan string, 100), make(chan *socket, 1)
	l, err := NewListener(ListenerOptions{
		Options: o, AllowedUsers: []string{"U1"}, Accepter: b.book, Reporter: reporter, Log: slog.New(slog.NewTextHandler(b.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	b.socket = <-b.slack.sockets
	<-b.slack.heard // apps.connections.open
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
		leaks(t, "the log", b.log.b.String())
	})
	return b
}

func (b *booth) press(user, what string) string {
	b.Helper()
	var message map[string]any
	if err := json.Unmarshal([]byte(b.own.body), &message); err != nil {
		b.Fatal(err)
	}
	message["ts"] = b.own.ts
	ack := b.socket.send(b.T, "E-"+what, map[string]any{
		"type": "block_actions", "trigger_id": "T1", "user": map[string]any{"id": user}, "channel": map[string]any{"id": channel}, "message": message,
		"actions": []any{map[string]any{"type": "overflow", "action_id": menuAction, "block_id": blockPrefix + b.print, "selected_option": map[string]any{"value": what + " " + b.print}}},
	})
	if ack != "" {
		b.Errorf("acknowledged with %s", ack)
	}
	return b.heard()
}

func (b *booth) heard() string {
	b.Helper()
	select {
	case s := <-b.slack.heard:
		return s
	case <-time.After(20 * time.Second):
		b.Fatal("no call came")
		return ""
	}
}

func (b *booth) submit(user, view, reason, day string) string {
	about, _ := json.Marshal(question{channel, b.own.ts, b.print})
	return b.socket.send(b.T, "E-"+view, map[string]any{
		"type": "view_submission", "user": map[string]any{"id": user},
		"view": map[string]any{"id": view, "callback_id": modalName, "private_metadata": string(about), "state": map[string]any{"values": map[string]any{
			reasonField: map[string]any{reasonField: map[string]any{"type": "plain_text_input", "value": reason}},
			untilField:  map[string]any{untilField: map[string]any{"type": "datepicker", "selected_date": day}},
		}}},
	})
}

func TestAFindingIsAcceptedWithAReasonAndAnEndAndAReplayDoesNothing(t *testing.T) {
	b := newBooth(t)
	if got := b.press("U1", doAccept); got != "views.open " {
		t.Fatalf("called %q", got)
	}
	day := time.Now().UTC().AddDate(0, 1, 0)
	for range 2 {
		if ack := b.submit("U1", "V1", "  planned <!here>\nuntil the move ", day.Format(time.DateOnly)); ack != "" {
			t.Errorf("acknowledged with %s", ack)
		}
	}
	if got := b.heard(); !strings.HasPrefix(got, "chat.update ") {
		t.Errorf("called %q", got)
	}
	want := []audit.Exception{{
		Fingerprint: b.print, Reason: "planned <!here> until the move", Expires: day.Truncate(24*time.Hour).AddDate(0, 0, 1), From: "Slack user U1 (V1)",
	}}
	if d := cmp.Diff(want, b.book.all); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	b.slack.mu.Lock()
	body, edits := compact(b.own.body), b.own.edits
	b.slack.mu.Unlock()
	said := `*Accepted* by \u003c@U1\u003e until the end of ` + day.Format(time.DateOnly) + `: planned \u0026lt;!here\u0026gt; until the move`
	if !strings.Contains(body, said) || strings.Contains(body, menuAction) || edits != 1 {
		t.Errorf("after %d edits the message is %s", edits, body)
	}
}

func TestWhoIsNotAllowedGetsAWordAndNothingElse(t *testing.T) {
	b := newBooth(t)
	for _, what := range []string{doAccept, doExplain} {
		if got := b.press("U2", what); !strings.HasPrefix(got, "chat.postEphemeral You are not among those who may") {
			t.Errorf("called %q", got)
		}
	}
	if ack := b.submit("U2", "V1", "because", "2999-01-01"); !strings.Contains(ack, "not among those") {
		t.Errorf("acknowledged with %s", ack)
	}
	if len(b.book.all) > 0 {
		t.Error(b.book.all)
	}
}

func TestAnAnswerThatCantBeRightIsAskedAgain(t *testing.T) {
	b := newBooth(t)
	for _, c := range []struct{ reason, day, want string }{
		{" \n", "2999-01-01", `{"response_action":"errors","errors":{"reason":"Say in a few words why."}}`},
		{"because", "2020-01-01", `{"response_action":"errors","errors":{"until":"Choose a day that is not over."}}`},
		{"because", "soon", `{"response_action":"errors","errors":{"until":"Choose a day that is not over."}}`},
	} {
		if got := b.submit("U1", "V1", c.reason, c.day); got != c.want {
			t.Errorf("acknowledged with %s, want %s", got, c.want)
		}
	}
	b.book.err = errors.New("disk full")
	if got := b.submit("U1", "V1", "because", "2999-01-01"); !strings.Contains(got, "could not be kept") {
		t.Errorf("acknowledged with %s", got)
	}
	b.book.err = nil
	if got := b.submit("U1", "V1", "because", "2999-01-01"); got != "" || len(b.book.all) != 1 {
		t.Errorf("acknowledged with %s, kept %v", got, b.book.all)
	}
}

func TestExplainSaysWhatAFindingRestsOnToTheOneWhoAsked(t *testing.T) {
	b := newBooth(t)
	got := b.press("U1", doExplain)
	for _, want := range []string{"chat.postEphemeral ", "c is reached", "• forwarded at ingress: 3 connections on node-a"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s", want, got)
		}
	}
}

func TestAnExplanationFitsWhateverItHolds(t *testing.T) {
	for _, s := range []string{"x", "<", "`", "😀", "<!channel>"} {
		r := many(1, s, 5_000)
		r.Rules = []audit.RuleInfo{{ID: "SEG401", Why: strings.Repeat(s, 2_000), Blind: strings.Repeat(s, 2_000)}}
		f := &r.Findings[0]
		for range 9 {
			f.Evidence = append(f.Evidence, audit.Evidence{What: strings.Repeat(s, 2_000), Nodes: []string{s, s, s}})
		}
		text := explanation(r, f)
		if bad := alive(text); bad != "" || len([]rune(text)) > 3_000 {
			t.Errorf("%d characters, %s", len([]rune(text)), bad)
		}
	}
}
