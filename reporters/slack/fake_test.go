package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/segproof/segproof/audit"
)

const (
	token   = "xoxb-0000-not-a-real-token"
	channel = "C0123456789"
	hook    = "http://hooks.test/services/T0000/B0000/not-a-real-webhook"
	api     = "http://slack.test/api/"
)

// A fake is Slack as far as a digest goes. It refuses what Slack refuses.
type fake struct {
	mu     sync.Mutex
	before []http.HandlerFunc // answers instead, to the first requests
	calls  int
	posted []string // the fields of each message taken, as JSON
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.calls++
	var instead http.HandlerFunc
	if f.calls <= len(f.before) {
		instead = f.before[f.calls-1]
	}
	f.mu.Unlock()
	switch {
	case instead != nil:
		instead(w, r)
	case r.URL.Path == "/api/chat.postMessage":
		f.postMessage(w, r)
	case r.URL.Path == "/services/T0000/B0000/not-a-real-webhook":
		f.webhook(w, r)
	case strings.HasPrefix(r.URL.Path, "/services/"):
		http.Error(w, "no_service", http.StatusNotFound)
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) postMessage(w http.ResponseWriter, r *http.Request) {
	fields := map[string]json.RawMessage{}
	for _, name := range []string{"channel", "text", "parse"} {
		fields[name], _ = json.Marshal(r.PostFormValue(name))
	}
	for _, name := range []string{"blocks", "link_names", "unfurl_links", "unfurl_media"} {
		fields[name] = json.RawMessage(r.PostFormValue(name))
	}
	var reason string
	var details []string
	body, err := json.Marshal(fields)
	switch {
	case r.PostFormValue("token") == "":
		reason = "not_authed"
	case r.PostFormValue("token") != token:
		reason = "invalid_auth"
	case r.PostFormValue("channel") != channel:
		reason = "channel_not_found"
	case err != nil:
		reason = "invalid_blocks_format"
	default:
		reason, details = judge(string(body))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if reason != "" {
		answer(w, map[string]any{"ok": false, "error": reason, "response_metadata": map[string]any{"messages": details}})
		return
	}
	f.take(string(body))
	answer(w, map[string]any{"ok": true, "channel": channel, "ts": "1700000000.000100", "message": map[string]any{"blocks": fields["blocks"]}})
}

func (f *fake) webhook(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if reason, _ := judge(string(body)); reason != "" || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, reason, http.StatusBadRequest)
		return
	}
	f.take(string(body))
	fmt.Fprint(w, "ok")
}

func (f *fake) take(message string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.posted = append(f.posted, message)
}

// seen tells how many calls came, and how many messages were taken.
func (f *fake) seen() (calls, posted int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls, len(f.posted)
}

func answer(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

type textObject struct{ Type, Text string }

type anyBlock struct {
	Type     string
	Text     *textObject
	Fields   []textObject
	Elements []textObject
}

// judge says in Slack's word why it would refuse a message; "" if it would not.
// It refuses, too, what Slack would take and nobody wants.
func judge(message string) (reason string, details []string) {
	var m struct {
		Text, Parse string
		Blocks      json.RawMessage
		LinkNames   *bool `json:"link_names"`
		UnfurlLinks *bool `json:"unfurl_links"`
		UnfurlMedia *bool `json:"unfurl_media"`
	}
	var blocks []anyBlock
	if err := json.Unmarshal([]byte(message), &m); err != nil {
		return "invalid_payload", []string{err.Error()}
	}
	if err := json.Unmarshal(m.Blocks, &blocks); err != nil {
		return "invalid_blocks_format", []string{err.Error()}
	}
	off := func(b *bool) bool { return b != nil && !*b }
	switch {
	case m.Parse != "none" || !off(m.LinkNames) || !off(m.UnfurlLinks) || !off(m.UnfurlMedia):
		return "names_or_links_would_come_alive", nil
	case m.Text == "" || len(blocks) == 0:
		return "no_text", nil
	case utf8.RuneCountInString(m.Text) > 4000:
		return "msg_too_long", nil
	case len(blocks) > 50:
		return "invalid_blocks", []string{"more than 50"}
	case len(m.Blocks) > 13_200:
		return "msg_blocks_too_long", nil
	}
	if bad := alive(m.Text); bad != "" {
		return bad, []string{m.Text}
	}
	for i, b := range blocks {
		if bad := refuse(b); bad != "" {
			return "invalid_blocks", []string{fmt.Sprintf("%s [json-pointer:/blocks/%d]", bad, i)}
		}
	}
	return "", nil
}

func refuse(b anyBlock) string {
	var limit int
	var texts []textObject
	switch {
	case b.Type == "header" && b.Text != nil && b.Text.Type == "plain_text":
		limit, texts = 150, []textObject{*b.Text}
	case b.Type == "section" && b.Text != nil && b.Text.Type == "mrkdwn" && len(b.Fields) == 0:
		limit, texts = 3000, []textObject{*b.Text}
	case b.Type == "context" && len(b.Elements) > 0 && len(b.Elements) <= 10:
		limit, texts = 3000, b.Elements
	default:
		return "unsupported block " + b.Type
	}
	for _, t := range texts {
		if n := utf8.RuneCountInString(t.Text); n == 0 || n > limit {
			return fmt.Sprintf("must be from 1 to %d characters, are %d", limit, n)
		}
		if bad := alive(t.Text); bad != "" {
			return bad
		}
	}
	return ""
}

var (
	entity  = regexp.MustCompile(`&(amp|lt|gt);`)
	mention = regexp.MustCompile(`(?i)@(channel|here|everyone)`)
)

// alive finds what Slack would make something of. A digest has no markup but
// bold and code, so that every angle bracket is one that should be escaped.
func alive(text string) string {
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.ContainsAny(entity.ReplaceAllString(line, ""), "&<>"):
			return "unescaped: " + line
		case mention.MatchString(line):
			return "mention: " + line
		case audit.Clean(line) != line:
			return "hidden characters: " + line
		case strings.Count(line, "`")%2 != 0:
			return "a code span is open: " + line
		}
	}
	return ""
}

// serve runs a server in memory, without a real network, so that it can also
// run in a bubble of synctest. Every name leads to it.
func serve(t *testing.T, h http.Handler) *http.Client {
	l := listener{conns: make(chan net.Conn)}
	l.ctx, l.end = context.WithCancel(context.Background())
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		select {
		case l.conns <- theirs:
			return ours, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	server.Start()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	})
	return &http.Client{Transport: transport}
}

type listener struct {
	conns chan net.Conn
	ctx   context.Context
	end   context.CancelFunc
}

func (l listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (l listener) Close() error {
	l.end()
	return nil
}

func (l listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
