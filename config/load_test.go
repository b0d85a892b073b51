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
		Slack: config.Slack{Channel: "#segmentation", TokenFile: "/etc/segproof/slack/token", MinSeverity: "low", Quiet: true},
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

const topKeys = "apiVersion, cluster, failOn, hubble, kind, owner, requireCoverage, rules, settle, slack, systemNamespaces"

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
		`expected one of channel, minSeverity, quiet, tokenFile, webhookFile`,
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
	"webhook-channel": `config.yaml:4: slack: channel is set with webhookFile, expected none: the webhook decides the channel`,
	"webhook":         `config.yaml:4: slack.webhookFile is a path to a file that holds it; do not put the token into the configuration`,
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
