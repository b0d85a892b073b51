package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/slack-go/slack"
)

const (
	attempts = 4
	maxWait  = 5 * time.Minute // in sum, between attempts; a CronJob is not to hang on
)

// send posts, and posts again as long as Slack surely did not take the message.
// How long Slack asks to wait is obeyed; if that is too long, the error says so.
func (r *Reporter) send(ctx context.Context, p payload) error {
	var waited time.Duration
	for n := 1; ; n++ {
		err := r.post(ctx, p)
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
		select {
		case <-ctx.Done():
			e.what += "; gave up: " + ctx.Err().Error()
			e.ended, e.temporary = ctx.Err(), false
			return e
		case <-time.After(pause):
		}
	}
}

// byToken posts to chat.postMessage.
func byToken(o Options) func(context.Context, payload) error {
	api := strings.TrimSuffix(o.APIURL, "/") + "/"
	if o.APIURL == "" {
		api = slack.APIURL
	}
	client := slack.New(string(o.Token), slack.OptionAPIURL(api), slack.OptionHTTPClient(apiLine{newLine(o)}))
	return func(ctx context.Context, p payload) error {
		_, _, err := client.PostMessageContext(ctx, p.Channel,
			slack.MsgOptionText(p.Text, false), slack.MsgOptionBlocks(p.Blocks...), slack.MsgOptionParse(false),
			slack.MsgOptionLinkNames(false), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
		return err // from the line, untouched
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
		answer, err := line.send(req)
		if err == nil && strings.TrimSpace(string(answer)) != "ok" {
			return unreadable(answer)
		}
		return err
	}
}
