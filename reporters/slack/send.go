package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/segproof/segproof/audit"
)

const (
	attempts = 4
	maxWait  = 5 * time.Minute // in sum, between attempts; a CronJob is not to hang on
)

// A payload is what is sent: as JSON to a webhook, as a form with the same
// fields and the token to chat.postMessage. Slack is told to make nothing of
// what looks like a name or a link.
type payload struct {
	Channel     string               `json:"channel,omitempty"`
	ThreadTS    string               `json:"thread_ts,omitempty"`
	Text        string               `json:"text"`
	Blocks      []slack.Block        `json:"blocks"`
	Metadata    *slack.SlackMetadata `json:"metadata,omitempty"`
	Parse       string               `json:"parse"`
	LinkNames   bool                 `json:"link_names"`
	UnfurlLinks bool                 `json:"unfurl_links"`
	UnfurlMedia bool                 `json:"unfurl_media"`
}

// patiently does it, and does it again as long as Slack surely did not. How long
// Slack asks to wait is obeyed; if that is too long, the error says so.
func patiently(ctx context.Context, do func() error) error {
	var waited time.Duration
	for n := 1; ; n++ {
		err := do()
		if err == nil {
			return nil
		}
		e := asError(err)
		pause := max(e.wait, time.Second<<(n-1))
		waited += pause
		end, bounded := ctx.Deadline()
		if !e.temporary || n == attempts || waited > maxWait || bounded && time.Until(end) < pause {
			return e
		}
		if sleep(ctx, pause) != nil {
			e.what += "; gave up: " + ctx.Err().Error()
			e.ended, e.temporary = ctx.Err(), false
			return e
		}
	}
}

// again is for what may be done twice: an answer that never came is a failure
// like any other, which trying again can help.
func again(do func() error) func() error {
	return func() error {
		err := do()
		if err == nil {
			return nil
		}
		e := *asError(err)
		e.temporary = e.temporary || e.unsure && e.ended == nil
		e.unsure = false
		return &e
	}
}

// byWebhook posts to an incoming webhook, which answers in plain text. The
// library's own PostWebhook drops Slack's reason.
func byWebhook(o Options) func(context.Context, payload) error {
	line := newLine(o)
	return func(ctx context.Context, p payload) error {
		body, err := json.Marshal(p)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, string(o.WebhookURL), bytes.NewReader(body))
		if err != nil {
			return &Error{what: "the webhook is no address"} // err shows it
		}
		req.Header.Set("Content-Type", "application/json")
		answer, _, err := line.send(req)
		if err == nil && strings.TrimSpace(string(answer)) != "ok" {
			return unreadable(answer)
		}
		return err
	}
}

// write is the dry run: what would be sent if nothing were told yet.
func (r *Reporter) write(report *audit.Report) error {
	e := json.NewEncoder(r.o.dryRun)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	for _, p := range r.parts(report) {
		for _, m := range r.room(p).all() {
			if err := e.Encode(m); err != nil {
				return fmt.Errorf("write slack message: %w", err)
			}
		}
	}
	return nil
}
