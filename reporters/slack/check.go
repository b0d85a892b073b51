package slack

import (
	"context"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/segproof/segproof/audit"
)

// A Check is one thing that was looked at, and what is missing there.
type Check struct {
	What     string
	Missing  string // "" if it is as it should be
	Do       string // what to do about it
	Optional bool   // without it less is done, and the rest goes on
}

// A scope is what the app should be allowed to do, by one of its names, and what
// it can't without; "" for anything at all.
type scope struct {
	names   []string
	without string
}

func scopes() []scope {
	return []scope{
		{[]string{"chat:write"}, ""},
		{[]string{"files:write"}, "the complete list is not attached"},
		{[]string{"channels:history", "groups:history"}, "a message whose answer or memory was lost is not found again, and is posted twice"},
		{[]string{"channels:read", "groups:read"}, "channels can't be checked here"},
	}
}

// Checkup looks at the token, its scopes, the channels and the app-level token,
// and says of each what is missing. It posts nothing.
func Checkup(ctx context.Context, o Options) []Check {
	a := newAPI(o)
	auth, err := a.client.AuthTestContext(ctx)
	if err != nil {
		return []Check{missing("token", err)}
	}
	out := []Check{{What: "token of " + audit.Clean(auth.User) + " in workspace " + audit.Clean(auth.Team)}}
	out = append(out, checkScopes(auth.Header.Get(scopesHeader))...)
	for _, c := range o.channels() {
		out = append(out, a.checkChannel(ctx, c))
	}
	if o.AppToken != "" {
		check := Check{What: "app-level token"}
		if _, _, err := a.client.StartSocketModeContext(ctx); err != nil {
			check = missing(check.What, err)
			check.Do = "turn Socket Mode on, and make an app-level token (xapp-…) with the scope connections:write"
		}
		out = append(out, check)
	}
	return out
}

// missing is what an error of Slack's says is missing.
func missing(what string, err error) Check {
	line, hint, _ := strings.Cut(strings.TrimPrefix(asError(err).Error(), "post to slack: "), "\n")
	return Check{What: what, Missing: line, Do: hint}
}

// checkScopes compares with the list that Slack sends with every answer. One that
// does not send it says nothing, and neither do we.
func checkScopes(given string) (out []Check) {
	if given == "" {
		return []Check{{What: "scopes", Missing: "Slack does not say which the token has", Optional: true, Do: "look at OAuth & Permissions in the settings of the app"}}
	}
	has := strings.FieldsFunc(given, func(r rune) bool { return r == ',' || r == ' ' })
	for _, s := range scopes() {
		c := Check{What: "scope " + s.names[0]}
		i := slices.IndexFunc(s.names, func(n string) bool { return slices.Contains(has, n) })
		if i >= 0 {
			c.What = "scope " + s.names[i]
		} else {
			c.Missing, c.Optional, c.Do = "the token lacks it", s.without != "", "give the app the scope "+strings.Join(s.names, " (private channels: ")+closing(s.names)+", and install it again"
		}
		if c.Optional {
			c.Missing += ": without it " + s.without
		}
		out = append(out, c)
	}
	return out
}

func closing(names []string) string { return strings.Repeat(")", len(names)-1) }

// channels are all that are told, each once.
func (o *Options) channels() []string {
	all := []string{o.Channel}
	for _, r := range o.Routes {
		all = append(all, r.Channel)
	}
	var out []string
	for _, c := range append(all, o.DigestChannel) {
		if c != "" && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

func (a *api) checkChannel(ctx context.Context, channel string) Check {
	what := "channel " + audit.Clean(channel)
	if strings.HasPrefix(channel, "#") {
		return Check{What: what, Missing: "it is known by its name only: nothing that was lost is found again in it", Optional: true, Do: "use its ID, which is at the end of the channel's details"}
	}
	info, err := a.client.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: channel})
	if err != nil {
		c := missing(what, err)
		if asError(err).Reason == "missing_scope" {
			c.Optional, c.Missing, c.Do = true, "it can't be looked at: "+c.Missing, "give the app the scope channels:read (private channels: groups:read), and install it again"
		}
		return c
	}
	switch what += " (#" + audit.Clean(info.Name) + ")"; {
	case info.IsArchived:
		return missing(what, refusal("is_archived"))
	case !info.IsMember:
		return missing(what, refusal("not_in_channel"))
	}
	return Check{What: what}
}
