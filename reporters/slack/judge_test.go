package slack

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/segproof/segproof/audit"
)

type textObject struct{ Type, Text string }

type anyBlock struct {
	Type      string
	BlockID   string `json:"block_id"`
	Accessory *struct {
		Type    string
		Options []struct {
			Text  textObject
			Value string
		}
	}
	Text     *textObject
	Fields   []textObject
	Elements []textObject
}

// judge says in Slack's word why it would refuse a message; "" if it would not.
// It refuses, too, what Slack would take and nobody wants.
func judge(message string) (reason string, details []string) {
	var m struct {
		Text, Parse string
		Blocks      json.RawMessage
		Metadata    json.RawMessage
		LinkNames   *bool `json:"link_names"`
		UnfurlLinks *bool `json:"unfurl_links"`
		UnfurlMedia *bool `json:"unfurl_media"`
	}
	var blocks []anyBlock
	if err := json.Unmarshal([]byte(message), &m); err != nil {
		return "invalid_payload", []string{err.Error()}
	}
	if err := json.Unmarshal(m.Blocks, &blocks); err != nil {
		return "invalid_blocks_format", []string{err.Error()}
	}
	off := func(b *bool) bool { return b != nil && !*b }
	switch {
	case m.Parse != "none" || !off(m.LinkNames) || !off(m.UnfurlLinks) || !off(m.UnfurlMedia):
		return "names_or_links_would_come_alive", nil
	case m.Text == "" || len(blocks) == 0:
		return "no_text", nil
	case utf8.RuneCountInString(m.Text) > 4000:
		return "msg_too_long", nil
	case len(blocks) > 50:
		return "invalid_blocks", []string{"more than 50"}
	case len(m.Blocks) > 13_200:
		return "msg_blocks_too_long", nil
	case len(m.Metadata) > 8_000:
		return "metadata_too_large", nil
	}
	if bad := alive(m.Text); bad != "" {
		return bad, []string{m.Text}
	}
	ids := map[string]bool{}
	for i, b := range blocks {
		bad := refuse(b)
		if b.BlockID != "" && (ids[b.BlockID] || len(b.BlockID) > 255) {
			bad = "block_id"
		}
		ids[b.BlockID] = true
		if bad != "" {
			return "invalid_blocks", []string{fmt.Sprintf("%s [json-pointer:/blocks/%d]", bad, i)}
		}
	}
	return "", nil
}

func refuse(b anyBlock) string {
	var limit int
	var texts []textObject
	switch {
	case b.Type == "header" && b.Text != nil && b.Text.Type == "plain_text":
		limit, texts = 150, []textObject{*b.Text}
	case b.Type == "section" && b.Text != nil && b.Text.Type == "mrkdwn" && len(b.Fields) == 0:
		limit, texts = 3000, []textObject{*b.Text}
	case b.Type == "context" && len(b.Elements) > 0 && len(b.Elements) <= 10:
		limit, texts = 3000, b.Elements
	default:
		return "unsupported block " + b.Type
	}
	if a := b.Accessory; a != nil {
		if a.Type != "overflow" || len(a.Options) == 0 || len(a.Options) > 5 {
			return "accessory"
		}
		for _, o := range a.Options {
			if o.Text.Type != "plain_text" || len(o.Text.Text) > 75 || o.Value == "" || len(o.Value) > 75 {
				return "option"
			}
		}
	}
	for _, t := range texts {
		if n := utf8.RuneCountInString(t.Text); n == 0 || n > limit {
			return fmt.Sprintf("must be from 1 to %d characters, are %d", limit, n)
		}
		if bad := alive(t.Text); bad != "" {
			return bad
		}
	}
	return ""
}

var (
	entity  = regexp.MustCompile(`&(amp|lt|gt);`)
	user    = regexp.MustCompile(`<@U[A-Z0-9]+>`) // who accepted a finding
	mention = regexp.MustCompile(`(?i)@(channel|here|everyone)`)
)

// alive finds what Slack would make something of. A digest has no markup but
// bold and code, so that every angle bracket is one that should be escaped.
func alive(text string) string {
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.ContainsAny(entity.ReplaceAllString(user.ReplaceAllString(line, ""), ""), "&<>"):
			return "unescaped: " + line
		case mention.MatchString(line):
			return "mention: " + line
		case audit.Clean(line) != line:
			return "hidden characters: " + line
		case strings.Count(line, "`")%2 != 0:
			return "a code span is open: " + line
		}
	}
	return ""
}
