// Package openreports writes a report as objects of openreports.io, which
// Kyverno's dashboards show beside its own: a Report in each namespace that
// something is to be said of, and a ClusterReport for the rest.
//
// # Design
//
// A rule of ours is a policy there. What does not hold fails, and only warns if
// it is of severity info; what was proven passes; what is accepted is skipped,
// with the reason. What was not seen is in the ClusterReport, so that a clean
// namespace is not taken for more than it is.
//
// A message holds nothing that changes from run to run: an object that changes
// is a change of the cluster, and those who follow it, we among them, are told.
//
// An object must fit into etcd, so it holds a bounded number of results, and as
// many objects are written as are needed.
package openreports

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/segproof/segproof/audit"
)

// Source is what the reports call their author.
const Source = "segproof"

// A Reporter writes each report as YAML documents to W, ready to be applied.
type Reporter struct{ W io.Writer }

// Report writes all documents at once.
func (o Reporter) Report(_ context.Context, r *audit.Report) error {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	for _, x := range render(r) {
		if err := e.Encode(x); err != nil {
			return fmt.Errorf("write openreports: %w", err)
		}
	}
	if err := e.Close(); err != nil {
		return fmt.Errorf("write openreports: %w", err)
	}
	if _, err := o.W.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write openreports: %w", err)
	}
	return nil
}

// An Applier makes the reports of ours in a cluster what the list says: it
// creates and updates those that are in it, and deletes the others.
type Applier interface {
	Apply(ctx context.Context, objects []map[string]any) error
}

// A Writer keeps the reports in a cluster up to date.
type Writer struct{ Applier Applier }

// Report applies the objects.
func (o Writer) Report(ctx context.Context, r *audit.Report) error {
	objects, err := objects(r)
	if err != nil {
		return fmt.Errorf("make openreports: %w", err)
	}
	if err := o.Applier.Apply(ctx, objects); err != nil {
		return fmt.Errorf("apply openreports: %w", err)
	}
	return nil
}

// objects are the documents as an API client takes them.
func objects(r *audit.Report) ([]map[string]any, error) {
	b, err := json.Marshal(render(r))
	if err != nil {
		return nil, err
	}
	var out []map[string]any
	return out, json.Unmarshal(b, &out)
}
