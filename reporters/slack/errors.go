package slack

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// An Error says why a digest was not sent, or perhaps not, in Slack's word and
// in plain ones, and on a second line what to do.
type Error struct {
	Reason    string // Slack's own word, such as channel_not_found; "" if it did not answer with one
	what      string
	hint      string
	temporary bool
	odd       bool          // it is perhaps not Slack who answered
	unsure    bool          // it may have been done nevertheless
	wait      time.Duration // that Slack asks for
	ended     error         // the context's, if that ended it: context.Canceled or context.DeadlineExceeded
}

func (e *Error) Error() string {
	s, hint := "post to slack: "+e.what, e.hint
	if e.unsure {
		s += "; the message may have been posted"
		hint = "look into the channel before trying again"
	}
	if e.wait > 0 {
		s += "; to be tried again after " + e.wait.String()
	}
	if hint != "" {
		s += "\n" + hint
	}
	return s
}

// Temporary tells whether trying again can help and can't post twice.
func (e *Error) Temporary() bool { return e.temporary }

// Unwrap returns the error of the context, if that ended the attempt.
func (e *Error) Unwrap() error { return e.ended }

// refused tells that Slack surely did not do it, and would not if asked again.
func (e *Error) refused() bool { return !e.temporary && !e.unsure && e.ended == nil }

func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := &Error{what: err.Error()}
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			e.ended = ended
		}
	}
	return e
}

// unreadable is an answer 200 that is not Slack's: a proxy's, a login page.
func unreadable(body []byte) *Error {
	return &Error{
		odd:  true,
		what: "the answer does not say whether the message was posted" + quoted(body),
		hint: "look into the channel, and check the address and the proxy: it is perhaps not Slack who answers",
	}
}

// quoted shows the beginning of an answer that is no web page.
func quoted(body []byte) string {
	s := strings.TrimSpace(string(body[:min(len(body), 200)]))
	if s == "" || strings.HasPrefix(s, "<") {
		return ""
	}
	return ": " + strconv.Quote(audit.Clean(s))
}

var word = regexp.MustCompile(`^[a-z][a-z_]{2,60}$`)

// refusal is Slack's word for why it did not take the message. Details are what
// Slack adds to it.
func refusal(reason string, details ...string) *Error {
	reason = audit.Clean(reason[:min(len(reason), 60)])
	plain, hint := explain(reason)
	e := &Error{Reason: reason, what: reason, hint: hint}
	for _, s := range append([]string{plain}, details...) {
		if s != "" {
			e.what += ": " + audit.Clean(s[:min(len(s), 300)])
		}
	}
	switch reason {
	case "ratelimited", "rate_limited":
		e.temporary = true
	case "internal_error", "fatal_error", "rollup_error":
		e.unsure = true // Slack's documentation says that some of it may have succeeded
	}
	return e
}

// explain says in plain words what a word of Slack's means, and what to do.
func explain(reason string) (plain, hint string) {
	switch reason {
	case "channel_not_found":
		return "no such channel, or the bot is not in it", "invite the bot to the channel (/invite @segproof), or check the channel's ID"
	case "not_in_channel":
		return "the bot is not in the channel", "invite it: /invite @segproof"
	case "is_archived", "channel_is_archived":
		return "the channel is archived", "bring it back, or choose another"
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired":
		return "the token is not valid", "check that the file holds the bot token (xoxb-…) of an app that is installed"
	case "not_allowed_token_type":
		return "this kind of token can't post", "use the bot token (xoxb-…) of the app"
	case "missing_scope":
		return "the token lacks a right", "give the app the scope chat:write, and install it again"
	case "restricted_action", "action_prohibited", "posting_to_general_channel_denied", "ekm_access_denied":
		return "the workspace forbids to post there", "choose another channel, or ask an administrator of the workspace"
	case "no_service", "no_active_hooks", "no_team", "invalid_token", "team_disabled":
		return "there is no such webhook any more", "make a new one, and write its address into the file"
	case "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "no_text", "invalid_payload", "invalid_arguments":
		return "Slack does not take the message as it is written", "this is a mistake of segproof: please report it with what a dry run writes"
	case "ratelimited", "rate_limited":
		return "too many messages", ""
	case "internal_error", "fatal_error", "rollup_error":
		return "Slack broke down", ""
	}
	return "", ""
}
