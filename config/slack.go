package config

import (
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Slack says where the digest goes: by bot token to a channel, or by an
// incoming webhook to the channel that the webhook belongs to.
type Slack struct {
	Channel       string
	TokenFile     string
	WebhookFile   string
	AppTokenFile  string // of Socket Mode, for buttons
	MinSeverity   string
	Quiet         bool
	Routes        []Route
	QuietHours    QuietHours
	PerHour       int
	DigestChannel string   // "" for Channel
	AllowedUsers  []string // who may press buttons, by user ID
}

// Enabled tells whether anything is to be sent.
func (s Slack) Enabled() bool { return s.TokenFile != "" || s.WebhookFile != "" }

// A Route sends the findings that meet all of its conditions to a channel. An
// empty condition is met by everything.
type Route struct {
	Owner          string
	NamespaceLabel Label
	Namespace      string // a glob, such as payments-*
	MinSeverity    string // "" for all that Slack is told of
	Channel        string
	Line           int
}

// Label is one label of a namespace.
type Label struct {
	Key, Value string
}

// QuietHours are when only the worst is sent, as times of day such as 22:00.
// From may be later than To: the night between.
type QuietHours struct {
	From, To, TimeZone string
}

// Enabled tells whether there are quiet hours at all.
func (q QuietHours) Enabled() bool { return q.From != "" }

func (d *decoder) slack(s *Slack) func(string, *yaml.Node) {
	return d.section(fields{
		"channel":      d.text(&s.Channel),
		"tokenFile":    d.secretFile(&s.TokenFile),
		"webhookFile":  d.secretFile(&s.WebhookFile),
		"appTokenFile": d.secretFile(&s.AppTokenFile),
		"minSeverity":  d.oneOf(&s.MinSeverity, severities()...),
		"quiet":        d.boolean(&s.Quiet),
		"routes": each(d, &s.Routes, func(r *Route, line int) fields {
			r.Line = line
			return fields{
				"owner":          d.text(&r.Owner),
				"namespaceLabel": d.section(fields{"key": d.text(&r.NamespaceLabel.Key), "value": d.text(&r.NamespaceLabel.Value)}),
				"namespace":      d.glob(&r.Namespace),
				"minSeverity":    d.oneOf(&r.MinSeverity, severities()...),
				"channel":        d.text(&r.Channel),
			}
		}),
		"quietHours": d.section(fields{
			"from":     d.timeOfDay(&s.QuietHours.From),
			"to":       d.timeOfDay(&s.QuietHours.To),
			"timeZone": d.timeZone(&s.QuietHours.TimeZone),
		}),
		"perHour":       d.whole(&s.PerHour, 1, 1000),
		"digestChannel": d.text(&s.DigestChannel),
		"allowedUsers":  d.list(&s.AllowedUsers),
	})
}

func severities() []string { return []string{"info", "low", "medium", "high", "critical"} }

// checkSlack finds keys of Slack that do not go together.
func (d *decoder) checkSlack(s *Slack) {
	switch {
	case s.TokenFile != "" && s.WebhookFile != "":
		d.errorf(max(d.lines["slack.tokenFile"], d.lines["slack.webhookFile"]), "slack: both tokenFile and webhookFile are set, expected one of them")
	case s.TokenFile != "" && s.Channel == "":
		d.errorf(d.lines["slack.tokenFile"], "slack: tokenFile is set but channel is not, expected a channel ID such as C0123456789\n"+
			"write a name that begins with # in quotes, or YAML takes it for a comment: channel: \"#security\"")
	case s.WebhookFile != "" && s.Channel != "":
		d.errorf(d.lines["slack.channel"], "slack: channel is set with webhookFile, expected none: the webhook decides the channel")
	case s.Channel != "" && !s.Enabled():
		d.errorf(d.lines["slack.channel"], "slack: channel is set but nothing would be sent, expected tokenFile too")
	}
	if s.TokenFile == "" {
		for _, key := range []string{"appTokenFile", "digestChannel", "routes"} {
			if line := d.lines["slack."+key]; line > 0 && s.needsToken(key) {
				d.errorf(line, "slack: %s is set but tokenFile is not: a webhook has one channel and no buttons", key)
			}
		}
	}
	for i, r := range s.Routes {
		at := "slack.routes[" + strconv.Itoa(i) + "]"
		switch {
		case r.Channel == "":
			d.errorf(r.Line, "%s: channel is missing, expected where to send to", at)
		case r.NamespaceLabel.Key == "" && r.NamespaceLabel.Value != "":
			d.errorf(r.Line, "%s: namespaceLabel has a value but no key", at)
		}
	}
	if (s.QuietHours.From == "") != (s.QuietHours.To == "") {
		d.errorf(max(d.lines["slack.quietHours.from"], d.lines["slack.quietHours.to"]), "slack.quietHours: only one of from and to is set, expected both or neither")
	}
}

func (s *Slack) needsToken(key string) bool {
	switch key {
	case "appTokenFile":
		return s.AppTokenFile != ""
	case "digestChannel":
		return s.DigestChannel != ""
	}
	return len(s.Routes) > 0
}
