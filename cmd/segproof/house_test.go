package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/segproof/segproof"

// The rooms of the house, and the arrows between them: what each package of
// ours may import. A package that is not here has no place in the house.
var rooms = map[string][]string{
	"audit":                 {},
	"audit/cluster":         {"audit"},
	"audit/explain":         {"audit", "audit/policy"},
	"audit/flows":           {"audit"},
	"audit/policy":          {"audit"},
	"audit/rules":           {"audit", "audit/policy"},
	"audit/store":           {"audit"},
	"audit/suggest":         {"audit", "audit/policy"},
	"audit/trigger":         {"audit"},
	"config":                {},
	"reporters":             {"audit"},
	"reporters/defectdojo":  {"audit"},
	"reporters/github":      {"audit"},
	"reporters/junit":       {"audit"},
	"reporters/markdown":    {"audit"},
	"reporters/openreports": {"audit"},
	"reporters/prometheus":  {"audit"},
	"reporters/html":        {"audit"},
	"reporters/record":      {"audit"},
	"reporters/sarif":       {"audit"},
	"reporters/slack":       {"audit"},
	"reporters/text":        {"audit"},
	"cmd/segproof":          {"*"},
}

// One door for each heavy dependency: the only packages that may import it.
var doors = map[string][]string{
	"github.com/cilium/cilium/":              {"audit/flows"},
	"google.golang.org/grpc":                 {"audit/flows"},
	"google.golang.org/protobuf":             {"audit/flows"},
	"k8s.io/client-go/":                      {"audit/cluster"},
	"k8s.io/klog/":                           {"audit/cluster"}, // client-go's logger, to keep it off standard error
	"github.com/go-logr/":                    {"audit/cluster"},
	"sigs.k8s.io/json":                       {"audit/cluster"},
	"golang.org/x/text/":                     {"audit/cluster", "reporters/text"},
	"k8s.io/api/":                            {"audit", "audit/cluster", "audit/policy"},
	"k8s.io/apimachinery/":                   {"audit", "audit/cluster", "audit/policy"},
	"github.com/slack-go/slack":              {"reporters/slack"},
	"github.com/owenrumney/go-sarif/":        {"reporters/sarif"},
	"github.com/robfig/cron/":                {"audit/trigger"},
	"modernc.org/sqlite":                     {"audit/store"},
	"github.com/jackc/pgx/":                  {"audit/store"},
	"github.com/prometheus/client_golang/":   {"reporters/prometheus", "cmd/segproof"},
	"github.com/spf13/":                      {"cmd/segproof"},
	"golang.org/x/term":                      {"cmd/segproof"},
	"golang.org/x/sync/":                     {"audit/flows", "audit/cluster", "cmd/segproof"},
	"go.yaml.in/yaml/":                       {"audit/cluster", "audit/suggest", "config", "reporters/openreports"},
	"sigs.k8s.io/yaml":                       {"audit/cluster"},
	"github.com/google/go-cmp/":              {},
	"github.com/rogpeppe/go-internal/":       {"audit/suggest"}, // its unified diff
	"github.com/santhosh-tekuri/jsonschema/": {},
}

// Of Cilium only the generated API is taken: its other packages bring hundreds.
const ciliumAPI = "github.com/cilium/cilium/api/v1/"

func TestEveryPackageHasARoomAndArrowsPointAtAudit(t *testing.T) {
	seen := map[string]bool{}
	for file, imports := range sources(t) {
		room := filepath.ToSlash(filepath.Dir(file))
		allowed, ok := rooms[room]
		if !ok {
			t.Errorf("%s: package %s has no place in the house", file, room)
		}
		seen[room] = true
		for _, path := range imports {
			if err := check(room, allowed, path); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	for room := range rooms {
		if !seen[room] {
			t.Errorf("room %s is empty", room)
		}
	}
}

func check(room string, allowed []string, path string) error {
	if ours, ok := strings.CutPrefix(path, module+"/"); ok {
		if !slices.Contains(allowed, ours) && !slices.Contains(allowed, "*") {
			return fmt.Errorf("%s may not import %s", room, ours)
		}
		return nil
	}
	if !strings.Contains(strings.Split(path, "/")[0], ".") {
		return nil // the standard library
	}
	if strings.HasPrefix(path, "github.com/cilium/cilium/") && !strings.HasPrefix(path, ciliumAPI) {
		return fmt.Errorf("of Cilium only %s may be imported, not %s", ciliumAPI, path)
	}
	for door, open := range doors {
		if strings.HasPrefix(path, door) {
			if !slices.Contains(open, room) {
				return fmt.Errorf("%s may not import %s: its door is %v", room, path, open)
			}
			return nil
		}
	}
	return fmt.Errorf("%s imports %s, which has no door", room, path)
}

// sources parses every Go file that ships: path from the root → imports.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	root := filepath.Join("..", "..")
	out := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (rel == "test" || d.Name() == "testdata" || rel != "." && strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		out[rel] = []string{}
		for _, i := range f.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			out[rel] = append(out[rel], p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
