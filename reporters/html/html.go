// Package html writes the report as one page for a browser: a single file that
// asks nothing of anybody, not even of the folder it lies in.
//
// # Design
//
// The page is the record, packed, and scripts which draw it: no second wording of
// findings, and the daemon's page can read a newer record without a newer page.
// What the cluster and flows wrote reaches the document only as text, and a
// content security policy lets nothing run but the scripts of this package,
// named by their hashes: even markup that got through could do nothing.
//
// The scripts share one scope, as the files of a Go package do, so there is
// nothing to bundle; the map is drawn by Cytoscape.js, which is taken from npm
// as its lock file says and kept beside them.
package html

import (
	"context"
	"io"

	"github.com/segproof/segproof/audit"
)

//go:generate sh assets/update.sh

// Reporter writes to W.
type Reporter struct {
	W io.Writer
	// Live is for a page that a server hands out: it looks for a newer report.json
	// beside itself every half minute. A page that is not live requests nothing.
	Live bool
}

// Report writes the page.
func (r *Reporter) Report(_ context.Context, rep *audit.Report) error { return r.write(r.W, rep) }
