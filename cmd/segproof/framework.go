package main

import (
	"context"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// byFramework adds to each report what it shows of the controls of one
// framework, and passes it on.
type byFramework struct {
	framework string
	audit.Reporter
}

func (b byFramework) Report(ctx context.Context, r *audit.Report) error {
	with := *r
	with.Compliance = audit.Comply(r, b.framework)
	return b.Reporter.Report(ctx, &with)
}

// wireFramework wraps a reporter if a framework was asked for.
func wireFramework(framework string, to audit.Reporter) (audit.Reporter, error) {
	if framework == "" {
		return to, nil
	}
	all := audit.Frameworks()
	if !slices.ContainsFunc(all, func(f audit.Framework) bool { return f.Key == framework }) {
		return nil, usage("--framework %q: expected %s", framework, frameworkKeys())
	}
	return byFramework{framework, to}, nil
}

// frameworkKeys lists the frameworks as --framework takes them.
func frameworkKeys() string {
	var keys []string
	for _, f := range audit.Frameworks() {
		keys = append(keys, f.Key)
	}
	return strings.Join(keys[:len(keys)-1], ", ") + " or " + keys[len(keys)-1]
}
