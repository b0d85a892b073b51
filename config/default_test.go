package config_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/segproof/segproof/config"
)

func TestNoFileGivesTheDefaults(t *testing.T) {
	got, err := config.Load("")
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		FailOn: "high",
		Settle: 30 * time.Second,
		Owner:  config.Owner{Keys: []string{"team", "owner"}},
		SystemNamespaces: []string{
			"kube-system", "kube-public", "kube-node-lease", "cilium", "cilium-secrets", "kyverno",
			"gatekeeper-system", "gke-managed-system", "gmp-system", "local-path-storage",
		},
		Rules: config.Rules{Off: []config.Name{}, On: []config.Name{}},
		Slack: config.Slack{MinSeverity: "medium", Routes: []config.Route{}, PerHour: 20, AllowedUsers: []string{}},
		Watch: config.Watch{
			Schedule: "@every 15m", Quiet: 30 * time.Second, Limit: 5 * time.Minute, Window: 24 * time.Hour, Retention: 720 * time.Hour,
			Listen: ":8080", LeaderElection: config.LeaderElection{Name: "segproof"},
		},
		Exceptions: []config.Exception{},
		Upload:     config.Upload{Github: config.Github{API: "https://api.github.com"}},
		Sarif:      config.Sarif{Parts: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDefaultYAMLIsAFileThatCanBeCopied(t *testing.T) {
	got, err := config.Load("default.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want, err := config.Load("")
	if err != nil {
		t.Fatal(err)
	}
	got.File = ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Each key needs its line of why: on it, or on what holds it.
func TestDefaultYAMLExplainsEveryKeyAndNoOther(t *testing.T) {
	data, err := os.ReadFile("default.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	var written []string
	var walk func(path string, n *yaml.Node)
	walk = func(path string, n *yaml.Node) {
		for i := 0; i < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			at := strings.TrimPrefix(path+"."+key.Value, ".")
			if value.Kind == yaml.MappingNode {
				walk(at, value)
				continue
			}
			written = append(written, at)
			if key.HeadComment == "" && at != "kind" {
				t.Errorf("line %d: %s is not explained", key.Line, at)
			}
		}
	}
	walk("", document.Content[0])
	want := append([]string{"apiVersion", "kind"}, keys("", reflect.TypeFor[config.Config]())...)
	slices.Sort(want)
	slices.Sort(written)
	if diff := cmp.Diff(want, written); diff != "" {
		t.Error(diff)
	}
}

// keys lists the leaves of a struct as the file spells them.
func keys(path string, of reflect.Type) (out []string) {
	for f := range of.Fields() {
		name := strings.ToLower(f.Name[:1]) + f.Name[1:]
		if strings.ToUpper(f.Name) == f.Name {
			name = strings.ToLower(f.Name)
		}
		at := strings.TrimPrefix(path+"."+name, ".")
		switch {
		case f.Type.Kind() == reflect.Struct:
			out = append(out, keys(at, f.Type)...)
		case at != "file":
			out = append(out, at)
		}
	}
	return out
}

// equalFields lists the leaves in which two values are equal.
func equalFields(path string, a, b any) (out []string) {
	x, y := reflect.Indirect(reflect.ValueOf(a)), reflect.Indirect(reflect.ValueOf(b))
	for i := range x.NumField() {
		at := strings.TrimPrefix(path+"."+x.Type().Field(i).Name, ".")
		if x.Field(i).Kind() == reflect.Struct {
			out = append(out, equalFields(at, x.Field(i).Interface(), y.Field(i).Interface())...)
		} else if reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			out = append(out, at)
		}
	}
	return out
}
