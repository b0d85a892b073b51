// Helm lints and renders a chart, as the command of that name does, but for the
// parts of Helm that need a cluster, a registry or a plugin: those are most of
// it, and take minutes to compile.
//
//	helm lint CHART [VALUES ...]
//	helm render CHART NAMESPACE [VALUES ...]
//
// VALUES are files that go on top of the chart's own, in order. The chart's name
// is the release's.
package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	switch {
	case len(args) >= 2 && args[0] == "lint":
		return lintChart(out, args[1], args[2:])
	case len(args) >= 3 && args[0] == "render":
		return render(out, args[1], args[2], args[3:])
	}
	return errors.New("usage: helm lint CHART [VALUES ...] | helm render CHART NAMESPACE [VALUES ...]")
}

// lintChart is helm lint --strict: a warning is an error.
func lintChart(out io.Writer, chart string, files []string) error {
	values, err := merged(files)
	if err != nil {
		return err
	}
	var worst int
	for _, m := range lint.All(chart, values, "segproof", true).Messages {
		worst = max(worst, m.Severity)
		fmt.Fprintln(out, m)
	}
	if worst >= support.WarningSev {
		return fmt.Errorf("%s: see above", chart)
	}
	return nil
}

// render writes all objects, each file under the name of its template, as helm
// template does; but in the order of the files' names.
func render(out io.Writer, dir, namespace string, files []string) error {
	values, err := merged(files)
	if err != nil {
		return err
	}
	c, err := loader.Load(dir)
	if err != nil {
		return fmt.Errorf("read the chart: %w", err)
	}
	release := chartutil.ReleaseOptions{Name: c.Name(), Namespace: namespace, Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(c, values, release, chartutil.DefaultCapabilities)
	if err != nil {
		return fmt.Errorf("values: %w", err)
	}
	rendered, err := engine.Render(c, all)
	if err != nil {
		return fmt.Errorf("render: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		text := strings.TrimSpace(rendered[name])
		if path.Ext(name) != ".yaml" || text == "" {
			continue
		}
		for doc := range strings.SplitSeq("\n"+text, "\n---") {
			if doc = strings.TrimSpace(doc); doc != "" {
				fmt.Fprintf(out, "---\n# Source: %s\n%s\n", name, doc)
			}
		}
	}
	return nil
}

// merged are the values of several files, later ones on top.
func merged(files []string) (map[string]any, error) {
	all := map[string]any{}
	for _, f := range files {
		v, err := chartutil.ReadValuesFile(f)
		if err != nil {
			return nil, fmt.Errorf("values %s: %w", f, err)
		}
		all = chartutil.CoalesceTables(v, all)
	}
	return all, nil
}
