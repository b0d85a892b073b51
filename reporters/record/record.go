// Package record writes the report as JSON: the record that can be read again
// and rendered in any other format.
package record

import (
	"context"
	"io"

	"github.com/segproof/segproof/audit"
)

// Reporter writes to W.
type Reporter struct{ W io.Writer }

// Report writes the record.
func (r Reporter) Report(_ context.Context, rep *audit.Report) error { return audit.Encode(r.W, rep) }
