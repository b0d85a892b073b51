package slack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"path"
	"strings"
	"testing"
	"testing/synctest"
)

// leaks finds the parts of a secret that would give it away.
func leaks(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range []string{"not-a-real", "xoxb-", "/services/", "T0000"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows %q: %s", where, secret, text)
		}
	}
}

// Whatever goes wrong, and even if the other side sends back all it got, the
// error shows no secret.
func TestNoErrorShowsASecret(t *testing.T) {
	given := func(r *http.Request) string {
		return "http://" + r.Host + r.RequestURI + " " + r.PostFormValue("token")
	}
	echo := func(code int, wrap func(string) string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			dump, _ := httputil.DumpRequest(r, true)
			w.WriteHeader(code)
			io.WriteString(w, wrap(given(r)+" "+string(dump)))
		}
	}
	same := func(s string) string { return s }
	escaped := func(s string) string { return strings.ReplaceAll(s, "/", `\/`) }
	asReason := func(s string) string {
		b, _ := json.Marshal(map[string]any{"ok": false, "error": s, "needed": s, "response_metadata": map[string]any{"messages": []string{s}}})
		return string(b)
	}
	for name, instead := range map[string]http.HandlerFunc{
		"200":    echo(200, same),
		"400":    echo(400, same),
		"403":    echo(403, escaped),
		"500":    echo(500, same),
		"reason": echo(200, asReason),
		"tail": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(400)
			io.WriteString(w, path.Base(r.URL.Path)+"?"+r.PostFormValue("token"))
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, given(r), http.StatusPermanentRedirect)
		},
		"bad place": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", ":"+given(r))
			w.WriteHeader(302)
		},
		"hang up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"429":     busy(429, "9999"),
		"hang": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		},
		"no HTTP": func(w http.ResponseWriter, r *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				fmt.Fprintf(c, "HTTP/1.1 %s\r\n\r\n", given(r))
				c.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slack := &fake{before: []http.HandlerFunc{instead, instead}}
				for way, o := range ways(serve(t, slack)) {
					err := report(t, t.Context(), o)
					if err == nil {
						t.Errorf("%s: no error", way)
					}
					leaks(t, way, fmt.Sprintf("%v %+v %#v", err, err, err))
				}
				if calls, _ := slack.seen(); calls != 2 {
					t.Errorf("%d calls, expected one each", calls)
				}
			})
		})
	}
}

func TestAWrongConfigurationShowsNoSecret(t *testing.T) {
	for want, o := range map[string]Options{
		"slack: the token holds white space or control characters\nthe file must hold the token and nothing else":                {Token: token + "\n", Channel: channel},
		"slack: the webhook is no address\nthe file must hold https://hooks.slack.com/services/… and nothing else":               {WebhookURL: "hooks.test/services/T0000/not-a-real-one"},
		"slack: both a token and a webhook are given, expected one of them":                                                      {Token: token, WebhookURL: hook},
		"slack: a channel is given with a webhook, expected none\nthe webhook decides the channel; to choose it use a bot token": {WebhookURL: hook, Channel: channel},
		"slack: neither a token nor a webhook is given\nset tokenFile or webhookFile, or ask for a dry run":                      {Channel: channel},
		"slack: no channel is given, expected an ID such as C0123456789":                                                         {Token: token},
		`slack: no such severity: "grave", expected info, low, medium, high or critical`:                                         {Token: token, Channel: channel, MinSeverity: "grave"},
	} {
		_, err := New(o)
		if err == nil || err.Error() != want {
			t.Errorf("%v, expected %s", err, want)
		}
	}
	for _, bad := range []Secret{"http://[::1/services/", "ftp://hooks.test/services/", ":", "http://hooks.test/\x00services/", "https:///services/"} {
		_, err := New(Options{WebhookURL: bad})
		if err == nil || strings.Contains(strings.Split(err.Error(), "\n")[0], "services") {
			t.Errorf("%q: %v", string(bad), err)
		}
	}
}

func TestASecretShowsItselfInNoOutput(t *testing.T) {
	var log bytes.Buffer
	for way, o := range ways(nil) {
		r, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		logger := slog.New(slog.NewTextHandler(&log, nil))
		logger.Info("made", "options", o, "token", o.Token, "webhook", o.WebhookURL, "reporter", r)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("made", "token", o.Token, "webhook", o.WebhookURL)
		asJSON, err := json.Marshal([]Secret{o.Token, o.WebhookURL})
		if err != nil {
			t.Fatal(err)
		}
		leaks(t, way, log.String()+string(asJSON))
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
			leaks(t, way+" "+verb, fmt.Sprintf(verb, o)+fmt.Sprintf(verb, r)+fmt.Sprintf(verb, o.Token)+fmt.Sprintf(verb, &o))
		}
	}
}

func TestADryRunShowsNoSecret(t *testing.T) {
	for way, o := range ways(nil) {
		leaks(t, way, dryRun(t, canonical(t), o))
	}
}
