package config

import (
	"net/url"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Watch says how the daemon runs.
type Watch struct {
	Schedule       string // cron, or @every and a duration
	TimeZone       string // of the schedule; "" for UTC
	Quiet          time.Duration
	Limit          time.Duration
	Window         time.Duration
	Retention      time.Duration
	Listen         string // host:port of health, metrics and the report page
	LeaderElection LeaderElection
}

// LeaderElection lets one of several replicas audit, by a Lease.
type LeaderElection struct {
	Enabled   bool
	Namespace string // of the Lease; "" for the pod's own
	Name      string
}

// Store says where conversations and history are kept.
type Store struct {
	URL string // sqlite:PATH or postgres://…; "" for the command's default
}

func (d *decoder) watch(w *Watch) func(string, *yaml.Node) {
	return d.section(fields{
		"schedule":  d.schedule(&w.Schedule),
		"timeZone":  d.timeZone(&w.TimeZone),
		"quiet":     d.duration(&w.Quiet),
		"limit":     d.duration(&w.Limit),
		"window":    d.duration(&w.Window),
		"retention": d.duration(&w.Retention),
		"listen":    d.listen(&w.Listen),
		"leaderElection": d.section(fields{
			"enabled":   d.boolean(&w.LeaderElection.Enabled),
			"namespace": d.text(&w.LeaderElection.Namespace),
			"name":      d.text(&w.LeaderElection.Name),
		}),
	})
}

// checkWatch finds keys of the daemon that do not go together.
func (d *decoder) checkWatch(w *Watch) {
	switch {
	case w.Limit < w.Quiet:
		d.errorf(max(d.lines["watch.limit"], d.lines["watch.quiet"]), "watch: limit is less than quiet, expected at least as long")
	case w.Window <= 0:
		d.errorf(d.lines["watch.window"], "watch.window is \"0s\", expected a time in which traffic can be seen")
	case w.Retention < w.Window:
		d.errorf(max(d.lines["watch.retention"], d.lines["watch.window"]), "watch: retention is less than window, expected at least as long")
	}
	if w.LeaderElection.Enabled && w.LeaderElection.Name == "" {
		d.errorf(d.lines["watch.leaderElection.name"], "watch.leaderElection: name is empty, expected that of the Lease")
	}
}

// schedule takes what cron reads. Whether it is a good one is known to who
// reads it; an empty one would never start a run.
func (d *decoder) schedule(to *string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		d.text(to)(path, n)
		if n.ShortTag() == "!!str" && strings.TrimSpace(n.Value) == "" {
			d.errorf(n.Line, "%s is empty, expected a schedule such as \"@every 15m\" or \"0 6 * * *\"", path)
		}
	}
}

// storeURL takes where to store. A password would stand in the open.
func (d *decoder) storeURL(to *string) func(string, *yaml.Node) {
	return func(path string, n *yaml.Node) {
		const expected = "sqlite:PATH or postgres://…"
		s, ok := d.scalar(path, n, expected)
		if !ok || s == "" {
			return
		}
		if p, sqlite := strings.CutPrefix(s, "sqlite:"); sqlite && p != "" {
			*to = s
			return
		}
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
			d.errorf(n.Line, "%s: expected %s", path, expected)
			return
		}
		if _, secret := u.User.Password(); secret || u.Query().Has("password") {
			d.errorf(n.Line, "%s holds a password; write it into a file and name that: postgres://…?passfile=/path", path)
			return
		}
		*to = s
	}
}
