package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/trigger"
	"github.com/segproof/segproof/config"
	"github.com/segproof/segproof/reporters/slack"
)

func TestSlackTestSaysWhatIsMissingAndFailsIfNothingWouldArrive(t *testing.T) {
	answers := map[string]string{
		"/auth.test":             `{"ok":true,"team":"Acme","user":"segproof"}`,
		"/conversations.info C1": `{"ok":true,"channel":{"id":"C1","name":"security","is_member":true}}`,
		"/conversations.info C2": `{"ok":true,"channel":{"id":"C2","name":"team","is_member":false}}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-OAuth-Scopes", "chat:write,channels:read,channels:history")
		fmt.Fprint(w, answers[strings.TrimSpace(r.URL.Path+" "+r.PostFormValue("channel"))])
	}))
	defer server.Close()
	o := slack.Options{Token: "xoxb-not-a-real-token", Channel: "C1", APIURL: server.URL}
	var out bytes.Buffer
	if err := testSlack(t.Context(), &out, o); err != nil {
		t.Error(err)
	}
	want := `ok       token of segproof in workspace Acme
ok       scope chat:write
warning  scope files:write: the token lacks it: without it the complete list is not attached
         give the app the scope files:write, and install it again
ok       scope channels:history
ok       scope channels:read
ok       channel C1 (#security)
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	out.Reset()
	o.Routes = []slack.Route{{Channel: "C2"}}
	err := testSlack(t.Context(), &out, o)
	if err == nil || err.Error() != "slack: 1 of what is needed is missing" ||
		!strings.HasSuffix(out.String(), "MISSING  channel C2 (#team): not_in_channel: the bot is not in the channel\n         invite it: /invite @segproof\n") {
		t.Errorf("error is %v, output %s", err, out.String())
	}
}

func TestTheConfigurationOfSlackBecomesOptions(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"token": "xoxb-1\n", "app": "xapp-1\n", "segproof.yaml": `apiVersion: segproof.dev/v1
kind: Config
slack:
  channel: C1
  tokenFile: ` + filepath.Join(dir, "token") + `
  appTokenFile: ` + filepath.Join(dir, "app") + `
  allowedUsers: [U1]
  digestChannel: C9
  perHour: 5
  quietHours: {from: "22:00", to: "07:30", timeZone: Europe/Berlin}
  routes:
    - {owner: payments, namespace: "pay-*", namespaceLabel: {key: pci, value: "yes"}, minSeverity: high, channel: C2}
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := loadConfig(filepath.Join(dir, "segproof.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	o, err := slackOptions(cfg, false)
	if err != nil {
		t.Fatal(err)
	}
	want := []slack.Route{{Owner: "payments", Namespace: "pay-*", LabelKey: "pci", LabelValue: "yes", MinSeverity: "high", Channel: "C2"}}
	if d := cmp.Diff(want, o.Routes); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	got := fmt.Sprintln(o.QuietHours.From, o.QuietHours.To, o.QuietHours.Zone, o.PerHour, o.Buttons, o.DigestChannel, o.AppToken)
	if want := "22h0m0s 7h30m0s Europe/Berlin 5 true C9 [secret]\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	from, err := wireSlack(streams{out: io.Discard}, cfg, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := wireListener(cfg, from, rung{}, slog.New(slog.DiscardHandler)); err != nil || l == nil {
		t.Errorf("listener %v, error is %v", l, err)
	}
	if l, err := wireListener(&config.Config{}, from, nil, nil); err != nil || l != nil {
		t.Errorf("without an app-level token: listener %v, error is %v", l, err)
	}
}

// A keeper of exceptions that may be out of order.
type acceptance struct{ err error }

func (a acceptance) Accept(context.Context, audit.Exception) error { return a.err }

func TestWhatIsAcceptedCallsForAnAuditAndWhatCouldNotBeKeptDoesNot(t *testing.T) {
	for _, want := range []error{nil, errors.New("disk is full")} {
		bell := trigger.NewBell()
		r := rung{acceptance{want}, func() { bell.Ring(audit.Manual) }}
		if err := r.Accept(t.Context(), audit.Exception{}); !errors.Is(err, want) {
			t.Errorf("error is %v, want %v", err, want)
		}
		if rang := len(bell.C()) == 1; rang != (want == nil) {
			t.Errorf("after the error %v it rang: %t", want, rang)
		}
	}
}

func TestSlackTestWithoutATokenIsWrongUsage(t *testing.T) {
	c := newSlack(streams{out: io.Discard, err: io.Discard})
	c.SetArgs([]string{"test"})
	c.SilenceErrors, c.SilenceUsage = true, true
	if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "set slack.tokenFile") {
		t.Errorf("error is %v", err)
	}
	var out bytes.Buffer
	if err := testSlack(t.Context(), &out, slack.Options{WebhookURL: "https://hooks.test/not-a-real-webhook"}); err != nil || strings.Contains(out.String(), "not-a-real") {
		t.Errorf("error is %v, output %s", err, out.String())
	}
}
