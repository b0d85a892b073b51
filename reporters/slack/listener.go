package slack

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/segproof/segproof/audit"
)

// An Accepter keeps an exception. The same From again changes nothing.
type Accepter interface {
	Accept(context.Context, audit.Exception) error
}

// ListenerOptions say to whom a Listener listens. Of the options the tokens and
// the line to Slack are used.
type ListenerOptions struct {
	Options
	AllowedUsers []string // by ID; nobody else may press anything
	Accepter     Accepter
	Reporter     *Reporter // whose messages have the buttons
	Log          *slog.Logger
}

// A Listener answers those who press buttons, through Socket Mode: Slack is
// dialled, and nothing needs to be reached from outside.
type Listener struct {
	api     *api
	scrub   func(string) string
	allowed []string
	accept  Accepter
	from    *Reporter
	log     *slog.Logger

	mu      sync.Mutex
	pressed []press         // whose question is open, the latest last
	done    map[string]bool // views that were answered
}

// A press is a message on which somebody pressed Accept.
type press struct {
	channel, ts string
	message     slack.Message
}

const maxPressed = 200

// NewListener checks the options. It dials nothing.
func NewListener(o ListenerOptions) (*Listener, error) {
	switch {
	case o.Token == "" || o.AppToken == "":
		return nil, errors.New("slack: buttons need a bot token and an app-level token\nset tokenFile and appTokenFile")
	case strings.ContainsFunc(string(o.AppToken), notInSecret):
		return nil, errors.New("slack: the app-level token holds white space or control characters\nthe file must hold the token and nothing else")
	}
	return &Listener{
		api: newAPI(o.Options), scrub: o.scrub, allowed: o.AllowedUsers, accept: o.Accepter, from: o.Reporter, log: o.Log, done: map[string]bool{},
	}, nil
}

// Run listens until ctx ends. A connection that breaks is dialled again, with
// longer and longer waits.
func (l *Listener) Run(ctx context.Context) error {
	for {
		err := l.listen(ctx)
		if ctx.Err() != nil {
			return nil
		}
		l.log.Warn("slack buttons are not heard", "err", l.safe(err))
		if sleep(ctx, time.Minute) != nil {
			return nil
		}
	}
}

func (l *Listener) listen(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	socket := socketmode.New(l.api.client, socketmode.OptionReadLimit(maxAnswer), socketmode.OptionLog(log.New(io.Discard, "", 0)))
	ended := make(chan error, 1)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() { ended <- socket.RunContext(ctx) })
	for {
		select {
		case err := <-ended:
			return err
		case e := <-socket.Events:
			l.event(ctx, socket, e)
		}
	}
}

func (l *Listener) event(ctx context.Context, socket *socketmode.Client, e socketmode.Event) {
	switch e.Type {
	case socketmode.EventTypeConnected:
		l.log.Debug("slack buttons are heard")
	case socketmode.EventTypeConnectionError:
		if f, ok := e.Data.(*slack.ConnectionErrorEvent); ok {
			l.log.Warn("slack buttons are not heard", "err", l.safe(f.ErrorObj))
		}
	case socketmode.EventTypeInteractive:
		c, ok := e.Data.(slack.InteractionCallback)
		if !ok || e.Request == nil {
			return
		}
		// Slack waits three seconds for an answer.
		answering, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		var answer any
		after := func() {}
		switch c.Type {
		case slack.InteractionTypeViewSubmission:
			if a, then := l.submitted(answering, &c); then != nil {
				after = then
			} else {
				answer = a
			}
		case slack.InteractionTypeBlockActions:
			after = func() { l.press(answering, &c) }
		}
		if err := socket.AckCtx(answering, e.Request.EnvelopeID, answer); err != nil {
			l.log.Warn("a press of a slack button is not acknowledged", "err", l.safe(err))
		}
		after()
	}
}

// press answers who pressed a button in a message.
func (l *Listener) press(ctx context.Context, c *slack.InteractionCallback) {
	for _, a := range c.ActionCallback.BlockActions {
		if a == nil || a.ActionID != menuAction {
			continue
		}
		do, print, _ := strings.Cut(a.SelectedOption.Value, " ")
		var err error
		switch {
		case !fingerprint.MatchString(print):
			continue
		case !l.may(c.User.ID):
			err = l.whisper(ctx, c, "You are not among those who may do that.\nslack.allowedUsers in the configuration has who may; your ID is "+code(c.User.ID, 30))
		case do == doExplain:
			err = l.explain(ctx, c, print)
		case do == doAccept:
			err = l.ask(ctx, c, print)
		}
		if err != nil {
			l.log.Warn("a slack button was pressed in vain", "err", l.safe(err))
		}
	}
}

func (l *Listener) may(user string) bool { return user != "" && slices.Contains(l.allowed, user) }

// whisper says something that only the one who pressed sees.
func (l *Listener) whisper(ctx context.Context, c *slack.InteractionCallback, text string) error {
	p := payload{Text: text, Blocks: []slack.Block{section(text)}}
	return patiently(ctx, again(func() error {
		_, err := l.api.client.PostEphemeralContext(ctx, c.Channel.ID, c.User.ID, p.options()...)
		return err
	}))
}

// address is a place on the net, which for Socket Mode holds a ticket.
var address = regexp.MustCompile(`wss?://\S+`)

func (l *Listener) safe(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(audit.Clean(address.ReplaceAllString(l.scrub(err.Error()), hidden)))
}
