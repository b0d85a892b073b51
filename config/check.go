package config

import (
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// secret matches what tokens of Slack and GitHub, and webhooks, look like.
var secret = regexp.MustCompile(`(?i)xox[a-z.]|xapp-|hooks\.slack|\bgh[pousr]_[a-z0-9]{8}|\bgithub_pat_`)

// secretFile takes a path. People do put the token itself there; no error
// shows the value of such a key, whatever it is.
func (d *decoder) secretFile(to *string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		switch {
		case n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str":
			d.errorf(n.Line, "%s: expected a path to a file, as text", path)
		case secret.MatchString(n.Value) || strings.Contains(n.Value, "://"):
			d.errorf(n.Line, "%s is a path to a file that holds it; do not put the token into the configuration", path)
		default:
			*to = n.Value
		}
	}
}

func (d *decoder) address(to *string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		d.text(to)(path, n)
		if *to != "" && !isAddress(*to) {
			d.errorf(n.Line, "%s is %s, expected host:port or unix:///path", path, quote(*to))
		}
	}
}

func isAddress(s string) bool {
	if p, ok := strings.CutPrefix(s, "unix://"); ok {
		return strings.HasPrefix(p, "/") && len(p) > 1
	}
	host, port, err := net.SplitHostPort(s)
	n, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && n > 0 && host != "" && !strings.Contains(host, "/")
}

// check finds keys that do not go together.
func (d *decoder) check(c *Config) {
	if (c.Hubble.TLS.Cert == "") != (c.Hubble.TLS.Key == "") {
		d.errorf(max(d.lines["hubble.tls.cert"], d.lines["hubble.tls.key"]), "hubble.tls: only one of cert and key is set, expected both or neither")
	}
	for _, on := range c.Rules.On {
		if i := slices.IndexFunc(c.Rules.Off, func(off Name) bool { return off.Value == on.Value }); i >= 0 {
			d.errorf(on.Line, "rules.on has %s, which rules.off has in line %d", quote(on.Value), c.Rules.Off[i].Line)
		}
	}
	d.checkSlack(&c.Slack)
	d.checkWatch(&c.Watch)
	d.checkExceptions(c.Exceptions)
	d.checkUpload(&c.Upload)
}
