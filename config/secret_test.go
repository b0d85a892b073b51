package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/segproof/segproof/config"
)

func TestASecretLosesOneNewlineAndNothingElse(t *testing.T) {
	for text, want := range map[string]string{
		"xoxb-1":       "xoxb-1",
		"xoxb-1\n":     "xoxb-1",
		"xoxb-1\r\n":   "xoxb-1",
		"xoxb-1\n\n":   "xoxb-1\n",
		" xoxb-1 \n":   " xoxb-1 ",
		"xoxb-1\nb: 2": "xoxb-1\nb: 2",
	} {
		if got, err := config.ReadSecret(write(t, text)); err != nil || got != want {
			t.Errorf("%q gives %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestASecretThatCannotBeReadNamesOnlyItsPath(t *testing.T) {
	empty, long := write(t, "\n"), write(t, strings.Repeat("xoxb-", 20_000))
	none := filepath.Join(t.TempDir(), "none")
	for path, want := range map[string]string{
		empty: "read secret: " + empty + ": the file is empty\nwrite the token or the webhook's address into it, and nothing else",
		long:  "read secret: " + long + ": more than 65536 bytes, expected a token or an address",
		none:  "read secret: open " + none + ": no such file or directory",
	} {
		if got, err := config.ReadSecret(path); got != "" || err == nil || err.Error() != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

func write(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
