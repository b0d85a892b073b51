package deploy

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// All kinds of Kubernetes itself are in one file, to which theirs refer.
const builtins = "builtins.json"

const objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

// schemas is a template of paths, as kubeconform takes it, of the schemas of all
// kinds that we may meet, strict: what a schema doesn't name is refused.
func schemas(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	published(t, dir)
	for _, from := range []string{
		filepath.Join(moduleDir(t, "cilium", "github.com/cilium/cilium"), "pkg/k8s/apis/cilium.io/client/crds/v2/*.yaml"),
		filepath.Join(moduleDir(t, "kyverno", "github.com/kyverno/kyverno"), "config/crds/policies.kyverno.io/*.yaml"),
	} {
		files, err := filepath.Glob(from)
		if err != nil || len(files) == 0 {
			t.Fatalf("no definitions in %s: %v", from, err)
		}
		for _, f := range files {
			custom(t, dir, f)
		}
	}
	for _, f := range operatorFiles(t) {
		custom(t, dir, f)
	}
	return filepath.Join(dir, "{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json")
}

// kind writes the schema of one kind. Kubeconform takes the version for the group
// where there is none.
func kind(t *testing.T, dir, group, version, name string, schema any) {
	t.Helper()
	if group == "" {
		group = version
	}
	write(t, filepath.Join(dir, group+"_"+version+"_"+strings.ToLower(name)+".json"), schema)
}

func write(t *testing.T, path string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// published writes the schemas that Kubernetes publishes with its source.
func published(t *testing.T, dir string) {
	t.Helper()
	var spec struct {
		Definitions map[string]map[string]any `json:"definitions"`
	}
	read(t, filepath.Join(moduleDir(t, "kube", "k8s.io/kubernetes"), "api", "openapi-spec", "swagger.json"), &spec)
	for name, d := range spec.Definitions {
		kinds, _ := d["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) == 1 {
			k := kinds[0].(map[string]any)
			kind(t, dir, k["group"].(string), k["version"].(string), k["kind"].(string), map[string]any{"$ref": builtins + "#/definitions/" + name})
		}
		strict(d)
	}
	// Either may be written as a number, which their published type doesn't say.
	for _, name := range []string{"io.k8s.apimachinery.pkg.api.resource.Quantity", "io.k8s.apimachinery.pkg.util.intstr.IntOrString"} {
		spec.Definitions[name] = map[string]any{"type": []string{"string", "integer"}}
	}
	write(t, filepath.Join(dir, builtins), spec)
}

// custom writes the schemas of a custom kind's versions.
func custom(t *testing.T, dir, file string) {
	t.Helper()
	var d struct {
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal([]byte(text(t, file)), &d); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, v := range d.Spec.Versions {
		s := v.Schema.OpenAPIV3Schema
		s["properties"].(map[string]any)["metadata"] = map[string]any{"$ref": builtins + "#/definitions/" + objectMeta}
		strict(s)
		kind(t, dir, d.Spec.Group, v.Name, d.Spec.Names.Kind, s)
	}
}

// strict lets an object have what its schema names and nothing else, all the way
// down. What stands in anyOf and the like only adds conditions.
func strict(schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	_, more := schema["additionalProperties"]
	if len(properties) > 0 && !more && schema["x-kubernetes-preserve-unknown-fields"] != true {
		schema["additionalProperties"] = false
	}
	below := slices.Collect(maps.Values(properties))
	for _, next := range append(below, schema["items"], schema["additionalProperties"]) {
		if s, ok := next.(map[string]any); ok {
			strict(s)
		}
	}
}
