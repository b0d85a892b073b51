package deploy

import (
	"cmp"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the manifests as they are rendered")

// A manifest is made of some templates of the chart, under one of its examples.
type manifest struct {
	file, says string
	values, in string // an example, and the namespace if it isn't segproof
	templates  []string
}

var made = []manifest{
	{
		"rbac.yaml", "The namespace, and what an audit of a live cluster reads. For cronjob.yaml, and for an audit from outside.",
		"cronjob", "", []string{"namespace", "rbac"},
	},
	{
		"cronjob.yaml", "One audit each morning, told in Slack. Needs rbac.yaml, and a Secret segproof-slack with the key token.",
		"cronjob", "", []string{"configmap", "cronjob", "networkpolicy"},
	},
	{
		"watch.yaml", "The daemon, two replicas, with the Prometheus Operator and Grafana. Instead of rbac.yaml and cronjob.yaml.\n" +
			"# Needs a Secret segproof-slack with the key token.",
		"watch", "", []string{"namespace", "rbac", "lease", "configmap", "deployment", "networkpolicy", "monitoring"},
	},
	{
		"collect.yaml", "A collector on every node, in a namespace of their own; for whom the other modes read the store, see store.yaml. Needs PostgreSQL\n" +
			"# (its address and pods are examples: put in your own) and a Secret segproof-store with the key pgpass.",
		"collect", "segproof-collect", []string{"namespace", "configmap", "daemonset", "networkpolicy", "monitoring"},
	},
	{
		"store.yaml", "Both modes on the store that collectors (collect.yaml) fill, and findings as OpenReports. Needs a Secret segproof-slack with the\n" +
			"# key token, and segproof-store with the key pgpass, in the namespace segproof.",
		"store", "", []string{"namespace", "rbac", "lease", "configmap", "cronjob", "deployment", "networkpolicy"},
	},
	{
		"plain.yaml", "Both, for a cluster that has NetworkPolicy alone: one replica of the daemon on a PersistentVolumeClaim segproof. The addresses\n" +
			"# of the API server and of the proxy to Slack are examples: put in your own.",
		"kubernetes", "", []string{"namespace", "rbac", "configmap", "cronjob", "deployment", "networkpolicy"},
	},
}

// text is the manifest as it is rendered from the chart.
func (m manifest) text(t *testing.T) string {
	t.Helper()
	rendered := renderIn(t, cmp.Or(m.in, namespace), filepath.Join(chart, "ci", m.values+"-values.yaml"))
	var out strings.Builder
	out.WriteString("# " + m.says + "\n# Rendered from ../chart with ci/" + m.values + "-values.yaml; change those, and run: go -C test test ./deploy -update\n")
	for _, want := range m.templates {
		source := "# Source: segproof/templates/" + want + ".yaml\n"
		found := false
		for doc := range strings.SplitSeq("\n"+rendered, "\n---\n") {
			if body, ok := strings.CutPrefix(doc, source); ok {
				out.WriteString("---\n" + strings.ReplaceAll(strings.TrimSpace(body), "managed-by: Helm", "managed-by: kubectl") + "\n")
				found = true
			}
		}
		if !found {
			t.Errorf("%s: %s renders nothing", m.file, want)
		}
	}
	return out.String()
}

func TestTheManifestsAreWhatTheChartRenders(t *testing.T) {
	var files []string
	for _, m := range made {
		path := filepath.Join(manifests, m.file)
		files = append(files, m.file)
		want := m.text(t)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		if d := gocmp.Diff(want, string(got)); d != "" {
			t.Errorf("%s (-chart +file), write it with -update:\n%s", m.file, d)
		}
	}
	found, err := os.ReadDir(manifests)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !slices.Contains(files, f.Name()) {
			t.Errorf("%s is not made from the chart", f.Name())
		}
	}
}
