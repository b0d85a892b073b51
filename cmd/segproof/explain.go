package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/explain"
	"github.com/segproof/segproof/audit/policy"
)

// explainFlags are the connection that is asked about, or a file of them.
type explainFlags struct {
	inputs         inputFlags
	queries        string
	port           int
	protocol       string
	http, dns, sni string
	output         string
	semantics      string
	quiet, anyPort bool
}

func newExplain(s streams) *cobra.Command {
	var f explainFlags
	c := &cobra.Command{
		Use:   "explain FROM TO",
		Short: "Why one connection is allowed or denied at each end, and what was seen of it",
		Long: `Explain decides one connection as the declared policies do: egress at the source,
then ingress at the destination, each with the policy and the rule, what came
closest where nothing allows it, and what was observed of it.

An end is namespace/pod, namespace/workload, an address, or an entity such as
entity:world. Without --port, every port that was observed is explained.

With --queries a file is answered, one JSON object a line. Each answer repeats
its query and adds verdict, egress and ingress; a query that can't be answered
gets an error, and the exit code is 1.`,
		Example: `  segproof explain payments/payments-api monitoring/prometheus --port 9090 --manifests objects.yaml --flows flows.jsonl
  segproof explain payments/payments-worker 203.0.113.7 --port 443 --manifests clusters/prod
  segproof explain --manifests clusters/prod --queries queries.jsonl -o jsonl

  # a line of queries.jsonl; an end may also be {"ip"}, {"entity"}, or {"namespace","labels"}
  {"from":{"namespace":"a","pod":"x"},"to":{"namespace":"b","pod":"y"},"protocol":"TCP","port":80}`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			f.anyPort = !c.Flags().Changed("port")
			return runExplain(c.Context(), s, &f, args)
		},
	}
	fs := c.Flags()
	f.inputs.add(fs)
	fs.StringVar(&f.queries, "queries", "", "answer the queries of `FILE`, one JSON object a line; - is standard input")
	fs.IntVar(&f.port, "port", 0, "destination `PORT`; for ICMP the type")
	fs.StringVar(&f.protocol, "protocol", "TCP", "`PROTOCOL`: TCP, UDP, SCTP, ICMPv4 or ICMPv6")
	fs.StringVar(&f.http, "http", "", "the `REQUEST` that is sent, such as \"GET /metrics\"")
	fs.StringVar(&f.dns, "dns", "", "the `NAME` that is asked for, or that the address was looked up by")
	fs.StringVar(&f.sni, "server-name", "", "the server `NAME` that a TLS connection asks for")
	fs.StringVarP(&f.output, "output", "o", "", "`FORMAT`: text or json; with --queries jsonl")
	fs.StringVar(&f.semantics, "semantics", "cilium", "`WHOSE` word counts where they differ: cilium or kubernetes")
	fs.BoolVar(&f.quiet, "quiet", false, "no progress on standard error")
	return c
}

func runExplain(ctx context.Context, s streams, f *explainFlags, args []string) error {
	options, err := policyOptions(f.semantics)
	if err != nil {
		return err
	}
	q, err := f.query(args)
	if err != nil {
		return err
	}
	if f.queries != "" {
		f.inputs.flows, f.inputs.hubble, f.inputs.since, f.inputs.listen = nil, "", 0, 0
	}
	snap, err := gather(ctx, s, &f.inputs, f.quiet)
	if err != nil {
		return err
	}
	x := explain.New(snap.Inventory, options)
	noteDeclared(s.err, snap.Inventory, x.Notes())
	if f.queries != "" {
		return answerQueries(ctx, s, x, f.queries)
	}
	return explainOne(s, x, f, q, snap.Traffic)
}

func policyOptions(semantics string) (policy.Options, error) {
	switch semantics {
	case "cilium":
		return policy.Options{Semantics: policy.Cilium}, nil
	case "kubernetes":
		return policy.Options{Semantics: policy.Kubernetes}, nil
	}
	return policy.Options{}, usage("--semantics %q: expected cilium or kubernetes", semantics)
}

// query is what the command line asks; nil if it names a file of queries.
func (f *explainFlags) query(args []string) (*explain.Query, error) {
	if f.queries != "" {
		switch {
		case len(args) > 0:
			return nil, usage("--queries and FROM TO both ask\ngive one of them")
		case f.output != "" && f.output != "jsonl":
			return nil, usage("--output %q: with --queries expected jsonl", f.output)
		case f.queries == "-" && slices.Contains(f.inputs.manifests, "-"):
			return nil, usage("--manifests - and --queries - both want standard input\ngive one of them as a file")
		}
		return nil, nil
	}
	if len(args) != 2 {
		return nil, usage("explain needs two ends, FROM and TO, or --queries\nsuch as segproof explain payments/payments-api entity:world --port 443; the ends come before --manifests, which takes all that follows")
	}
	if f.output != "" && f.output != "text" && f.output != "json" {
		return nil, usage("--output %q: expected text or json", f.output)
	}
	q := &explain.Query{Protocol: audit.Protocol(f.protocol), Port: &f.port, DNS: f.dns, SNI: f.sni}
	for i, to := range []*explain.End{&q.From, &q.To} {
		end, err := explain.ParseEnd(args[i])
		if err != nil {
			return nil, usage("%w", err)
		}
		*to = end
	}
	if f.http != "" {
		method, path, ok := strings.Cut(f.http, " ")
		if !ok {
			return nil, usage("--http %q: expected a method and a path, such as \"GET /metrics\"", f.http)
		}
		q.HTTP = &explain.Request{HTTP: audit.HTTP{Method: method, Path: path}}
	}
	return q, nil
}
