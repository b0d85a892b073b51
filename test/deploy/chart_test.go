package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestTheChartIsWithoutALintersWarningUnderEveryExample(t *testing.T) {
	for _, values := range examples(t) {
		if out, errs, err := helm(t, "lint", chart, values); err != nil || out != "" {
			t.Errorf("%s: %v\n%s%s", filepath.Base(values), err, out, errs)
		}
	}
}

func TestEveryExampleRendersTwiceToTheSameObjects(t *testing.T) {
	for _, values := range examples(t) {
		once := render(t, values)
		if once != render(t, values) {
			t.Errorf("%s: two renderings differ", filepath.Base(values))
		}
		seen := map[string]bool{}
		for _, o := range decode(t, once) {
			id := o.GroupVersionKind().String() + " " + o.GetName()
			if seen[id] {
				t.Errorf("%s: %s is there twice", filepath.Base(values), id)
			}
			seen[id] = true
			if o.GetLabels()["app.kubernetes.io/part-of"] != "segproof" {
				t.Errorf("%s: %s does not say what it is part of", filepath.Base(values), id)
			}
		}
	}
}

func TestValuesThatCannotWorkAreRefusedWithAHint(t *testing.T) {
	for values, want := range map[string]string{
		"bogus: 1":                   "'bogus' not allowed",
		"slack: {key: tokn}":         "must be one of 'token', 'webhook'",
		"slack: {existingSecret: s}": "set slack.channel",
		"slack: {token: xoxb-1}":     "'token' not allowed",
		"store: {postgres: {url: 'postgres://u:pw@h/d'}}":         "store/postgres/url",
		"store: {postgres: {url: 'postgres://u@h/d'}}":            "would cut us off",
		"networkPolicy: {flavor: kubernetes}":                     "set networkPolicy.apiServer.cidrs",
		"collect: {enabled: true}":                                "set store.postgres",
		"openReports: {enabled: true}":                            "set watch.enabled",
		"hubble: {address: relay}":                                "hubble/address",
		"collect: {port: 80}":                                     "collect/port",
		"watch: {enabled: true, replicas: 0}":                     "minimum",
		"watch: {enabled: true, persistence: {existingClaim: c}}": "set watch.replicas: 1",
		"metrics: {prometheusRule: {team: ''}}":                   "metrics/prometheusRule/team",
		"cronjob: {resources: {limits: {cpu: null}}}":             "cronjob/resources/limits",
		"config: {kind: Other}":                                   "/config",
	} {
		_, errs, err := helm(t, "render", chart, namespace, save(t, "values.yaml", values))
		if err == nil || !strings.Contains(errs, want) {
			t.Errorf("%s: want a refusal that says %q, got %v\n%s", values, want, err, errs)
		}
	}
}

// That values.yaml holds nothing else is checked by every rendering.
func TestEveryValueOfTheSchemaHasItsDefaultInValues(t *testing.T) {
	var values map[string]any
	read(t, filepath.Join(chart, "values.yaml"), &values)
	var schema map[string]any
	read(t, filepath.Join(chart, "values.schema.json"), &schema)
	var walk func(path string, schema map[string]any, value any)
	walk = func(path string, schema map[string]any, value any) {
		properties, ok := schema["properties"].(map[string]any)
		if !ok || schema["required"] != nil {
			return
		}
		defaults, ok := value.(map[string]any)
		if !ok {
			t.Errorf("%s has no default", path)
			return
		}
		for k, s := range properties {
			if _, ok := defaults[k]; !ok {
				t.Errorf("%s/%s is in the schema and not in values.yaml", path, k)
			}
			walk(path+"/"+k, s.(map[string]any), defaults[k])
		}
	}
	walk("", schema, values)
}

func TestNothingOfTheChartIsNeverRendered(t *testing.T) {
	var all strings.Builder
	for _, values := range examples(t) {
		all.WriteString(render(t, values))
	}
	files, err := filepath.Glob(filepath.Join(chart, "templates", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.Contains(all.String(), "# Source: segproof/templates/"+filepath.Base(f)) {
			t.Errorf("no example renders %s", filepath.Base(f))
		}
	}
	if left := regexp.MustCompile(`<no value>|<nil>|%!`).FindString(all.String()); left != "" {
		t.Errorf("a rendering holds %q", left)
	}
}

func read(t *testing.T, path string, to any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, to); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
