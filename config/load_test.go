package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/config"
)

func TestEveryKeyOfAGoodFileReplacesItsDefault(t *testing.T) {
	got, err := config.Load("testdata/good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		File:             "testdata/good.yaml",
		Cluster:          "prod-eu-1",
		FailOn:           "medium",
		RequireCoverage:  80,
		Settle:           90 * time.Second,
		Owner:            config.Owner{Keys: []string{"example.com/team", "team"}},
		SystemNamespaces: []string{},
		Rules: config.Rules{
			Off: []config.Name{{Value: "policy-too-wide", Line: 12}, {Value: "flow-unused-allow", Line: 13}},
			On:  []config.Name{{Value: "l7-path-fullmatch", Line: 14}},
		},
		Hubble: config.Hubble{
			Address: "hubble-relay.kube-system.svc:443",
			TLS: config.TLS{
				CA: "/etc/segproof/hubble/ca.crt", Cert: "/etc/segproof/hubble/tls.crt", Key: "/etc/segproof/hubble/tls.key",
				ServerName: "*.hubble-relay.cilium.io",
			},
		},
		Slack: config.Slack{
			Channel: "#segmentation", TokenFile: "/etc/segproof/slack/token", AppTokenFile: "/etc/segproof/slack/app-token", MinSeverity: "low", Quiet: true,
			Routes: []config.Route{
				{Owner: "payments", MinSeverity: "high", Channel: "C0000000001", Line: 30},
				{Namespace: "shop-*", NamespaceLabel: config.Label{Key: "tier", Value: "web"}, Channel: "#shop", Line: 33},
			},
			QuietHours: config.QuietHours{From: "22:00", To: "07:00", TimeZone: "Europe/Berlin"},
			PerHour:    5, DigestChannel: "C0000000002", AllowedUsers: []string{"U0123456789"},
		},
		Watch: config.Watch{
			Schedule: "0 6 * * *", TimeZone: "Europe/Berlin", Quiet: time.Minute, Limit: 10 * time.Minute,
			Window: 48 * time.Hour, Retention: 1440 * time.Hour, Listen: "127.0.0.1:9090",
			LeaderElection: config.LeaderElection{Enabled: true, Namespace: "segproof", Name: "segproof-prod"},
		},
		Store: config.Store{URL: "postgres://segproof@db.segproof.svc/segproof?passfile=/etc/segproof/pgpass"},
		Exceptions: []config.Exception{
			{
				Rule: "flow-drop-gap", Subject: config.Subject{Kind: "Deployment", Namespace: "shop", Name: "web"},
				Reason: "known until the move", Expires: time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC), Line: 51,
			},
			{
				Fingerprint: "37ba4a892ec37907dda79610be1f5d18", Reason: "accepted in CHG-1234",
				Expires: time.Date(2027, 1, 31, 17, 0, 0, 0, time.UTC), Line: 55,
			},
		},
		Upload: config.Upload{
			Github: config.Github{
				Repository: "acme/clusters", Ref: "refs/heads/main", Commit: "0123456789abcdef0123456789abcdef01234567",
				TokenFile: "/etc/segproof/github/token", API: "https://github.acme.example/api/v3", Category: "prod-eu-1",
			},
			Defectdojo: config.Defectdojo{
				URL: "https://dojo.acme.example", Product: "Clusters", Engagement: "Segmentation", Test: "prod-eu-1", TokenFile: "/etc/segproof/dojo/key",
			},
		},
		Sarif:       config.Sarif{EvidenceDir: "evidence", Parts: 3, IncludeSuppressed: true, SourceRoot: "/src"},
		Openreports: config.Openreports{Enabled: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if at := got.At(got.Rules.On[0].Line); at != "testdata/good.yaml:14" {
		t.Errorf("the rule is at %s", at)
	}
	defaults, err := config.Load("")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range equalFields("", defaults, got) {
		if key != "Slack.WebhookFile" { // excludes TokenFile
			t.Errorf("good.yaml leaves %s at its default", key)
		}
	}
}

const topKeys = "apiVersion, cluster, exceptions, failOn, hubble, kind, openreports, owner, requireCoverage, rules, sarif, settle, slack, " +
	"store, systemNamespaces, upload, watch"

// mistakes are the files testdata/bad-*.yaml and the whole error of each.
var mistakes = map[string]string{
	"address-port":      `config.yaml:4: hubble.address is "relay", expected host:port or unix:///path`,
	"address":           `config.yaml:4: hubble.address is "http://relay:4245", expected host:port or unix:///path`,
	"alias-item":        `config.yaml:6: owner.keys[0] is an alias, expected the value itself`,
	"alias":             `config.yaml:5: hubble.address is an alias, expected the value itself`,
	"boolean":           `config.yaml:4: slack.quiet is "yes", expected true or false`,
	"both-secrets":      `config.yaml:5: slack: both tokenFile and webhookFile are set, expected one of them`,
	"cert-alone":        `config.yaml:6: hubble.tls: only one of cert and key is set, expected both or neither`,
	"channel-alone":     `config.yaml:4: slack: channel is set but nothing would be sent, expected tokenFile too`,
	"duplicate-key":     `config.yaml:5: key "cluster" is given twice, first in line 3`,
	"duplicate-rule":    `config.yaml:6: rules.off[1] is "flow-drop-gap" again, first in line 5`,
	"duration-negative": `config.yaml:3: settle is "-30s", expected a duration such as 30s or 2m`,
	"duration":          `config.yaml:3: settle is "30", expected a duration such as 30s or 2m`,
	"empty-name":        `config.yaml:5: rules.on[0] is empty, expected a name`,
	"empty":             `config.yaml:1: no document, expected apiVersion: segproof.dev/v1`,
	"kind":              `config.yaml:2: kind is "Policy", expected Config`,
	"list-item":         `config.yaml:5: systemNamespaces[1] is a mapping, expected text`,
	"list":              `config.yaml:4: owner.keys is the text "team", expected a list`,
	"merge": `config.yaml:6: unknown key "<<" in slack, ` +
		`expected one of allowedUsers, appTokenFile, channel, digestChannel, minSeverity, perHour, quiet, quietHours, routes, tokenFile, webhookFile`,
	"min-severity": `config.yaml:4: slack.minSeverity is "High", expected info, low, medium, high or critical`,
	"no-channel": `config.yaml:5: slack: tokenFile is set but channel is not, expected a channel ID such as C0123456789
write a name that begins with # in quotes, or YAML takes it for a comment: channel: "#security"`,
	"no-mapping":       `config.yaml:1: the document is a list, expected keys: ` + topKeys,
	"no-version":       `config.yaml:1: apiVersion is missing, expected segproof.dev/v1`,
	"on-and-off":       `config.yaml:6: rules.on has "flow-drop-gap", which rules.off has in line 4`,
	"percent-above":    `config.yaml:3: requireCoverage is "101", expected a whole number from 0 to 100`,
	"percent":          `config.yaml:3: requireCoverage is "80%", expected a whole number from 0 to 100`,
	"secret-elsewhere": `config.yaml:3: failOn is (not shown: it looks like a secret), expected low, medium, high or critical`,
	"section":          `config.yaml:3: hubble is the text "relay:4245", expected keys: address, tls`,
	"several": `config.yaml:3: failOn is "never", expected low, medium, high or critical
config.yaml:4: settle is "soon", expected a duration such as 30s or 2m
config.yaml:6: unknown key "chanel" in slack; did you mean "channel"?`,
	"severity":        `config.yaml:3: failOn is "info", expected low, medium, high or critical`,
	"syntax":          `config.yaml:4: not YAML: did not find expected ',' or ']'`,
	"tab":             `config.yaml:4: a tab in the indentation, expected spaces`,
	"text-list":       `config.yaml:3: cluster is a list, expected text`,
	"text":            `config.yaml:3: cluster is the number "2026", expected text; write it in quotes`,
	"token-number":    `config.yaml:5: slack.tokenFile: expected a path to a file, as text`,
	"token":           `config.yaml:5: slack.tokenFile is a path to a file that holds it; do not put the token into the configuration`,
	"two-documents":   `config.yaml:4: a second document begins here, expected one`,
	"unknown-key-far": `config.yaml:4: unknown key "compression" in hubble, expected one of address, tls`,
	"unknown-key":     `config.yaml:7: unknown key "chanel" in slack; did you mean "channel"?`,
	"unknown-section": `config.yaml:3: unknown key "slak"; did you mean "slack"?`,
	"version":         `config.yaml:1: apiVersion is "segproof.dev/v2", expected segproof.dev/v1`,
	"app-token":       `config.yaml:6: slack.appTokenFile is a path to a file that holds it; do not put the token into the configuration`,
	"dojo": `config.yaml:5: upload.defectdojo: url is set but product is not
config.yaml:5: upload.defectdojo: url is set but engagement is not
config.yaml:5: upload.defectdojo: url is set but tokenFile is not`,
	"dojo-alone":            `config.yaml:5: upload.defectdojo: tokenFile is set but nothing would be uploaded, expected url too`,
	"dojo-user":             `config.yaml:5: upload.defectdojo.url holds a user or a password, expected tokenFile for it`,
	"exception-date":        `config.yaml:4: exceptions[0].expires is "tomorrow", expected a date such as 2027-01-31, or with a time as in 2027-01-31T18:00:00Z`,
	"exception-everything":  `config.yaml:4: exceptions[0] accepts every finding, expected at least one of rule, fingerprint and subject`,
	"exception-fingerprint": `config.yaml:4: exceptions[0].fingerprint is "37ba", expected 32 hexadecimal digits, as a report shows them`,
	"exception-item":        `config.yaml:4: exceptions[0] is the text "flow-drop-gap", expected keys: expires, fingerprint, reason, rule, subject`,
	"exception-key":         `config.yaml:6: unknown key "namespace" in exceptions[0], expected one of expires, fingerprint, reason, rule, subject`,
	"exception-reason":      `config.yaml:4: exceptions[0]: reason is missing, expected why the findings are accepted`,
	"github-alone":          `config.yaml:5: upload.github: tokenFile is set but nothing would be uploaded, expected repository too`,
	"github-api":            `config.yaml:5: upload.github.api is "http://github.acme.example", expected https://…`,
	"github-repository":     `config.yaml:5: upload.github.repository is "https://github.com/acme/clusters", expected owner/name`,
	"github-token":          `config.yaml:5: upload.github: repository is set but tokenFile is not`,
	"lease":                 `config.yaml:6: watch.leaderElection: name is empty, expected that of the Lease`,
	"limit":                 `config.yaml:4: watch: limit is less than quiet, expected at least as long`,
	"listen":                `config.yaml:4: watch.listen is "8080", expected host:port or :port`,
	"parts":                 `config.yaml:4: sarif.parts is "21", expected a whole number from 1 to 20`,
	"per-hour":              `config.yaml:4: slack.perHour is "0", expected a whole number from 1 to 1000`,
	"quiet-hours":           `config.yaml:5: slack.quietHours: only one of from and to is set, expected both or neither`,
	"quiet-hours-time":      `config.yaml:5: slack.quietHours.from is "10pm", expected a time of day such as "22:00", in quotes`,
	"retention":             `config.yaml:4: watch: retention is less than window, expected at least as long`,
	"route":                 `config.yaml:7: slack.routes[0]: channel is missing, expected where to send to`,
	"route-glob":            `config.yaml:5: slack.routes[0].namespace is "[a", expected a pattern such as payments-*`,
	"route-webhook":         `config.yaml:6: slack: routes is set but tokenFile is not: a webhook has one channel and no buttons`,
	"schedule":              `config.yaml:4: watch.schedule is empty, expected a schedule such as "@every 15m" or "0 6 * * *"`,
	"store-password":        `config.yaml:4: store.url holds a password; write it into a file and name that: postgres://…?passfile=/path`,
	"store-url":             `config.yaml:4: store.url: expected sqlite:PATH or postgres://…`,
	"time-zone":             `config.yaml:4: watch.timeZone is "Mars/Olympus", expected the name of a time zone such as Europe/Berlin`,
	"window":                `config.yaml:4: watch.window is "0s", expected a time in which traffic can be seen`,
	"webhook-channel":       `config.yaml:4: slack: channel is set with webhookFile, expected none: the webhook decides the channel`,
	"webhook":               `config.yaml:4: slack.webhookFile is a path to a file that holds it; do not put the token into the configuration`,
}

func TestAMistakeNamesFileLineAndWhatWasExpected(t *testing.T) {
	files, err := filepath.Glob("testdata/bad-*.yaml")
	if err != nil || len(files) != len(mistakes) {
		t.Errorf("%d files and %d expected errors (%v)", len(files), len(mistakes), err)
	}
	for _, file := range files {
		mistake := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "bad-"), ".yaml")
		t.Run(mistake, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := config.Parse("config.yaml", data)
			if err == nil || c != nil {
				t.Fatalf("was accepted: %+v", c)
			}
			if diff := cmp.Diff(mistakes[mistake], err.Error()); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(err.Error(), "not-a-real-one") {
				t.Error("the error shows a secret")
			}
		})
	}
}

func TestAKeyWithoutAValueKeepsItsDefault(t *testing.T) {
	got, err := config.Parse("", []byte("apiVersion: segproof.dev/v1\nkind: Config\nslack:\nrules:\n  off:\nfailOn:\n"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := config.Load("")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAMissingFileNamesItsPath(t *testing.T) {
	if _, err := config.Load("testdata/none.yaml"); err == nil || err.Error() != "read configuration: open testdata/none.yaml: no such file or directory" {
		t.Error(err)
	}
}

func TestAHostileFileIsRefusedBriefly(t *testing.T) {
	for name, data := range map[string]string{
		"many mistakes": "apiVersion: segproof.dev/v1\nkind: Config\n" + strings.Repeat("qqqqqqqqqq: 1\n", 10_000),
		"a long key":    strings.Repeat("q", 1_000_000) + ": 1",
		"deep":          strings.Repeat("[", 20_000),
		"control runes": "a\x00b",
		"odd keys":      "? [a]\n: 1\n? {b: c}\n: 2\n",
		"only a tag":    "!!map",
		"a mere end":    "--- \n...\n",
	} {
		if _, err := config.Parse("config.yaml", []byte(data)); err == nil || len(err.Error()) > 20_000 || !strings.Contains(err.Error(), "config.yaml:") {
			t.Errorf("%s: %.300v", name, err)
		}
	}
}

func FuzzParseNeverPanics(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := config.Parse("config.yaml", data); (c == nil) == (err == nil) {
			t.Errorf("%v, %v", c, err)
		}
	})
}
