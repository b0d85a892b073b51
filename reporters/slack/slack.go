// Package slack tells Slack channels of a report. Each channel has one digest,
// edited in place with each run: how much was found and by whom it is to be
// mended, the worst findings, and a count of the rest, so that what is shown and
// what is counted add up to what was found. It always says what was not seen. In
// the digest's thread each owner is told what is new and what is resolved, and
// the complete list is attached. A critical finding has a message of its own,
// which is edited once it is resolved.
//
// By a bot token (scope chat:write) this goes to any channel that the bot is in;
// files:write attaches the list, and channels:history (groups:history in private
// channels) finds messages again whose answer or memory was lost. By an incoming
// webhook a digest goes to the channel that Slack tied the webhook to, anew with
// each run. That is the reduced mode: no edits, threads, files, routes or buttons,
// Slack's reasons are terser, and a webhook that leaks lets anybody post.
//
// # Design
//
// Every message is made by a pure function and always fits into what Slack takes,
// whatever names a cluster holds; nothing in a name comes alive as a mention, a
// link or markup.
//
// Which messages stand in a channel, and what they told, is kept in a memory.
// Without one, or if it is lost, our messages are known again by their metadata.
// If that can't be read either, the digest is posted anew.
//
// Posting is not idempotent. It is tried again only if Slack surely did not take
// the message. Where an answer never came the message is looked up in the channel
// first; if it can't be, that is an error which says so. [Error.Temporary] means
// the same. Channels are told at the same time, each at most one message a second:
// one that Slack slows down slows down no other.
//
// The tokens and the webhook's address are in no error and no dry run.
package slack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/segproof/segproof/audit"
)

// Options say where messages go and what they show.
type Options struct {
	Token         Secret         // of a bot; either this
	WebhookURL    Secret         // or this
	AppToken      Secret         // of Socket Mode; for a [Listener] only
	Channel       string         // ID, or #name of a public channel, which can't be looked into; only with Token
	Routes        []Route        // where findings go instead; the first that takes one has it
	DigestChannel string         // gets a digest of everything too; "" for none
	MinSeverity   audit.Severity // findings below it are counted, not shown; "" shows all
	Quiet         bool           // send nothing unless something shown is new, or something is gone
	QuietHours    QuietHours
	PerHour       int           // new messages an hour to one channel; 0 means 20
	Buttons       bool          // that a [Listener] answers
	Memory        audit.Memory  // nil: what was told is looked up in the channel
	DryRun        io.Writer     // gets what would be sent, and nothing is sent: needs no secret
	APIURL        string        // "" for Slack's own
	HTTPClient    *http.Client  // nil for one of our own, which heeds the proxy variables
	Timeout       time.Duration // of one attempt; 0 means 15 s
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

// A Reporter tells channels of reports. It is safe for concurrent use.
type Reporter struct {
	o     settings
	api   *api                                 // nil for a webhook; alone knows the token: printing a Reporter shows none
	hook  func(context.Context, payload) error // nil for a token
	pacer *pacer

	mu      sync.Mutex // one report at a time
	notesMu sync.Mutex
	kept    map[string]*notes // by key: notes that are stored nowhere else
	lastMu  sync.Mutex
	last    *audit.Report // that was told of, for those who press buttons
}

// settings are the options that are no secret and no line.
type settings struct {
	channel, digestChannel string
	routes                 []Route
	least                  audit.Severity
	quiet                  bool
	hours                  QuietHours
	perHour                int
	buttons                bool
	memory                 audit.Memory
	dryRun                 io.Writer
}

// New checks the options. It sends nothing.
func New(o Options) (*Reporter, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("slack: %w", err)
	}
	r := &Reporter{pacer: newPacer(), kept: map[string]*notes{}, o: settings{
		channel: o.Channel, digestChannel: o.DigestChannel, routes: o.Routes, least: o.MinSeverity, quiet: o.Quiet,
		hours: o.QuietHours, perHour: cmp.Or(o.PerHour, 20), buttons: o.Buttons, memory: o.Memory, dryRun: o.DryRun,
	}}
	switch {
	case o.WebhookURL != "":
		r.hook = byWebhook(o)
	case o.Token != "":
		r.api = newAPI(o)
	}
	return r, nil
}

func (o *Options) check() error {
	if err := o.checkSecrets(); err != nil {
		return err
	}
	if o.MinSeverity != "" && o.MinSeverity.Rank() < 0 {
		return fmt.Errorf("no such severity: %q, expected info, low, medium, high or critical", o.MinSeverity)
	}
	if o.PerHour < 0 {
		return fmt.Errorf("%d messages an hour, expected at least 1", o.PerHour)
	}
	for _, r := range o.Routes {
		if err := r.check(); err != nil {
			return err
		}
	}
	return nil
}

func (o *Options) checkSecrets() error {
	switch {
	case o.Token != "" && o.WebhookURL != "":
		return errors.New("both a token and a webhook are given, expected one of them")
	case o.WebhookURL != "" && o.Channel != "":
		return errors.New("a channel is given with a webhook, expected none\nthe webhook decides the channel; to choose it use a bot token")
	case o.WebhookURL != "" && (len(o.Routes) > 0 || o.DigestChannel != "" || o.Buttons):
		return errors.New("routes, a digest's channel or buttons are given with a webhook, expected none\na webhook has one channel and no buttons; use a bot token")
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

// Report tells every channel, or writes what it would tell if this is a dry run.
// An error holds an [Error] for each channel that was not told, but for those of
// the memory and of the dry run's writer.
func (r *Reporter) Report(ctx context.Context, report *audit.Report) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.o.dryRun != nil:
		return r.write(report)
	case r.hook != nil:
		d := newDigest(report, r.o.least)
		if r.o.quiet && !d.news() {
			return nil
		}
		return patiently(ctx, func() error { return r.hook(ctx, d.payload("")) })
	}
	r.remember(report)
	parts := r.parts(report)
	errs := make([]error, len(parts))
	var group sync.WaitGroup
	for i, p := range parts {
		group.Go(func() { errs[i] = r.room(p).tell(ctx) })
	}
	group.Wait()
	if len(parts) > 1 {
		for i, err := range errs {
			if err != nil {
				errs[i] = fmt.Errorf("channel %s: %w", plain(parts[i].channel, 40), err)
			}
		}
	}
	return errors.Join(errs...)
}

// remember keeps the report for those who press buttons.
func (r *Reporter) remember(report *audit.Report) {
	r.lastMu.Lock()
	defer r.lastMu.Unlock()
	r.last = report
}

// finding is one of the last report; nil if it has none such.
func (r *Reporter) finding(fingerprint string) (*audit.Report, *audit.Finding) {
	r.lastMu.Lock()
	defer r.lastMu.Unlock()
	if r.last == nil {
		return nil, nil
	}
	for i := range r.last.Findings {
		if f := &r.last.Findings[i]; f.Fingerprint == fingerprint && f.Kind == audit.Fails {
			return r.last, f
		}
	}
	return r.last, nil
}
