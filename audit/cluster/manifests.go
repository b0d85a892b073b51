package cluster

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/segproof/segproof/audit"
)

// Manifests reads what is declared from YAML and JSON: a GitOps repository, a
// dump of a cluster, the output of kustomize or helm template. Nothing is
// rendered or overlaid: every file is taken as it is.
//
// A document that can't be read is a problem in the inventory; the other
// documents of the same file are used all the same.
type Manifests struct {
	Paths []string  // files, folders, and "-" for Stdin
	Stdin io.Reader // read if a path is "-"
	Name  string    // what Stdin is called in sources; "-" if empty
}

// Inventory reads all paths. It fails if nothing could be read at all.
func (m *Manifests) Inventory(ctx context.Context) (*audit.Inventory, error) {
	r := &reading{collector: newCollector(), seen: map[identity]audit.Source{}}
	names, problems := m.files()
	r.inv.Problems = problems
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("read manifests: %w", err)
		}
		r.file(m, name)
	}
	if r.read == 0 {
		return nil, r.nothing(m.Paths)
	}
	return r.finish(r.newest), nil
}

func (r *reading) nothing(paths []string) error {
	if len(r.inv.Problems) == 0 {
		return fmt.Errorf("read manifests: nothing to read in %s\nname a file, or a folder with .yaml, .yml or .json files",
			strings.Join(paths, ", "))
	}
	var s []string
	for _, p := range r.inv.Problems[:min(5, len(r.inv.Problems))] {
		s = append(s, p.String())
	}
	return fmt.Errorf("read manifests: nothing could be read\n%s", strings.Join(s, "\n"))
}
