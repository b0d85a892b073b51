package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/config"
	"github.com/segproof/segproof/reporters/slack"
)

func newSlack(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "slack",
		Short: "Look after the Slack channels that are told",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newSlackTest(s))
	return c
}

func newSlackTest(s streams) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "test",
		Short: "Check the token, its scopes and the channels, and say what is missing",
		Long: `Check the bot token, its scopes, every channel that slack in the configuration
names, and the app-level token. Nothing is posted.

It exits 0 if nothing is missing without which messages would not arrive, else 1.`,
		Example: `  segproof slack test --config segproof.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(file)
			if err != nil {
				return err
			}
			o, err := slackOptions(cfg, false)
			if err != nil {
				return err
			}
			return testSlack(c.Context(), s.out, o)
		},
	}
	c.Flags().StringVarP(&file, "config", "c", "", "`FILE` with the configuration")
	return c
}

// testSlack prints a line for each thing that was looked at.
func testSlack(ctx context.Context, out io.Writer, o slack.Options) error {
	if o.WebhookURL != "" {
		fmt.Fprintln(out, "webhook  read; Slack has no way to try it without posting\n         it has one channel, and no edits, threads, files, routes or buttons: a bot token has")
		return nil
	}
	if o.Token == "" {
		return usage("slack: neither a token nor a webhook is given\nset slack.tokenFile in the configuration")
	}
	missing := 0
	for _, c := range slack.Checkup(ctx, o) {
		word := "ok"
		switch {
		case c.Missing != "" && c.Optional:
			word = "warning"
		case c.Missing != "":
			word = "MISSING"
			missing++
		}
		line := c.What
		if c.Missing != "" {
			line += ": " + c.Missing
		}
		if c.Do != "" {
			line += "\n         " + audit.Clean(c.Do)
		}
		fmt.Fprintf(out, "%-8s %s\n", word, line)
	}
	if missing > 0 {
		return &exitError{exitFailed, fmt.Errorf("slack: %d of what is needed is missing", missing)}
	}
	return nil
}

// slackOptions are what the configuration says of Slack. A dry run needs no
// secrets, and reads none.
func slackOptions(cfg *config.Config, dryRun bool) (slack.Options, error) {
	c := &cfg.Slack
	o := slack.Options{
		Channel: c.Channel, DigestChannel: c.DigestChannel, MinSeverity: audit.Severity(c.MinSeverity), Quiet: c.Quiet,
		PerHour: c.PerHour, Buttons: c.AppTokenFile != "",
	}
	for _, r := range c.Routes {
		o.Routes = append(o.Routes, slack.Route{
			Owner: r.Owner, LabelKey: r.NamespaceLabel.Key, LabelValue: r.NamespaceLabel.Value, Namespace: r.Namespace,
			MinSeverity: audit.Severity(r.MinSeverity), Channel: r.Channel,
		})
	}
	var err error
	if o.QuietHours, err = quietHours(c.QuietHours); err != nil {
		return o, usage("slack.quietHours: %w", err)
	}
	for _, secret := range []struct {
		file string
		to   *slack.Secret
	}{{c.TokenFile, &o.Token}, {c.WebhookFile, &o.WebhookURL}, {c.AppTokenFile, &o.AppToken}} {
		if secret.file == "" || dryRun {
			continue
		}
		v, err := config.ReadSecret(secret.file)
		if err != nil {
			return o, usage("slack: %w", err)
		}
		*secret.to = slack.Secret(v)
	}
	return o, nil
}

// quietHours reads times of day; the configuration has checked how they look.
func quietHours(q config.QuietHours) (out slack.QuietHours, err error) {
	if !q.Enabled() {
		return out, nil
	}
	for _, t := range []struct {
		text string
		to   *time.Duration
	}{{q.From, &out.From}, {q.To, &out.To}} {
		at, err := time.Parse("15:04", t.text)
		if err != nil {
			return out, err
		}
		*t.to = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	}
	out.Zone, err = time.LoadLocation(q.TimeZone)
	return out, err
}

// rung is told of what was accepted once it is kept.
type rung struct {
	slack.Accepter
	ring func()
}

// Accept is that of slack.Accepter.
func (r rung) Accept(ctx context.Context, e audit.Exception) error {
	if err := r.Accepter.Accept(ctx, e); err != nil {
		return err
	}
	r.ring()
	return nil
}

// wireListener builds who answers the buttons; nil if there are none.
func wireListener(cfg *config.Config, from *slack.Reporter, accepter slack.Accepter, log *slog.Logger) (*slack.Listener, error) {
	if cfg.Slack.AppTokenFile == "" {
		return nil, nil
	}
	o, err := slackOptions(cfg, false)
	if err != nil {
		return nil, err
	}
	l, err := slack.NewListener(slack.ListenerOptions{
		Options: o, AllowedUsers: cfg.Slack.AllowedUsers, Reporter: from, Log: log, Accepter: accepter,
	})
	if err != nil {
		return nil, usage("%w", err)
	}
	return l, nil
}
