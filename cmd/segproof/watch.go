package main

import (
	"github.com/spf13/cobra"
)

// watchFlags are what differs from one daemon to the next.
type watchFlags struct {
	inputs                          inputFlags
	store, listen, schedule, config string
	json, sarif                     string
	formats                         formatFlags
	verbose                         bool
}

func newWatch(s streams) *cobra.Command {
	var f watchFlags
	c := &cobra.Command{
		Use:   "watch",
		Short: "Follow a cluster, and audit on schedule and on change",
		Long: `Watch follows the API server and Hubble, and audits on a schedule, once changes
have been quiet for a while, and at once when a declared deny seems to be carried.
It runs until it is told to end (SIGTERM), and keeps conversations and what each
reporter was last told in a store, so that a restart loses nothing.

It serves what it knows at --listen:

  /             the report as a page      /report.json, /report.sarif
  /healthz      it runs                   /readyz   cluster and flows are followed
  /metrics      for Prometheus

Everything else is set in the configuration file, see the section watch in
'segproof watch --config FILE' and config/default.yaml.`,
		Example: `  # on a laptop, through a port-forward
  kubectl -n kube-system port-forward service/hubble-relay 4245:80 &
  segproof watch --hubble localhost:4245 --listen localhost:8080

  # in a cluster, with its own service account
  segproof watch --config /etc/segproof/config.yaml --store sqlite:/var/lib/segproof/segproof.db`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w, err := wireWatch(c.Context(), s, &f)
			if err != nil {
				return err
			}
			return w.run(c.Context())
		},
	}
	fs := c.Flags()
	f.inputs.addLive(fs)
	fs.StringVar(&f.config, "config", "", "configuration `FILE`: schedule, owners, rules, exceptions, Slack")
	fs.StringVar(&f.store, "store", "", "where conversations and history are kept: sqlite:PATH or postgres://… (`URL`; default sqlite:segproof.db)")
	fs.StringVar(&f.listen, "listen", "", "`ADDR` of health, metrics and the report, such as localhost:8080 (default from the configuration)")
	fs.StringVar(&f.schedule, "schedule", "", "when to audit, as cron says it: `CRON` such as \"0 6 * * *\" or \"@every 15m\" (default from the configuration)")
	fs.StringVar(&f.json, "json", "", "write the record of each run to `FILE`")
	fs.StringVar(&f.sarif, "sarif", "", "write SARIF 2.1.0 of each run to `FILE`")
	f.formats.add(fs)
	fs.BoolVar(&f.verbose, "verbose", false, "log what is done in detail")
	return c
}
