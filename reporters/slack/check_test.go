package slack

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// checked is a checkup as text.
func checked(t *testing.T, slack *fake, change func(*Options)) string {
	t.Helper()
	o := ways(serve(t, slack))["token"]
	o.AppToken = appToken
	o.Routes = []Route{{Owner: "a", Channel: "C1"}, {Owner: "b", Channel: "C1"}}
	change(&o)
	var out []string
	for _, c := range Checkup(t.Context(), o) {
		s := c.What
		switch {
		case c.Missing != "" && c.Optional:
			s += " (optional): " + c.Missing + "; " + c.Do
		case c.Missing != "":
			s += ": " + c.Missing + "; " + c.Do
		}
		out = append(out, s)
	}
	if calls, _ := slack.seen(); calls > 0 {
		t.Errorf("%d messages were posted", calls)
	}
	text := strings.Join(out, "\n")
	leaks(t, "the checkup", strings.NewReplacer("xoxb-…", "", "xapp-…", "").Replace(text))
	return text
}

func TestACheckupSaysWhatIsMissing(t *testing.T) {
	same := func(*Options) {}
	both := []string{channel, "C1"}
	for name, c := range map[string]struct {
		slack  *fake
		change func(*Options)
		want   string
	}{
		"nothing": {&fake{scopes: everything, channels: both}, same,
			"token of segproof in workspace Acme\nscope chat:write\nscope files:write\nscope channels:history\nscope channels:read\n" +
				"channel C0123456789 (#security)\nchannel C1 (#security)\napp-level token"},
		"scopes": {&fake{channels: both}, same,
			"token of segproof in workspace Acme\nscope chat:write\n" +
				"scope files:write (optional): the token lacks it: without it the complete list is not attached; give the app the scope files:write, and install it again\n" +
				"scope channels:history (optional): the token lacks it: without it a message whose answer or memory was lost is not found again, and is posted twice; " +
				"give the app the scope channels:history (private channels: groups:history), and install it again\n" +
				"scope channels:read (optional): the token lacks it: without it channels can't be checked here; give the app the scope channels:read (private channels: groups:read), and install it again\n" +
				"channel C0123456789 (optional): it can't be looked at: missing_scope: the token lacks a right: channels:read; give the app the scope channels:read (private channels: groups:read), and install it again\n" +
				"channel C1 (optional): it can't be looked at: missing_scope: the token lacks a right: channels:read; give the app the scope channels:read (private channels: groups:read), and install it again\n" +
				"app-level token"},
		"token": {&fake{}, func(o *Options) { o.Token = "xoxb-another" },
			"token: invalid_auth: the token is not valid; check that the file holds the bot token (xoxb-…) of an app that is installed"},
		"channel and app token": {&fake{scopes: everything}, func(o *Options) { o.AppToken = "xapp-another" },
			"token of segproof in workspace Acme\nscope chat:write\nscope files:write\nscope channels:history\nscope channels:read\nchannel C0123456789 (#security)\n" +
				"channel C1: channel_not_found: no such channel, or the bot is not in it; invite the bot to the channel (/invite @segproof), or check the channel's ID\n" +
				"app-level token: invalid_auth: the token is not valid; turn Socket Mode on, and make an app-level token (xapp-…) with the scope connections:write"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := checked(t, c.slack, c.change); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestAChannelThatTheBotIsNotInOrThatIsArchivedIsMissing(t *testing.T) {
	for field, want := range map[string]string{
		`"is_member":false`:                   "channel C0123456789 (#x): not_in_channel: the bot is not in the channel; invite it: /invite @segproof",
		`"is_member":true,"is_archived":true`: "channel C0123456789 (#x): is_archived: the channel is archived; bring it back, or choose another",
	} {
		slack := &fake{scopes: everything}
		slack.instead = map[string][]http.HandlerFunc{"conversations.info": {says(200, fmt.Sprintf(`{"ok":true,"channel":{"name":"x",%s}}`, field))}}
		got := checked(t, slack, func(o *Options) { o.Routes, o.AppToken = nil, "" })
		if !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s", field, got)
		}
	}
}
