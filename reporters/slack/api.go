package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/slack-go/slack"
)

// An api calls Slack's methods by the library. Every error is an [Error].
type api struct{ client *slack.Client }

func newAPI(o Options) *api {
	url := strings.TrimSuffix(o.APIURL, "/") + "/"
	if o.APIURL == "" {
		url = slack.APIURL
	}
	return &api{slack.New(string(o.Token), slack.OptionAppLevelToken(string(o.AppToken)),
		slack.OptionAPIURL(url), slack.OptionHTTPClient(apiLine{newLine(o), url}))}
}

// An apiLine is the library's HTTP client. It answers itself with what the
// library would pass over: to the library {} is a success, and a message that
// was posted is an error if it can't read Slack's copy of it. So of an answer it
// hands on only what we read.
type apiLine struct {
	line
	url string
}

// An answer is what we read of Slack's, whatever the method.
type answer struct {
	OK       *bool           `json:"ok"`
	Error    string          `json:"error,omitempty"`
	Needed   string          `json:"needed,omitempty"`
	Channel  json.RawMessage `json:"channel,omitempty"` // an ID, or an object
	TS       string          `json:"ts,omitempty"`
	URL      string          `json:"url,omitempty"`
	Upload   string          `json:"upload_url,omitempty"`
	FileID   string          `json:"file_id,omitempty"`
	Files    []file          `json:"files,omitempty"`
	Messages []posted        `json:"messages,omitempty"`
	HasMore  bool            `json:"has_more,omitempty"`
	Team     string          `json:"team,omitempty"`
	User     string          `json:"user,omitempty"`
	Metadata struct {
		Messages []string `json:"messages,omitempty"`
		Cursor   string   `json:"next_cursor,omitempty"`
	} `json:"response_metadata"`
}

type file struct {
	ID    string `json:"id"`
	Name  string `json:"name,omitempty"`
	Title string `json:"title,omitempty"`
}

// A posted message, as far as it is looked at.
type posted struct {
	TS       string               `json:"ts"`
	Metadata *slack.SlackMetadata `json:"metadata,omitempty"`
	Files    []file               `json:"files,omitempty"`
}

func (l apiLine) Do(req *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(req.URL.String(), l.url) {
		return l.upload(req)
	}
	body, header, err := l.send(req)
	if err != nil {
		return nil, err
	}
	var a answer
	switch err := json.Unmarshal(body, &a); {
	case err != nil || a.OK == nil || !*a.OK && a.Error == "":
		return nil, unreadable(body)
	case !*a.OK:
		return nil, refusal(a.Error, append(a.Metadata.Messages, a.Needed)...)
	}
	if body, err = json.Marshal(a); err != nil {
		return nil, unreadable(body)
	}
	resp := reply(body)
	resp.Header.Set(scopesHeader, header.Get(scopesHeader))
	return resp, nil
}

const scopesHeader = "X-Oauth-Scopes" // what the token may do

// upload sends a file to where Slack wants it, which answers in words. A large
// file takes longer than a call.
func (l apiLine) upload(req *http.Request) (*http.Response, error) {
	c := *l.http
	c.Timeout = max(c.Timeout, uploadTimeout)
	if _, _, err := (line{&c, l.scrub}).send(req); err != nil {
		return nil, again(func() error { return err })() // nobody sees it yet
	}
	return reply(nil), nil
}

const uploadTimeout = 3 * time.Minute

func reply(body []byte) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}
}

func (p *payload) options() []slack.MsgOption {
	o := []slack.MsgOption{
		slack.MsgOptionText(p.Text, false), slack.MsgOptionBlocks(p.Blocks...), slack.MsgOptionParse(false),
		slack.MsgOptionLinkNames(false), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
	if p.ThreadTS != "" {
		o = append(o, slack.MsgOptionTS(p.ThreadTS))
	}
	if p.Metadata != nil {
		o = append(o, slack.MsgOptionMetadata(*p.Metadata))
	}
	return o
}

// post posts once, and returns the channel's ID and the message's.
func (a *api) post(ctx context.Context, p payload) (channel, ts string, err error) {
	return a.client.PostMessageContext(ctx, p.Channel, p.options()...)
}

// update edits; the same again changes nothing.
func (a *api) update(ctx context.Context, ts string, p payload) error {
	return patiently(ctx, again(func() error {
		_, _, _, err := a.client.UpdateMessageContext(ctx, p.Channel, ts, p.options()...)
		return err
	}))
}

const (
	pageSize = 100
	maxPages = 10
)

// history hands over the messages of a channel, or of a thread in it, the latest
// pages only, until see returns false. Without a time it begins anywhere.
func (a *api) history(ctx context.Context, channel, thread string, since time.Time, see func(posted) bool) error {
	cursor := ""
	for range maxPages {
		var page []slack.Message
		var next string
		err := patiently(ctx, again(func() (err error) {
			page, next, err = a.page(ctx, channel, thread, since, cursor)
			return err
		}))
		if err != nil {
			return err
		}
		for i := range page {
			m := posted{TS: page[i].Timestamp, Metadata: &page[i].Metadata}
			for _, f := range page[i].Files {
				m.Files = append(m.Files, file{ID: f.ID, Name: f.Name})
			}
			if !see(m) {
				return nil
			}
		}
		if cursor = next; cursor == "" {
			return nil
		}
	}
	return nil
}

func (a *api) page(ctx context.Context, channel, thread string, since time.Time, cursor string) ([]slack.Message, string, error) {
	oldest := ""
	if !since.IsZero() {
		oldest = timestamp(since)
	}
	if thread == "" {
		h, err := a.client.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
			ChannelID: channel, Cursor: cursor, Oldest: oldest, Limit: pageSize, IncludeAllMetadata: true,
		})
		if err != nil {
			return nil, "", err
		}
		return h.Messages, h.ResponseMetaData.NextCursor, nil
	}
	page, _, next, err := a.client.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
		ChannelID: channel, Timestamp: thread, Cursor: cursor, Oldest: oldest, Limit: pageSize, IncludeAllMetadata: true,
	})
	return page, next, err
}

// attach uploads a file into a thread. Until the last of the three steps nobody
// sees it, so that all three can be done again.
func (a *api) attach(ctx context.Context, f upload) (id string, err error) {
	err = patiently(ctx, func() error {
		s, err := a.client.UploadFileContext(ctx, slack.UploadFileParameters{
			Content: f.content, FileSize: len(f.content), Filename: f.name, Title: f.title, Channel: f.channel, ThreadTimestamp: f.thread,
		})
		if err == nil {
			id = s.ID
		}
		return err
	})
	return id, err
}

// An upload is a file for a thread.
type upload struct{ channel, thread, name, title, content string }

func (a *api) deleteFile(ctx context.Context, id string) error {
	return patiently(ctx, again(func() error { return a.client.DeleteFileContext(ctx, id) }))
}
