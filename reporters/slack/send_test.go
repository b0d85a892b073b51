package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

// ways are the two ways to post.
func ways(client *http.Client) map[string]Options {
	return map[string]Options{
		"token":   {Token: token, Channel: channel, APIURL: apiURL, HTTPClient: client},
		"webhook": {WebhookURL: hook, HTTPClient: client},
	}
}

func report(t *testing.T, ctx context.Context, o Options) error {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r.Report(ctx, &audit.Report{Cluster: "prod"})
}

func TestSlackGetsWhatTheDryRunShows(t *testing.T) {
	for _, way := range []string{"token", "webhook"} {
		synctest.Test(t, func(t *testing.T) {
			slack := &fake{scopes: everything}
			o := ways(serve(t, slack))[way]
			o.PerHour = 1000
			r, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Report(t.Context(), canonical(t)); err != nil {
				t.Fatalf("%s: %v", way, err)
			}
			want := documents(t, dryRun(t, canonical(t), o))
			if _, posted := slack.seen(); posted != len(want) {
				t.Fatalf("%s: %d messages, the dry run has %d", way, posted, len(want))
			}
			for i, m := range slack.posted {
				m = strings.Replace(m, slack.firstTS(), "of the digest", 1)
				var got, shown any
				if err := errors.Join(json.Unmarshal([]byte(m), &got), json.Unmarshal([]byte(want[i]), &shown)); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(shown, got); diff != "" {
					t.Errorf("%s: %s", way, diff)
				}
			}
		})
	}
}

func TestADryRunSendsNothing(t *testing.T) {
	slack := &fake{}
	for _, o := range ways(serve(t, slack)) {
		dryRun(t, canonical(t), o)
	}
	if calls, _ := slack.seen(); calls != 0 {
		t.Errorf("%d calls", calls)
	}
}

func says(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

// What goes wrong, and the error that is expected.
var refusals = []struct {
	name, way string
	change    func(*Options)
	instead   http.HandlerFunc
	want      string
}{
	{"wrong token", "token", func(o *Options) { o.Token = "xoxb-another" }, nil,
		"post to slack: invalid_auth: the token is not valid\ncheck that the file holds the bot token (xoxb-…) of an app that is installed"},
	{"unknown channel", "token", func(o *Options) { o.Channel = "C999" }, nil,
		"post to slack: channel_not_found: no such channel, or the bot is not in it\ninvite the bot to the channel (/invite @segproof), or check the channel's ID"},
	{"not in channel", "token", nil, says(200, `{"ok":false,"error":"not_in_channel"}`),
		"post to slack: not_in_channel: the bot is not in the channel\ninvite it: /invite @segproof"},
	{"scope", "token", nil, says(200, `{"ok":false,"error":"missing_scope","needed":"chat:write:bot","provided":"identify"}`),
		"post to slack: missing_scope: the token lacks a right: chat:write:bot\ngive the app the scope chat:write, and install it again"},
	{"archived", "token", nil, says(200, `{"ok":false,"error":"is_archived"}`),
		"post to slack: is_archived: the channel is archived\nbring it back, or choose another"},
	{"blocks", "token", nil, says(200, `{"ok":false,"error":"invalid_blocks","errors":["x"],"response_metadata":{"messages":["[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]"]}}`),
		"post to slack: invalid_blocks: Slack does not take the message as it is written: [ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]\n" +
			"this is a mistake of segproof: please report it with what a dry run writes"},
	{"a new word", "token", nil, says(200, `{"ok":false,"error":"moon_phase\u001b[31m"}`), `post to slack: moon_phase\u001b[31m`},
	{"broke down", "token", nil, says(200, `{"ok":false,"error":"internal_error"}`),
		"post to slack: internal_error: Slack broke down; the message may have been posted\nlook into the channel before trying again"},
	{"no JSON", "token", nil, says(200, "ok"),
		`post to slack: the answer does not say whether the message was posted: "ok"` + "\nlook into the channel, and check the address and the proxy: it is perhaps not Slack who answers"},
	{"empty JSON", "token", nil, says(200, "{}"),
		`post to slack: the answer does not say whether the message was posted: "{}"` + "\nlook into the channel, and check the address and the proxy: it is perhaps not Slack who answers"},
	{"login page", "token", nil, says(200, "<html>Log in"),
		"post to slack: the answer does not say whether the message was posted\nlook into the channel, and check the address and the proxy: it is perhaps not Slack who answers"},
	{"login page", "webhook", nil, says(200, "<html>Log in"),
		"post to slack: the answer does not say whether the message was posted\nlook into the channel, and check the address and the proxy: it is perhaps not Slack who answers"},
	{"unknown webhook", "webhook", func(o *Options) { o.WebhookURL = "http://hooks.test/services/T0000/B0000/another-webhook" }, nil,
		"post to slack: no_service: there is no such webhook any more\nmake a new one, and write its address into the file"},
	{"blocks", "webhook", nil, says(400, "invalid_blocks"),
		"post to slack: invalid_blocks: Slack does not take the message as it is written\nthis is a mistake of segproof: please report it with what a dry run writes"},
	{"forbidden", "webhook", nil, says(403, "action_prohibited"),
		"post to slack: action_prohibited: the workspace forbids to post there\nchoose another channel, or ask an administrator of the workspace"},
	{"proxy", "webhook", nil, says(407, "Proxy says no\x1b[31m"), `post to slack: answer 407 Proxy Authentication Required: "Proxy says no\\u001b[31m"`},
	{"gateway", "webhook", nil, says(502, "<html>Bad Gateway"),
		"post to slack: answer 502 Bad Gateway; the message may have been posted\nlook into the channel before trying again"},
	{"server", "token", nil, says(500, ""),
		"post to slack: answer 500 Internal Server Error; the message may have been posted\nlook into the channel before trying again"},
	{"redirect", "token", nil, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	},
		"post to slack: answer 307 Temporary Redirect"},
}

func TestARefusalGivesSlacksReasonAndWhatToDo(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.way+" "+c.name, func(t *testing.T) {
			slack := &fake{}
			if c.instead != nil {
				slack.before = []http.HandlerFunc{c.instead}
			}
			o := ways(serve(t, slack))[c.way]
			if c.change != nil {
				c.change(&o)
			}
			err := report(t, t.Context(), o)
			if diff := cmp.Diff(c.want, fmt.Sprint(err)); diff != "" {
				t.Error(diff)
			}
			if e, ok := errors.AsType[*Error](err); !ok || e.Temporary() {
				t.Errorf("%T is temporary", err)
			}
			if calls, posted := slack.seen(); calls != 1 || posted != 0 {
				t.Errorf("%d calls, %d messages", calls, posted)
			}
		})
	}
}

// busy refuses with 429 or 503; after is the header Retry-After.
func busy(code int, after string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(code)
		io.WriteString(w, `{"ok":false,"error":"ratelimited"}`)
	}
}

func TestASurelyRefusedMessageIsSentAgainAfterAsLongAsSlackAsks(t *testing.T) {
	limited := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"ok":false,"error":"ratelimited"}`) }
	for name, c := range map[string]struct {
		before []http.HandlerFunc
		took   time.Duration
	}{
		"429":             {[]http.HandlerFunc{busy(429, "30")}, 30 * time.Second},
		"429 in a row":    {[]http.HandlerFunc{busy(429, "30"), busy(429, "1"), busy(429, "60")}, 92 * time.Second},
		"429 and no time": {[]http.HandlerFunc{busy(429, ""), busy(429, "soon")}, 3 * time.Second},
		"503":             {[]http.HandlerFunc{busy(503, ""), busy(503, "10")}, 11 * time.Second},
		"limited by word": {[]http.HandlerFunc{limited}, time.Second},
	} {
		for _, way := range []string{"token", "webhook"} {
			if way == "webhook" && name == "limited by word" {
				continue
			}
			t.Run(way+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					slack := &fake{before: c.before}
					began := time.Now()
					err := report(t, t.Context(), ways(serve(t, slack))[way])
					_, posted := slack.seen()
					if took := time.Since(began); err != nil || took != c.took || posted != 1 {
						t.Errorf("%s, %s: %v after %s, %d messages; expected %s", way, name, err, took, posted, c.took)
					}
				})
			})
		}
	}
}

func TestAWaitThatIsTooLongIsNotBegun(t *testing.T) {
	for name, c := range map[string]struct {
		after   string
		timeout time.Duration
		calls   int
		want    string
	}{
		"an hour":         {"3600", time.Hour * 2, 1, "post to slack: ratelimited: too many messages; to be tried again after 1h0m0s"},
		"past the end":    {"30", 20 * time.Second, 1, "post to slack: ratelimited: too many messages; to be tried again after 30s"},
		"again and again": {"30", time.Hour, 4, "post to slack: ratelimited: too many messages; to be tried again after 30s"},
		"too much in sum": {"150", time.Hour, 3, "post to slack: ratelimited: too many messages; to be tried again after 2m30s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slack := &fake{before: []http.HandlerFunc{busy(429, c.after), busy(429, c.after), busy(429, c.after), busy(429, c.after)}}
				ctx, cancel := context.WithTimeout(t.Context(), c.timeout)
				defer cancel()
				err := report(t, ctx, ways(serve(t, slack))["token"])
				e, ok := errors.AsType[*Error](err)
				calls, _ := slack.seen()
				if !ok || !e.Temporary() || err.Error() != c.want || calls != c.calls {
					t.Errorf("%s: %v after %d calls", name, err, calls)
				}
			})
		})
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slack := &fake{before: []http.HandlerFunc{busy(429, "60")}}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		began := time.Now()
		err := report(t, ctx, ways(serve(t, slack))["webhook"])
		calls, _ := slack.seen()
		if !errors.Is(err, context.Canceled) || time.Since(began) != 5*time.Second || calls != 1 {
			t.Errorf("%v after %s, %d calls", err, time.Since(began), calls)
		}
		if want := "post to slack: ratelimited: too many messages; gave up: context canceled; to be tried again after 1m0s"; err.Error() != want {
			t.Errorf("%q, expected %q", err, want)
		}
	})
}

func TestWithoutAConnectionItIsTriedAgain(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for failures, want := range map[int]string{
		2: "<nil>",
		9: "post to slack: dial tcp: connection refused\ncheck the network policies and the proxy for connections to Slack",
	} {
		t.Run(fmt.Sprint(failures), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slack, left := &fake{}, failures
				client := serve(t, slack)
				transport := client.Transport.(*http.Transport)
				dial := transport.DialContext
				transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
					if left--; left >= 0 {
						return nil, refused
					}
					return dial(ctx, network, address)
				}
				began := time.Now()
				err := report(t, t.Context(), ways(client)["token"])
				if fmt.Sprint(err) != want || time.Since(began) != map[int]time.Duration{2: 3, 9: 7}[failures]*time.Second {
					t.Errorf("%v after %s", err, time.Since(began))
				}
				if e, ok := errors.AsType[*Error](err); ok && !e.Temporary() {
					t.Error("it is not temporary")
				}
			})
		})
	}
}

// Once a request is out, no answer can mean that the message was posted.
func TestAMessageWhoseAnswerIsLostIsSentOnce(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then is the end of the connection seen
		<-r.Context().Done()
	}
	cut := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	half := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, `{"ok":`)
	}
	for name, c := range map[string]struct {
		instead http.HandlerFunc
		took    time.Duration
		what    string
	}{
		"hangs": {hang, 15 * time.Second, "no answer within 15s"},
		"cut":   {cut, 0, "EOF"},
		"half":  {half, 0, "unexpected EOF"},
	} {
		for _, way := range []string{"token", "webhook"} {
			t.Run(way+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					slack := &fake{before: []http.HandlerFunc{c.instead}}
					began := time.Now()
					err := report(t, t.Context(), ways(serve(t, slack))[way])
					took := c.took
					if way == "token" {
						took += time.Second // to look into the channel, which is not allowed here
					}
					want := "post to slack: " + c.what + "; the message may have been posted\nlook into the channel before trying again"
					e, ok := errors.AsType[*Error](err)
					calls, _ := slack.seen()
					if !ok || e.Temporary() || err.Error() != want || calls != 1 || time.Since(began) != took {
						t.Errorf("%s, %s: %v after %s, %d calls", way, name, err, time.Since(began), calls)
					}
				})
			})
		}
	}
}

func TestAnAnswerWithoutEndIsNotRead(t *testing.T) {
	var written atomic.Int64
	slack := &fake{before: []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
		for written.Load() < 64<<20 {
			n, err := io.WriteString(w, strings.Repeat("x", 1<<16))
			if err != nil {
				return
			}
			written.Add(int64(n))
		}
	}}}
	err := report(t, t.Context(), ways(serve(t, slack))["webhook"])
	if err == nil || len(err.Error()) > 500 || written.Load() > 2*maxAnswer {
		t.Errorf("%v, after %d bytes", err, written.Load())
	}
}
