package rig

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Definitions are the custom kinds of one project, taken from its module.
type Definitions struct {
	pinnedBy, module string
	folder           string // within the module
	skip             string // files whose name begins so
}

// CiliumDefinitions are Cilium's policies, endpoints, identities and nodes.
func CiliumDefinitions() Definitions {
	return Definitions{"cilium", "github.com/cilium/cilium", "pkg/k8s/apis/cilium.io/client/crds", ""}
}

// KyvernoDefinitions are Kyverno's policies and its own reports.
func KyvernoDefinitions() Definitions {
	return Definitions{"kyverno", "github.com/kyverno/kyverno", "config/crds", "openreports"}
}

// OpenReportsDefinitions are the reports of openreports.io.
func OpenReportsDefinitions() Definitions {
	return Definitions{"kyverno", "github.com/openreports/reports-api", "config/crd", ""}
}

// Install installs custom kinds and waits until they are served.
func (a *API) Install(t testing.TB, all ...Definitions) {
	t.Helper()
	began := time.Now()
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(4)
	n := 0
	for _, d := range all {
		for _, path := range d.files(t) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			n++
			g.Go(func() error { return a.TryApply(ctx, string(data)) })
		}
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	Until(t, patience, "definitions are served", func() error { return a.established(t) })
	a.mapper.Reset()
	t.Logf("%d definitions installed in %.1f s", n, time.Since(began).Seconds())
}

func (d Definitions) files(t testing.TB) []string {
	t.Helper()
	dir, err := moduleDir(t.Context(), d.pinnedBy, d.module)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	err = filepath.WalkDir(filepath.Join(dir, d.folder), func(path string, e os.DirEntry, err error) error {
		name := filepath.Base(path)
		skipped := d.skip != "" && strings.HasPrefix(name, d.skip)
		if err == nil && !e.IsDir() && strings.HasSuffix(name, ".yaml") && name != "kustomization.yaml" && !skipped {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("no definitions in %s of %s", d.folder, d.module)
	}
	return out
}

func (a *API) established(t testing.TB) error {
	list, err := a.Objects(t, "customresourcedefinitions.apiextensions.k8s.io", "").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, o := range list.Items {
		if !condition(o, "Established") {
			return errors.New(o.GetName() + " is not established")
		}
	}
	return nil
}

// condition tells whether an object's status says that a condition is true.
func condition(o unstructured.Unstructured, kind string) bool {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		if m, ok := c.(map[string]any); ok && m["type"] == kind {
			return m["status"] == "True"
		}
	}
	return false
}
