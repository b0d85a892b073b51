package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/yaml"

	"github.com/segproof/segproof/audit/cluster"
	"github.com/segproof/segproof/audit/flows"
	"github.com/segproof/segproof/config"
)

// deployed is what is of interest here of an object that is deployed.
type deployed struct {
	Kind     string
	Metadata struct{ Name string }
	Rules    []struct{ APIGroups, Resources, ResourceNames, Verbs []string }
	Data     map[string]string
}

// manifests are the objects of one file in deploy/manifests.
func manifests(t *testing.T, file string) []deployed {
	t.Helper()
	var out []deployed
	for doc := range strings.SplitSeq("\n"+deployFile(t, "manifests", file), "\n---\n") {
		var d deployed
		if err := yaml.Unmarshal([]byte(doc), &d); err != nil {
			t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

func deployFile(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{"..", "..", "deploy"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// rights are those of all roles of a kind, one a line.
func rights(objects []deployed, kind string) []string {
	var out []string
	for _, o := range objects {
		for _, r := range o.Rules {
			if o.Kind != kind {
				continue
			}
			for _, res := range r.Resources {
				names := append([]string{""}, r.ResourceNames...)
				for _, n := range names[min(1, len(r.ResourceNames)):] {
					out = append(out, strings.Join([]string{strings.Join(r.Verbs, ","), strings.Join(r.APIGroups, ","), res, n}, " "))
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// The rights that are handed out are those of the kinds that are read: no more,
// no less, and nothing that changes anything but who leads and, where that is asked
// for, reports. Collectors have none.
func TestTheRightsAreThoseOfTheKindsThatAreRead(t *testing.T) {
	var want []string
	for _, k := range cluster.Kinds() {
		want = append(want, strings.Join([]string{"list,watch", k.Group, k.Resource, ""}, " "))
	}
	for _, r := range cluster.Named() {
		want = append(want, strings.Join([]string{"get", "", "configmaps", r.Name}, " "))
	}
	slices.Sort(want)
	lease := []string{"create coordination.k8s.io leases ", "get,update coordination.k8s.io leases segproof-watch"}
	leases := map[string][]string{"watch.yaml": lease, "store.yaml": lease}
	for _, file := range []string{"rbac.yaml", "watch.yaml", "store.yaml", "plain.yaml", "collect.yaml"} {
		objects := manifests(t, file)
		want := want
		switch file {
		case "store.yaml": // writes OpenReports
			write := "list,create,patch,delete openreports.io "
			want = slices.Sorted(slices.Values(append(slices.Clone(want), write+"reports ", write+"clusterreports ")))
		case "collect.yaml":
			want = nil
		}
		if d := cmp.Diff(want, rights(objects, "ClusterRole")); d != "" {
			t.Errorf("deploy/manifests/%s (-read +granted):\n%s", file, d)
		}
		if d := cmp.Diff(leases[file], rights(objects, "Role")); d != "" {
			t.Errorf("deploy/manifests/%s (-lease +granted):\n%s", file, d)
		}
	}
}

func TestEveryDeployedConfigurationIsTaken(t *testing.T) {
	found := 0
	for _, file := range []string{"cronjob.yaml", "watch.yaml", "store.yaml", "collect.yaml", "plain.yaml"} {
		for _, o := range manifests(t, file) {
			text, ok := o.Data["config.yaml"]
			if !ok {
				continue
			}
			found++
			path := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, err := config.Load(path)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			in := "segproof"
			if file == "collect.yaml" {
				in = "segproof-collect"
			}
			if e := cfg.Watch.LeaderElection; e.Enabled != (file != "plain.yaml") || e.Name != "segproof-watch" || e.Namespace != in {
				t.Errorf("%s: leader election %+v", file, e)
			}
			// A store that is a file would be one that a scheduled audit can't write.
			shared := file == "store.yaml" || file == "collect.yaml"
			if strings.HasPrefix(cfg.Store.URL, "postgres://") != shared || (cfg.Store.URL == "") == shared || (cfg.Hubble.Address == "") != shared {
				t.Errorf("%s has store %q and Hubble %q", file, cfg.Store.URL, cfg.Hubble.Address)
			}
			if cfg.Slack.Enabled() != (file != "collect.yaml") || cfg.Openreports.Enabled != (file == "store.yaml") {
				t.Errorf("%s tells, or doesn't: %+v", file, cfg)
			}
		}
	}
	if found != 5 {
		t.Errorf("%d configurations, want 5", found)
	}
}

func TestEveryDeployedCommandLineIsTaken(t *testing.T) {
	args := regexp.MustCompile(`(?m)^ +args:\n((?: +- .*\n)+)`)
	found := map[string]bool{}
	for _, file := range []string{"cronjob.yaml", "watch.yaml", "store.yaml", "collect.yaml", "plain.yaml"} {
		for _, m := range args.FindAllStringSubmatch(deployFile(t, "manifests", file), -1) {
			var line []string
			if err := yaml.Unmarshal([]byte(m[1]), &line); err != nil {
				t.Fatal(err)
			}
			c, rest, err := newRoot(streams{out: &bytes.Buffer{}, err: &bytes.Buffer{}}).Find(line)
			if err == nil {
				err = c.ParseFlags(rest)
			}
			if err != nil || c.Name() != line[0] {
				t.Errorf("%s: %q: %v", file, line, err)
			}
			found[line[0]] = true
		}
	}
	if !found["audit"] || !found["watch"] || !found["collect"] {
		t.Errorf("only %v are deployed", found)
	}
}

// Alerts and dashboards speak of metrics that there are.
func TestEveryMetricThatIsLookedAtIsThere(t *testing.T) {
	m := newMetrics(func() flows.Stats { return flows.Stats{} }, func() bool { return true })
	described := make(chan *prometheus.Desc)
	go func() { defer close(described); m.registry.Describe(described) }()
	has := map[string]bool{}
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	for d := range described {
		has[name.FindStringSubmatch(d.String())[1]] = true
	}
	looked := regexp.MustCompile(`\b(?:segproof|process)_[a-z_]+`)
	seen := 0
	for _, file := range []string{filepath.Join("chart", "templates", "_alerts.tpl"), filepath.Join("chart", "dashboards", "segproof.json")} {
		for _, metric := range looked.FindAllString(deployFile(t, file), -1) {
			seen++
			if !has[metric] && !has[strings.TrimSuffix(metric, "_bucket")] {
				t.Errorf("%s looks at %s, which does not exist", file, metric)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d metrics were found in alerts and dashboard", seen)
	}
}
