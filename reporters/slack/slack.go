// Package slack tells a Slack channel of a report: one digest for each run, and
// never more. It says how much was found and by whom it is to be mended, shows
// the worst findings, and counts the rest, so that what is shown and what is
// counted add up to what was found. It always says what was not seen.
//
// By a bot token (scope chat:write) the digest goes to any channel that the bot
// is in. By an incoming webhook it goes to the channel that Slack tied the
// webhook to. That is the reduced mode: the channel can't be chosen, Slack's
// reasons are terser, and a webhook that leaks lets anybody post.
//
// # Design
//
// The digest is made by a pure function and always fits into what Slack takes,
// whatever names a cluster holds; nothing in a name comes alive as a mention, a
// link or markup.
//
// Posting is not idempotent. It is tried again only if Slack surely did not
// take the message; an answer that never came may be a message that was posted,
// so it is an error which says so. [Error.Temporary] means the same.
//
// The token and the webhook's address are in no error and no dry run.
package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/slack-go/slack"

	"github.com/segproof/segproof/audit"
)

// Options say where a digest goes and what it shows.
type Options struct {
	Token       Secret         // of a bot; either this
	WebhookURL  Secret         // or this
	Channel     string         // ID, or #name of a public channel; only with Token
	MinSeverity audit.Severity // findings below it are counted, not shown; "" shows all
	Quiet       bool           // send nothing unless something shown is new, or something is gone
	DryRun      io.Writer      // gets what would be sent, and nothing is sent: needs no secret
	APIURL      string         // "" for Slack's own
	HTTPClient  *http.Client   // nil for one of our own, which heeds the proxy variables
	Timeout     time.Duration  // of one attempt; 0 means 15 s
}

// Secret is text that shows itself in no output.
type Secret string

const hidden = "[secret]"

// Format writes no part of the secret, for any verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue keeps the secret out of logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText keeps the secret out of JSON and the like.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// A Reporter sends digests. It is safe for concurrent use.
type Reporter struct {
	channel string
	least   audit.Severity
	quiet   bool
	dryRun  io.Writer
	post    func(context.Context, payload) error // alone knows the secret: printing a Reporter shows none
}

// New checks the options. It sends nothing.
func New(o Options) (*Reporter, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("slack: %w", err)
	}
	r := &Reporter{channel: o.Channel, least: o.MinSeverity, quiet: o.Quiet, dryRun: o.DryRun}
	if o.Token != "" {
		r.post = byToken(o)
	} else {
		r.post = byWebhook(o)
	}
	return r, nil
}

func (o *Options) check() error {
	switch {
	case o.MinSeverity != "" && o.MinSeverity.Rank() < 0:
		return fmt.Errorf("no such severity: %q, expected info, low, medium, high or critical", o.MinSeverity)
	case o.Token != "" && o.WebhookURL != "":
		return errors.New("both a token and a webhook are given, expected one of them")
	case o.WebhookURL != "" && o.Channel != "":
		return errors.New("a channel is given with a webhook, expected none\nthe webhook decides the channel; to choose it use a bot token")
	case o.Token == "" && o.WebhookURL == "" && o.DryRun == nil:
		return errors.New("neither a token nor a webhook is given\nset tokenFile or webhookFile, or ask for a dry run")
	case strings.ContainsFunc(string(o.Token), notInSecret):
		return errors.New("the token holds white space or control characters\nthe file must hold the token and nothing else")
	case o.Token != "" && o.Channel == "":
		return errors.New("no channel is given, expected an ID such as C0123456789")
	}
	u, err := url.Parse(string(o.WebhookURL)) // its error shows the address
	if o.WebhookURL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		return errors.New("the webhook is no address\nthe file must hold https://hooks.slack.com/services/… and nothing else")
	}
	return nil
}

func notInSecret(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// Report sends one digest, or writes it if this is a dry run. An error is an
// [Error], but for one of the dry run's writer.
func (r *Reporter) Report(ctx context.Context, report *audit.Report) error {
	d := newDigest(report, r.least)
	if r.quiet && !d.news() {
		return nil
	}
	text, blocks := d.message()
	p := payload{Channel: r.channel, Text: text, Blocks: blocks, Parse: "none"}
	if r.dryRun == nil {
		return r.send(ctx, p)
	}
	e := json.NewEncoder(r.dryRun)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(p); err != nil {
		return fmt.Errorf("write slack message: %w", err)
	}
	return nil
}

// A payload is what is sent: as JSON to a webhook, as a form with the same
// fields and the token to chat.postMessage. Slack is told to make nothing of
// what looks like a name or a link.
type payload struct {
	Channel     string        `json:"channel,omitempty"`
	Text        string        `json:"text"`
	Blocks      []slack.Block `json:"blocks"`
	Parse       string        `json:"parse"`
	LinkNames   bool          `json:"link_names"`
	UnfurlLinks bool          `json:"unfurl_links"`
	UnfurlMedia bool          `json:"unfurl_media"`
}
